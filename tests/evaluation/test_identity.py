"""A stored number is found again by all that it depends on, and by nothing less."""

import json

import pytest
import torch
from torch import nn

from mvlib.analysers import Classifier, load
from mvlib.codecs import RealCodec
from mvlib.evaluation import identity
from mvlib.evaluation.cells import CellStore
from mvlib.evaluation.conditions import condition
from mvlib.evaluation.experiment import ANCHOR, Experiment
from mvlib.evaluation.protocol import Protocol


def classifier(**options):
    """One convolution, the same weights in every call, behind the scale of ``options``."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    usual = {"input_size": (32, 32), "mean": (0.5,) * 3, "std": (0.25,) * 3, "classes": "abcd", "name": "a"}
    return Classifier(network, **usual | options)


CHANGES = [
    {"std": (0.9,) * 3}, {"mean": (0.4,) * 3}, {"input_size": (16, 16)}, {"interpolation": "bilinear"},
]  # fmt: skip


@pytest.mark.parametrize("options", CHANGES)
def test_a_machine_that_looks_another_way_is_another(options):
    assert identity.of_analyser("a", classifier()) == identity.of_analyser("a", classifier())
    assert identity.of_analyser("a", classifier(**options)) != identity.of_analyser("a", classifier())


def test_an_option_deep_inside_and_a_class_count():
    deep, other = classifier(), classifier()
    deep.network[0].stride = (2, 2)
    other.network[1] = nn.AdaptiveMaxPool2d(1)
    found = {identity.of_analyser("a", a) for a in (classifier(), deep, other)}
    assert len(found) == 3


def test_cells_of_another_machine_are_not_found():
    experiment = Experiment(codecs=("x264",), conditions=(ANCHOR,), qps=(30, 40), limit=2)
    a, b = (
        Protocol(experiment, CellStore(None), analysers={"a": classifier(**options)})
        for options in ({}, {"std": (0.9,) * 3})
    )
    assert a.keys(a.cells[0])[""] == b.keys(b.cells[0])[""]
    assert a.keys(a.cells[0])["a"] != b.keys(b.cells[0])["a"]


def test_a_real_machine_has_the_same_name_each_time_it_is_loaded():
    one, two = (load("nanodet", pretrained=True) for _ in range(2))
    name = identity.of_analyser("nanodet", one)
    one(torch.rand(1, 3, 64, 64))
    assert name == identity.of_analyser("nanodet", one) == identity.of_analyser("nanodet", two)


def test_other_versions_of_the_libraries_are_another_machine(monkeypatch):
    before = identity.of_analyser("a", classifier())
    monkeypatch.setattr(identity, "libraries", lambda: ("timm 0.0",))
    assert identity.of_analyser("a", classifier()) != before


def test_what_a_qp_means_to_an_encoder_is_part_of_it(monkeypatch):
    codec = RealCodec("webp", gop="intra")
    before = identity.of_codec(codec, (30, 40), 1)
    assert before == identity.of_codec(codec, (30, 40), 1) != identity.of_codec(codec, (30, 41), 1)
    monkeypatch.setattr(RealCodec, "native_of", lambda *_: 50)
    assert identity.of_codec(codec, (30, 40), 1) != before


def anchor(path, highest: float):
    results = {"qp": [20, 36, 51], "bpp": [1.5, 0.25, 0.04]}
    results |= {f"features:{name}": [0.04, 0.4, highest] for name in ("nanodet", "efficientnet_lite0")}
    curve = {"codec": "x265", "condition": "codec alone", "results": results}
    path.write_text(json.dumps({"curves": [curve]}))
    return path


def test_a_refined_row_knows_what_its_options_lead_to(tmp_path, monkeypatch):
    from mvlib.virtual import codec as virtual

    spec = f"refined:x265:efficientnet_lite0:1:anchor={anchor(tmp_path / 'anchor.json', 0.9)}"
    found = [condition(spec, (37,)).weights, condition(spec, (37,)).weights]
    assert found[0] == found[1]
    anchor(tmp_path / "anchor.json", 0.8)
    found.append(condition(spec, (37,)).weights)
    rates = virtual.load_rates
    monkeypatch.setattr(virtual, "load_rates", lambda name, gop: rates("x264", gop))
    found.append(condition(spec, (37,)).weights)
    assert len(set(found[1:])) == 3
    loaded = load("efficientnet_lite0")
    with torch.no_grad():
        next(loaded.parameters()).add_(1)
    monkeypatch.setattr("mvlib.analysers.load", lambda name: loaded)
    assert condition(spec, (37,)).weights not in found
