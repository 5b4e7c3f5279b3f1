"""Where networks work when there are several GPUs: on that of the process, for which "meta" stands here."""

import numpy as np
import pytest
import torch

from mvlib import analysers
from mvlib.evaluation import conditions, image
from mvlib.evaluation.cells import CellStore
from mvlib.evaluation.experiment import ANCHOR, ImageExperiment, VideoExperiment
from mvlib.evaluation.image import ImageProtocol
from mvlib.evaluation.material import Material, Sample
from mvlib.evaluation.video import VideoProtocol

KINDS = {
    "pictures": (ImageProtocol, ImageExperiment, "nanodet"),
    "clips": (VideoProtocol, VideoExperiment, "action_shift"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_and_machines_are_on_the_device_of_their_process(kind, monkeypatch):
    protocol, experiment, machine = KINDS[kind]
    networks, refiners = [], []

    class Second(image.Processes):
        def __init__(self):
            super().__init__("cpu")
            self.device = torch.device("meta")

    class Refiner(conditions.Refiner):
        def __init__(self, options, device):
            refiners.append(device)
            super().__init__(options, "cpu")

    ordinary = conditions.load_preprocessor

    def load(name):
        networks.append(ordinary(name))
        return networks[-1]

    monkeypatch.setattr(image, "Processes", Second)
    monkeypatch.setattr(conditions, "Refiner", Refiner)
    monkeypatch.setattr(conditions, "load_preprocessor", load)
    asked = experiment(
        codecs=("x264",), conditions=(ANCHOR,), limit=2, qps=(30, 40),
        preprocessors=("image", "refined:x265:efficientnet_lite0:1"),
    )  # fmt: skip
    sample = Sample(np.zeros((48, 48, 3), np.uint8), "s")
    ready = protocol(
        asked, CellStore(None), {machine: analysers.load(machine)}, Material("", "", 1, lambda i: sample)
    )
    assert refiners == ["meta"]
    assert len(networks) == 1
    for network in (*networks, ready.analysers[machine]):
        assert {p.device.type for p in network.parameters()} == {"meta"}
    assert all(cell.row.identity for cell in ready.cells), (
        "read before the weights went where they cannot be read"
    )
