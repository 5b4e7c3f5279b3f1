"""Ctrl-C as a terminal sends it, to the whole process group: an end in seconds, what is finished kept, one line."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from launching import start
from tiny_training import anchor_file

from mvlib import pool
from mvlib._files import read_sealed
from mvlib._interruption import Ahead, result_of, stopping, whole
from mvlib.codecs import programs
from mvlib.codecs.coded import unpack


def interrupted(arguments, said, begun, how=signal.SIGINT):
    """Start the command, press Ctrl-C when ``begun()``; exit status and what it said behind its progress bars."""
    process = start(arguments, said)
    try:
        while not begun():
            assert process.poll() is None, said.read_text()[-3000:]
            time.sleep(0.02)
        os.killpg(process.pid, how)
        status = process.wait(90)  # what is stopped below takes many minutes; a slow machine needs seconds
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGABRT)  # where each thread is: faulthandler
        time.sleep(2)
        raise AssertionError(said.read_text()[-6000:]) from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while children(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not children(process.pid)
    text = said.read_text()
    assert "Traceback" not in text and "Error" not in text, text[-3000:]
    return status, text.replace("\r", "\n").strip().splitlines()[-1]


def children(group):
    """Processes that are left of the group."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pgid=,stat="], capture_output=True, text=True, check=True
    ).stdout
    return [
        line for line in listed.splitlines() if line.split()[0] == str(group) and "Z" not in line.split()[1]
    ]


@pytest.mark.slow
def test_an_evaluation_keeps_its_streams(tmp_path):
    options = {
        "codecs": ["x265"],
        "preset": "veryslow",
        "conditions": ["codec alone"],
        "qps": [20, 22, 24, 26, 28, 30],
    }
    options |= {
        "material": "films",
        "frames": 16,
        "size": 224,
        "limit": 32,
        "analysers": ["efficientnet_lite0"],
    }
    (tmp_path / "options.yaml").write_text(json.dumps(options | {"dry_run": True}))
    cells = tmp_path / "cells"
    arguments = ["evaluate", "video", "--config", str(tmp_path / "options.yaml"), "--cells", str(cells)]
    arguments += ["--out", str(tmp_path / "out.json")]
    status, last = interrupted(arguments, tmp_path / "said", lambda: len([*cells.rglob("[!.]*.stream")]) > 1)
    assert status == 130
    assert last == f"mvlib: stopped; what is finished is kept in {cells}: the same command goes on from there"
    kept, of = [*cells.rglob("[!.]*.stream")], 24 * 6  # clips and QPs
    assert 1 < len(kept) < of and all(len(unpack(read_sealed(path)).packets) == 16 for path in kept)


@pytest.mark.slow
@pytest.mark.parametrize("how, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_training_keeps_the_step_that_it_was_in(how, status, tmp_path):
    options = {"codecs": ["x264"], "steps": 100_000, "batch": 2, "size": 64, "workers": 2, "device": "cpu"}
    options |= {"checkpoint_every": 50_000, "anchor": str(anchor_file(tmp_path, "x264"))}
    (tmp_path / "options.yaml").write_text(json.dumps(options))
    said, out = tmp_path / "said", tmp_path / "out"
    arguments = ["train", "image", "--config", str(tmp_path / "options.yaml"), "--out", str(out)]
    found, last = interrupted(arguments, said, lambda: re.search(r"\| [3-9]/100000", said.read_text()), how)
    step = torch.load(out / "checkpoint.pt", weights_only=True)["step"]
    assert found == status and step >= 3
    kept = (
        f"mvlib: stopped; step {step} is kept in {out / 'checkpoint.pt'}: the same command goes on from there"
    )
    assert last == kept
    assert len((out / "log.csv").read_text().splitlines()) == 1 + step
    assert not [*out.glob(".checkpoint-*")]


@pytest.mark.slow
def test_encoding_leaves_nothing_half_written(tmp_path):
    clip = np.random.default_rng(0).integers(0, 255, (100, 20, 20, 3), np.uint8).repeat(16, 1).repeat(16, 2)
    write(tmp_path / "clip.mkv", clip)
    prepared, out = tmp_path / "prepared.mkv", tmp_path / "out.mkv"
    arguments = ["encode", str(tmp_path / "clip.mkv"), str(out), "--preset", "placebo", "--qp", "10"]
    arguments += ["--codec", "x265", "--preprocessor", "image", "--prepared", str(prepared)]
    said = tmp_path / "said"
    status, last = interrupted(arguments, said, lambda: re.search(r"\| \d+/100", said.read_text()))
    assert (status, last) == (130, "mvlib: stopped; nothing is written of what wasn't finished")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mkv", "said"]


def write(path, frames):
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "bgr0"
        for rgb in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.fixture
def ctrl_c(monkeypatch):
    """Ctrl-C as Python has it: a shell in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: os.kill(os.getpid(), signal.SIGINT)
    signal.signal(signal.SIGINT, before)


def test_a_whole_block_ends_and_a_second_ctrl_c_does_not_wait_for_it(ctrl_c):
    done = []
    with pytest.raises(KeyboardInterrupt), whole():
        ctrl_c()
        done.append("all of it")
    assert done and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt), whole():
        ctrl_c()
        ctrl_c()
        done.append("never")
    assert done == ["all of it"]


def test_words_are_given_once_and_an_error_is_no_interruption():
    with pytest.raises(KeyboardInterrupt, match="inner"), stopping("outer"), stopping("inner"):
        raise KeyboardInterrupt
    with pytest.raises(ZeroDivisionError), stopping("stopped"):
        raise ZeroDivisionError


def test_work_ahead_is_stopped_in_the_middle_of_python_and_of_the_pool(ctrl_c, tmp_path):
    begun = threading.Event()

    def endless():
        begun.set()
        while True:
            time.sleep(0.01)

    for work, arguments in (
        (endless, ()),
        (encode_for_hours, (begun, None)),
        (encode_for_hours, (begun, tmp_path)),
    ):
        begun.clear()
        with pytest.raises(KeyboardInterrupt), Ahead() as ahead:
            coming = ahead.begin(work, *arguments)
            never = ahead.begin(endless)
            begun.wait()
            time.sleep(0.5)  # the pool waits for its workers by now
            ctrl_c()
            coming.result()
        assert isinstance(coming.exception(), KeyboardInterrupt) and never.cancelled()
    assert (
        "sleep 3600" not in subprocess.run(["ps", "-A", "-o", "args="], capture_output=True, text=True).stdout
    )


def encode_for_hours(begun, folder):
    """In worker processes, or by another program in threads."""
    begun.set()
    if folder is None:
        pool.run(time.sleep, [(3600,)] * 2, 2, False, "")
    else:
        jobs = [(["sleep", "3600"], folder, folder / f"log{k}", None) for k in range(2)]
        pool.run(programs.run_program, jobs, 2, False, "", processes=False)


def test_a_signal_that_reached_another_thread_ends_the_wait(ctrl_c):
    released = threading.Event()

    def work():
        time.sleep(0.3)  # the main thread waits by now
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        return released.wait(30)

    with ThreadPoolExecutor(1) as threads:
        coming = threads.submit(work)
        with pytest.raises(KeyboardInterrupt):
            result_of(coming)
        still_working = not coming.done()
        released.set()
    assert still_working


def test_work_ahead_is_finished_and_handed_over():
    with Ahead() as ahead:
        coming = [ahead.begin(pow, 2, k) for k in range(4)]
    assert [c.result() for c in coming] == [1, 2, 4, 8]


HALF_MADE = """
import sys
import mvlib.__main__ as program

class Half:
    def __del__(self):
        raise AttributeError("it was stopped before it was made")

def stopped() -> None:
    half = Half()
    raise KeyboardInterrupt

program.COMMANDS = {"stopped": stopped}
sys.argv = ["mvlib", "stopped"]
program.main()
"""


def test_what_was_stopped_half_made_goes_without_a_word():
    done = subprocess.run([sys.executable, "-c", HALF_MADE], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (130, "mvlib: stopped\n")
