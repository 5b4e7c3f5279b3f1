"""Where networks work when there are several GPUs: on that of the process, for which "meta" stands here."""

import numpy as np
import pytest
import torch

from mvlib import analysers
from mvlib.evaluation import conditions, protocol
from mvlib.evaluation.cells import CellStore
from mvlib.evaluation.experiment import ANCHOR, Experiment
from mvlib.evaluation.material import Material
from mvlib.samples import Sample

KINDS = {
    "pictures": ("nanodet", 1),
    "clips": ("action_shift", 2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_and_machines_are_on_the_device_of_their_process(kind, monkeypatch):
    machine, frames = KINDS[kind]
    networks, devices = [], []

    class Second(protocol.Processes):
        def __init__(self, device):
            super().__init__("cpu")
            self.device = torch.device("meta")

    ordinary = conditions.load_for

    def load(name, device):
        devices.append(device)
        networks.append(ordinary(name, "cpu"))
        return networks[-1]

    monkeypatch.setattr(protocol, "Processes", Second)
    monkeypatch.setattr(conditions, "load_for", load)
    of_kind = Experiment(
        kind, codecs=("x264",), conditions=(ANCHOR,), limit=2, qps=(30, 40),
        preprocessors=("image", "refined:x265:efficientnet_lite0:1"),
    )  # fmt: skip
    sample = Sample(np.zeros((frames, 48, 48, 3), np.uint8), "s")
    material = Material("", "", 1, lambda i: sample, clips=frames > 1)
    parts = {"analysers": {machine: analysers.load(machine)}, "material": material}
    ready = protocol.Protocol(of_kind, CellStore(None), **parts)
    assert devices == [torch.device("meta")] * 2
    for network in (*networks, ready.analysers[machine]):
        assert {p.device.type for p in network.parameters()} == {"meta"}
    assert all(cell.row.identity for cell in ready.cells), (
        "read before the weights went where they cannot be read"
    )
