"""A folder is one training's, a result one evaluation's: another one is refused and told whose it is."""

import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest
from launching import start
from tiny_training import anchor_file

from mvlib.__main__ import main
from mvlib._files import alone
from mvlib.errors import InputError

HOLDS = """
import os, sys, time
from mvlib._files import alone
with alone(sys.argv[1], "training"):
    if os.fork() == 0:  # as DataLoader's workers are
        time.sleep(30)
        os._exit(0)
    print("held", flush=True)
    time.sleep(600)
"""


def test_another_process_is_told_whose_it_is_and_a_killed_one_holds_nothing(tmp_path):
    path = tmp_path / "runs" / "checkpoint.pt"
    first = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(path)], stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        assert first.stdout.readline() == b"held\n"
        whose = rf"another training \(process {first.pid} on {re.escape(socket.gethostname())}, since 20\d\d-"
        with (
            pytest.raises(InputError, match=rf"^{path} is being written by {whose}"),
            alone(path, "training"),
        ):
            pytest.fail("two at once")
        os.kill(first.pid, signal.SIGKILL)  # its child lives on
        first.wait()
        with alone(path, "training"):
            pass
    finally:
        os.killpg(first.pid, signal.SIGKILL)


def test_it_is_free_behind_the_block_and_behind_an_error(tmp_path):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), alone(tmp_path / "x.json", "evaluation"):
            raise ZeroDivisionError
    x, y = tmp_path / "x.json", tmp_path / "y.json"
    twice = pytest.raises(InputError, match="another evaluation")
    with alone(x, "evaluation"), alone(y, "evaluation"), twice, alone(x, "evaluation"):
        pytest.fail("two at once")


@pytest.fixture
def training(tmp_path):
    options = {"codecs": ["x264"], "steps": 2, "batch": 2, "size": 64, "workers": 0, "device": "cpu"}
    (tmp_path / "options.yaml").write_text(
        json.dumps(options | {"anchor": str(anchor_file(tmp_path, "x264"))})
    )
    return ["train", "image", "--config", str(tmp_path / "options.yaml")]


@pytest.fixture
def refused(monkeypatch, capsys):
    """What the command line says of arguments that it refuses."""

    def run(arguments):
        monkeypatch.setattr(sys, "argv", ["mvlib", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 2
        return capsys.readouterr().err

    return run


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_second_training_in_a_folder_is_refused_before_it_writes(processes, training, refused, tmp_path):
    out, said = tmp_path / "out", tmp_path / "said"
    arguments = [*training, "--lr", "0.5", "--out", str(out)]
    with alone(out / "checkpoint.pt", "training"):
        before = sorted(out.iterdir())
        if processes == 1:
            said.write_text(refused(arguments))
        else:
            assert start(arguments, said, processes).wait(240) != 0
        assert sorted(out.iterdir()) == before
    assert f"another training (process {os.getpid()} on" in said.read_text()


@pytest.mark.parametrize("command", [("evaluate", "image", "--dry_run", "true"), ("fidelity",)])
def test_a_second_measurement_of_one_result_is_refused(command, refused, tmp_path):
    out = tmp_path / "out.json" if command[0] == "evaluate" else tmp_path
    result = out if command[0] == "evaluate" else tmp_path / "fidelity_x265_intra.json"
    with alone(result, "measurement"):
        said = refused([*command, "--out", str(out)])
    assert f"{result} is being written by another measurement (process {os.getpid()} on" in said
    assert not result.exists()
