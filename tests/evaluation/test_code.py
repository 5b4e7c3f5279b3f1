"""A stored number belongs to the code that made it: edit what a machine or a row does, and it is measured anew."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mvlib._store import digest
from mvlib.analysers import Classifier
from mvlib.evaluation import conditions, identity
from mvlib.evaluation.cells import CellStore
from mvlib.evaluation.experiment import ANCHOR, Experiment
from mvlib.evaluation.protocol import Protocol
from mvlib.evaluation.scoring import Scorer

MACHINE = '''
"""A machine and a preprocessor of somebody's own."""
import torch
from torch import nn

from mine_helpers import weigh
from mvlib.preprocess import Preprocessor

SHARE = 0.5


class Network(nn.Module):
    """Four numbers."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return weigh(self.conv(x)).mean((2, 3))


class Base(Preprocessor):
    def process(self, x, qp):
        return self.change(x)


class Mine(Base):
    def change(self, x):
        with torch.no_grad():  # no reason
            return SHARE * x
'''
HELPERS = """
def weigh(x):
    def inner(y):
        return 3 * y

    return inner(x)
"""
EXPERIMENT = Experiment(
    codecs=("x264",), conditions=(ANCHOR, "blur 0.5"), preprocessors=("mine",), qps=(30, 45), limit=2
)


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The module, and a function that edits one of its files and loads both again."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    files = {"mine_machine": MACHINE, "mine_helpers": HELPERS}

    def edit(name=None, old="", new=""):
        if name:
            assert old in files[name]
            files[name] = files[name].replace(old, new)
        for module, text in files.items():
            (tmp_path / f"{module}.py").write_text(text)
            sys.modules.pop(module, None)
        importlib.invalidate_caches()
        return importlib.import_module("mine_machine")

    yield edit
    for module in files:
        sys.modules.pop(module, None)


def protocol(module, store, monkeypatch):
    def load(_, device):
        network = module.Mine().eval()
        network.card, network.config = {"sha256": "0"}, conditions.load_for.config
        return network

    load.config = real("image", "cpu").config
    monkeypatch.setattr(conditions, "load_for", load)
    torch.manual_seed(0)
    options = {"input_size": (32, 32), "mean": (0.5,) * 3, "std": (0.25,) * 3, "classes": "abcd"}
    analyser = Classifier(module.Network(), name="mine", **options)
    return Protocol(EXPERIMENT, CellStore(store), analysers={"mine": analyser})


real = conditions.load_for
ROWS = {ANCHOR, "blur 0.5", "mine"}
# What is edited: file, old text, new text; and the parts of cells that are to be measured anew.
RATES, MACHINES = {(row, "") for row in ROWS}, {(row, "mine") for row in ROWS}
EDITS = {
    "nothing": ((None, "", ""), set()),
    "a comment": (("mine_machine", "# no reason", "# a good one\n"), set()),
    "a docstring": (("mine_machine", "Four numbers", "Some numbers"), set()),
    "the preprocessor": (("mine_machine", "SHARE * x", "SHARE * x.sqrt()"), {("mine", ""), ("mine", "mine")}),
    "its base": (("mine_machine", "self.change(x)", "self.change(x) / 2"), {("mine", ""), ("mine", "mine")}),
    "its constant": (("mine_machine", "SHARE = 0.5", "SHARE = 0.25"), {("mine", ""), ("mine", "mine")}),
    "the machine": (("mine_machine", ".mean((2, 3))", ".amax((2, 3))"), MACHINES),
    "what it calls elsewhere": (("mine_helpers", "3 * y", "4 * y"), MACHINES),
}


@pytest.mark.parametrize("what", EDITS)
def test_edited_code_is_measured_anew_and_only_that(mine, tmp_path, monkeypatch, what):
    first = protocol(mine(), tmp_path / "cells", monkeypatch)
    first.run_shared(progress=False)
    edit, expected = EDITS[what]
    again = protocol(mine(*edit), tmp_path / "cells", monkeypatch)
    assert {(cell.row.name, part) for cell in again.cells for part in again.missing(cell)} == expected


def test_a_baseline_and_the_protocol_itself_are_code_too(monkeypatch):
    def keys():
        identity.does.cache_clear()
        row = conditions.Condition(
            "blur", conditions.partial(conditions.gaussian_blur, sigma=0.5), conditions.upscale
        )
        return row.identity, identity.does(Scorer)

    before = keys()
    assert before == keys()
    monkeypatch.setattr(conditions, "_on_tensor", lambda frames, function: frames)
    monkeypatch.setattr("mvlib.evaluation.scoring.match", lambda truth, found: found)
    assert all(old != new for old, new in zip(before, keys(), strict=True))
    identity.does.cache_clear()


def test_code_of_a_session_without_a_file_counts():
    def made(body):
        space = {"__name__": "__main__", "nn": nn}
        exec(f"class Net(nn.Module):\n    def forward(self, x):\n        return {body}\n", space)
        return digest(*identity.facts(space["Net"]()))

    assert made("x + 1") == made("x + 1 # one") != made("x + 2")


def test_what_holds_its_content_elsewhere_is_looked_into():
    def scripted(weight, factor):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = nn.Parameter(torch.tensor(weight))

            def forward(self, x):
                return x * self.weight * factor

        return digest(*identity.facts(torch.jit.trace(Net(), torch.ones(2))))

    class Slots:
        __slots__ = ("value",)

        def __init__(self, value):
            self.value = value

    def of(thing):
        return digest(*identity.facts(thing))

    assert scripted(1.0, 2.0) == scripted(1.0, 2.0)
    assert len({scripted(1.0, 2.0), scripted(3.0, 2.0), scripted(1.0, 5.0)}) == 3
    assert of(Slots(1)) == of(Slots(1)) != of(Slots(2))
    assert of(Path("a")) == of(Path("a")) != of(Path("b"))
    assert of(re.compile("a")) != of(re.compile("b"))
    assert of(np.float32(1)) != of(np.float32(2))


def test_functions_that_name_one_another_and_what_decorates_them_end():
    def outer(function):
        def wrapper(x):
            return function(x) + 1

        wrapper.__wrapped__ = function
        return wrapper

    def louder(function):
        def wrapper(x):
            return function(x) + 2

        wrapper.__wrapped__ = function
        return wrapper

    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)

    assert digest(*identity.facts(even)) != digest(*identity.facts(odd))
    assert digest(*identity.facts(outer(even))) != digest(*identity.facts(louder(even)))


NAMES = """
from mvlib.codecs import RealCodec
from mvlib.evaluation import identity
from mvlib.evaluation.conditions import condition
from mvlib.evaluation.encoding import Encoding
from mvlib.evaluation.scoring import Scorer
from mvlib.preprocess import Refinement

import numpy as np
RealCodec("x264").map([np.zeros((1, 32, 32, 3), np.uint8)] * WORKERS, 30, workers=WORKERS)  # leaves traces
names = [identity.does(code) for code in (Encoding, Scorer, RealCodec, Refinement)]
names += [condition(row, (30,)).identity for row in ("blur 0.5", "image", "video")]
"""


def test_another_process_finds_the_same():
    """Whatever the order of its sets and whatever else it imported; it takes seconds, most of them to import torch."""
    here = {"WORKERS": 2}
    exec(NAMES, here)
    there = subprocess.run(
        [sys.executable, "-c", f"WORKERS = 1\n{NAMES}\nprint(*names)"], env=os.environ | {"PYTHONHASHSEED": "7"},
        text=True, capture_output=True, check=True, cwd=Path(__file__).parents[2],
    ).stdout  # fmt: skip
    assert there.split() == " ".join(here["names"]).split()
