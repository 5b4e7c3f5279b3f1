"""The training command as it is used on a server: killed and started again, and shared by several processes."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from copy import deepcopy

import numpy as np
import pytest
import torch

from mvlib.training.experiment import ImageTraining
from mvlib.training.loop import Trainer

STEPS = 4


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """A training that 2 does not divide the batch of. The anchor is a made-up curve."""
    anchor = tmp_path_factory.mktemp("anchor") / "anchor.json"
    results = {"qp": [20, 36, 51], "bpp": [1.5, 0.25, 0.04], "kl:efficientnet_lite0": [0.03, 0.3, 2.5]}
    curve = {"codec": "x264", "condition": "codec alone", "results": results}
    anchor.write_text(json.dumps({"curves": [curve]}))
    return {
        "codecs": ("x264",), "steps": STEPS, "batch": 3, "size": 64, "warmup": 2, "workers": 0,
        "checkpoint_every": 1, "device": "cpu", "anchor": anchor,
    }  # fmt: skip


@pytest.fixture(scope="module")
def unbroken(options, tmp_path_factory):
    """Checkpoint and log of the same training in one process that nobody disturbed."""
    folder = tmp_path_factory.mktemp("unbroken")
    Trainer(ImageTraining(**options), folder).run(progress=False)
    return read(folder)


def read(folder):
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    with (folder / "log.csv").open(newline="") as file:
        return state, list(csv.DictReader(file))


def start(options, folder, *launcher):
    """The command in a process group of its own."""
    config = folder / "options.yaml"
    folder.mkdir(exist_ok=True)
    config.write_text(json.dumps({k: str(v) if k == "anchor" else v for k, v in options.items()}))
    command = [
        sys.executable,
        *launcher,
        "-m",
        "mvlib",
        "train",
        "image",
        "--config",
        str(config),
        "--out",
        str(folder),
    ]
    log = (folder / "said").open("a")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)


def finish(process, folder, seconds=300):
    try:
        assert process.wait(seconds) == 0, (folder / "said").read_text()[-3000:]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def test_killed_by_the_kernel_and_started_again_it_ends_with_the_same_weights(options, unbroken, tmp_path):
    process = start(options, tmp_path)
    checkpoint = tmp_path / "checkpoint.pt"
    while process.poll() is None and not checkpoint.is_file():
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, (tmp_path / "said").read_text()[-3000:]
    assert 1 <= torch.load(checkpoint, weights_only=True)["step"] < STEPS
    finish(start(options, tmp_path), tmp_path)
    (state, log), (expected, expected_log) = read(tmp_path), unbroken
    for part in ("model", "average"):
        for name, value in expected[part].items():
            torch.testing.assert_close(state[part][name], value, rtol=0, atol=0, msg=f"{part} {name}")
    assert log == expected_log
    assert (tmp_path / "preprocessor.safetensors").is_file() and "steps: 4" in (
        tmp_path / "config.yaml"
    ).read_text()


def test_two_processes_train_as_one_does(options, unbroken, tmp_path):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    launcher = ("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2")
    finish(start(options, tmp_path, *launcher, "--main_process_port", port), tmp_path)
    (state, log), (expected, expected_log) = read(tmp_path), deepcopy(unbroken)
    assert len(log) == STEPS
    for row, expected_row in zip(log, expected_log, strict=True):
        assert row.pop("codec") == expected_row.pop("codec")
        for name, value in expected_row.items():
            np.testing.assert_allclose(float(row[name]), float(value), rtol=1e-4, atol=1e-6, err_msg=name)
    for name, value in expected["model"].items():
        torch.testing.assert_close(state["model"][name], value, rtol=1e-3, atol=1e-5, msg=name)
