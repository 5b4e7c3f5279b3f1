"""torch.compile by choice: the same training, ordinary weights, a checkpoint that goes on without it."""

import csv
import getpass
import os
import shutil
import sys
import tempfile
import time
from dataclasses import replace

import pytest
import torch
from tiny_training import anchor_file, tiny
from torch import nn

from mvlib import analysers
from mvlib.analysers import Classifier, feature_distance, features
from mvlib.preprocess import build_preprocessor, load_preprocessor, save_preprocessor
from mvlib.training.experiment import ImageTraining
from mvlib.training.loop import Trainer
from mvlib.training.speed import FORWARD, measure_speed

pytestmark = pytest.mark.slow
COMPILER = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
SMALL, SMALLEST = {"widths": (4, 8), "blocks": (1, 1)}, {"widths": (4,), "blocks": (1,)}


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    # Kernels kept from a run under another ATEN_CPU_CAPABILITY would be taken, and abort the process.
    kept = (
        f"{tempfile.gettempdir()}/torchinductor_{getpass.getuser()}_{torch.backends.cpu.get_cpu_capability()}"
    )
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", kept)
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def training(tmp_path, monkeypatch):
    monkeypatch.setattr(analysers, "load", tiny)
    return ImageTraining(
        analysers=("tiny",), codecs=("x264",), steps=3, batch=2, size=32, warmup=1, workers=0, device="cpu",
        checkpoint_every=2, anchor=anchor_file(tmp_path, "x264", "tiny"),
        network=SMALLEST,
    )  # fmt: skip


def rows(folder):
    with (folder / "log.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "codec"} for row in csv.DictReader(file)]


@pytest.mark.skipif(shutil.which(COMPILER) is None, reason=f"torch.compile needs a C++ compiler, {COMPILER}")
def test_a_compiled_training_is_the_same_and_may_go_on_uncompiled(training, tmp_path, monkeypatch):
    # Kernels of the preprocessor alone: each graph keeps the C++ compiler busy for seconds. The analyser's are traced.
    ordinary = nn.Module.compile
    monkeypatch.setattr(Classifier, "compile", lambda network: ordinary(network, backend="aot_eager"))
    Trainer(training, tmp_path / "plain").run(progress=False)
    compiled = Trainer(replace(training, compile=True), tmp_path / "compiled")
    for x, qp in compiled.batches():
        compiled.update(x, qp)
        if compiled.step == 2:
            compiled.save()
            break
    assert not [name for name in compiled.model.state_dict() if name.startswith("_orig_mod")]
    facts = {"command": "c", "data": "d", "seed": 0, "steps": 2, "analysers": ["tiny"], "codecs": ["x264"]}
    path = save_preprocessor(
        compiled.average.module, tmp_path / "it.safetensors", dtype=torch.float32, **facts
    )
    picture = torch.rand(1, 3, 32, 48)
    with torch.no_grad():
        expected = compiled.average.module.eval()(picture, 40)
    torch.testing.assert_close(load_preprocessor(path)(picture, 40), expected, rtol=0, atol=1e-6)

    again = Trainer(training, tmp_path / "compiled")
    again.run(progress=False)
    assert again.step == 3
    (last,), all_of_plain = rows(tmp_path / "compiled"), rows(tmp_path / "plain")
    for name, value in all_of_plain[-1].items():
        assert float(last[name]) == pytest.approx(float(value), rel=1e-3, abs=1e-5), name


def pair(architecture, options):
    """A network whose every weight does something, twice; and the graphs that the second is compiled to.

    They are captured but not turned into kernels, which is what would take minutes.
    """
    (plain, compiled), graphs = (build_preprocessor(architecture, options) for _ in range(2)), []
    for parameter in plain.parameters():
        nn.init.normal_(parameter, std=0.05)
    compiled.load_state_dict(plain.state_dict())
    compiled.compile(backend=lambda graph, _: graphs.append(graph) or graph.forward)
    return plain, compiled, graphs


def alike(plain, compiled, x):
    """Output and gradients of both agree."""
    qp = torch.tensor([30.0, 40])
    outputs = [network(x, qp) for network in (plain, compiled)]
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-4, atol=1e-5)
    gradients = [
        torch.autograd.grad(y.square().mean(), list(network.parameters()), allow_unused=True)
        for y, network in zip(outputs, (plain, compiled), strict=True)
    ]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-3, atol=1e-5)


def test_a_network_for_pictures_is_one_graph_of_any_size():
    plain, compiled, graphs = pair("Compact", SMALL)
    for shape, count in (((32, 32), 1), ((48, 64), 2), ((64, 80), 2)):
        alike(plain, compiled, torch.rand(2, 3, *shape))
        assert len(graphs) == count, "the second size asks for a graph of any size, the third needs no other"


@pytest.mark.parametrize(
    "architecture, options", [("CompactVideo", {"spatial": SMALLEST}), ("ZhaoPreprocessor", {})]
)
def test_a_longer_clip_takes_more_calls_and_not_a_larger_graph(architecture, options):
    plain, compiled, graphs = pair(architecture, options)
    counts, largest = [], []
    for frames in (2, 3, 4):
        alike(plain, compiled, torch.rand(2, frames, 3, 32, 32))
        counts.append(len(graphs))
        largest.append(max(len(graph.graph.nodes) for graph in graphs))
    assert 1 <= counts[0] <= 8 and counts[2] == counts[1] <= 2 * counts[0], (
        "the second length frees the third"
    )
    assert largest[2] < 1.2 * largest[0]


def test_a_compiled_analyser_still_shows_its_late_maps():
    plain, compiled = tiny(), tiny()
    compiled.compile(backend=lambda graph, _: graph.forward)
    pictures = torch.rand(3, 2, 3, 40, 40)
    for x in pictures:
        torch.testing.assert_close(compiled(x), plain(x))
        assert feature_distance(features(compiled, x), features(plain, x)).max() < 1e-8


def test_the_stages_of_a_compiled_training_are_timed_without_its_compiling(training, tmp_path, monkeypatch):
    ordinary, calls = nn.Module.compile, []
    kept = {"backend": lambda graph, _: calls.append(time.perf_counter()) or graph.forward}
    monkeypatch.setattr(nn.Module, "compile", lambda network: ordinary(network, **kept))
    trainer = Trainer(replace(training, compile=True, steps=6), tmp_path)
    start = time.perf_counter()
    speed = measure_speed(trainer, steps=2, warm_up=1)
    assert trainer.step == 6 and set(FORWARD) <= set(speed.stages)
    assert calls and all(0 < speed.stages[name] < time.perf_counter() - start for name in FORWARD)
    assert sum(speed.stages[name] for name in FORWARD) < 0.5 * (max(calls) - start), "compiling took longer"
