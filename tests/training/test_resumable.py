"""Checkpoints: damaged ones are refused by name, and a training killed at any moment ends as an unbroken one."""

import io
import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from mvlib._files import write_sealed
from mvlib.errors import FileError, InputError
from mvlib.training.resumable import Resumable


class Line(Resumable):
    """A network of two numbers and its optimiser."""

    parts = ("network", "optimiser")

    def __init__(self, folder):
        super().__init__(None, folder)
        torch.manual_seed(0)
        self.network = nn.Linear(1, 1)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), 0.1)

    def facts(self):
        return {"training": "a line"}

    def run(self, steps, each=lambda step: None):
        with self.alone(), self.kept_when_stopped():
            if (state := self.read()) is not None:
                self.restore(state)
            while self.step < steps:
                with self.whole_step():
                    x = torch.full((1, 1), float(self.step))
                    self.optimiser.zero_grad()
                    (self.network(x) - 2 * x).square().sum().backward()
                    self.optimiser.step()
                    self.step += 1
                    each(self.step)
        return self.network.weight.item(), self.network.bias.item()


@pytest.fixture
def line(tmp_path):
    line = Line(tmp_path)
    line.run(3)
    line.save()
    return line


def test_no_bit_of_a_checkpoint_flips_in_silence(line):
    whole = line.checkpoint.read_bytes()
    for k in range(0, len(whole), 7):
        line.checkpoint.write_bytes(bytes([*whole[:k], whole[k] ^ 1 << k % 8, *whole[k + 1 :]]))
        with pytest.raises(InputError, match=f"^{line.checkpoint} is damaged.*; remove it to start anew"):
            line.read()
    for damaged in (b"", whole[:-1], whole[:100], b"another program's"):
        line.checkpoint.write_bytes(damaged)
        with pytest.raises(InputError, match=f"^{line.checkpoint} is damaged.*; remove it to start anew"):
            line.run(4)


def saved(what):
    packed = io.BytesIO()
    torch.save(what, packed)
    return packed.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        b"a text",
        b"",
        saved([1, 2]),
        saved({"step": 3}),
        saved({"step": 3, "training": "a line", "network": {}}),
    ],
    ids=["text", "nothing", "list", "step alone", "no optimiser"],
)
def test_a_checkpoint_of_something_else_is_refused_by_name(body, line):
    write_sealed(line.checkpoint, body)
    with pytest.raises(
        InputError, match=f"^{line.checkpoint} is no checkpoint of such a training; remove it"
    ):
        line.run(4)


def test_a_network_of_another_shape_is_refused_by_name(line):
    other = Line(line.folder)
    other.network = nn.Linear(2, 1)
    with pytest.raises(InputError, match=f"the network in {line.checkpoint} is of another version"):
        other.run(4)


def test_a_checkpoint_that_cannot_be_read_is_not_taken_for_none(tmp_path):
    (tmp_path / "checkpoint.pt").mkdir()
    with pytest.raises(FileError, match=r"checkpoint\.pt cannot be read"):
        Line(tmp_path).run(1)


def test_it_is_still_a_file_that_torch_reads(line):
    assert torch.load(line.checkpoint, weights_only=True)["step"] == 3


# Children train from the checkpoint, which each step writes, until they are killed; the last one may end.
KILLED = """
import os, random, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_resumable import Line
folder = Path(sys.argv[2])
Line(folder.with_name("warm")).run(1)  # what a first step imports, once for all children
for k in range(12):
    begun, child = os.pipe(), os.fork()
    if child == 0:
        line = Line(folder)
        line.run(10**9, lambda step: (line.save(), os.write(begun[1], b"x")))
    os.close(begun[1])
    os.read(begun[0], 1)
    time.sleep(random.Random(k).uniform(0, 0.02))
    os.kill(child, signal.SIGKILL)
    os.close(begun[0])
    os.waitpid(child, 0)
line = Line(folder)
line.restore(line.read())
step = line.step
print(step, *line.run(step + 3))
line.save()
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_as_an_unbroken_one(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, os.path.dirname(__file__), str(tmp_path / "killed")],
        capture_output=True, text=True, timeout=200, check=True,
    )  # fmt: skip
    step, *found = done.stdout.split()
    assert int(step) >= 12 and [float(x) for x in found] == [*Line(tmp_path / "whole").run(int(step) + 3)]
    assert [p.name for p in (tmp_path / "killed").glob(".checkpoint-*")] == []
