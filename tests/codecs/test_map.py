"""Encoding in worker processes: the same as one by one, in order, from anywhere, with errors that name the item."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mvlib import pool
from mvlib.codecs import RealCodec
from mvlib.errors import FileError, InputError, InputTypeError, MissingFile, ResourceError

IMPORTED = (
    "(__import__('os').getpid(), sorted({'torch', 'av', 'PIL', 'tqdm'} & set(__import__('sys').modules)))"
)


def test_results_are_those_of_single_calls_in_order(clip, photos):
    codec = RealCodec("x264")
    items, qps = [clip, *photos, clip[:3]], [30, 20, 25, 30, 35, 40, 45, 50]
    for workers in (1, 2):
        many = codec.map(items, qps, workers=workers, planes=True)
        for got, item, qp in zip(many, items, qps, strict=True):
            one = codec(item, qp=qp, planes=True)
            assert got.bits == one.bits and got.frame_types == one.frame_types and got.native == qp
            assert np.array_equal(got.frames, one.frames)
            assert all(np.array_equal(a, b) for a, b in zip(got.planes, one.planes, strict=True))


def test_one_number_serves_all_items_and_none_is_fine(small):
    assert [c.native for c in RealCodec("jpeg").map([small] * 3, natives=40, workers=2)] == [40, 40, 40]
    assert RealCodec("jpeg").map([], 30) == []


def test_workers_never_import_torch_and_stay_for_the_next_call(small):
    RealCodec("x264").map([small] * 4, 30, workers=2)
    here = {worker.process.pid for worker in pool.idle}
    seen = pool.run(eval, [(IMPORTED,)] * 6, 2, False, "")
    assert {pid for pid, _ in seen} <= here and os.getpid() not in here
    assert all(modules == ["PIL", "av"] for pid, modules in seen)


@pytest.mark.parametrize(
    ("items", "qps", "error", "message"),
    [
        (
            [(2, 8, 8, 3), (8, 8, 3)],
            30,
            ValueError,
            r"item 1: the clip has shape \(8, 8, 3\); give \(T, H, W, 3\)",
        ),
        ([(2, 8, 8, 3)] * 2, [30, 60], ValueError, r"item 1: qp 60"),
        ([(2, 8, 8, 3)] * 2, [30], ValueError, "1 for 2 items"),
        ([(2, 8, 8, 3)] * 2, None, ValueError, "item 0: give one of qp"),
    ],
)
def test_bad_items_are_named_before_anything_runs(items, qps, error, message):
    with pytest.raises(error, match=message):
        RealCodec("x264").map([np.zeros(shape, np.uint8) for shape in items], qps, workers=2)


def test_a_failing_job_names_its_item_and_the_pool_goes_on(small):
    with pytest.raises(RuntimeError, match=r"(?s)item 1: .*ZeroDivisionError"):
        pool.run(eval, [("1",), ("1 / 0",), ("2",)], 2, False, "")
    with pytest.raises(RuntimeError, match=r"item [01]: .*exit code 3"):
        pool.run(os._exit, [(3,), (3,)], 2, False, "")
    assert len(RealCodec("x264").map([small] * 3, 30, workers=2)) == 3


HERE = "__import__('os')"


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("kind", [InputError, InputTypeError, MissingFile, FileError, ResourceError])
def test_what_a_caller_can_put_right_arrives_as_it_was_raised(kind, workers):
    job = f"(_ for _ in ()).throw(__import__('mvlib.errors').errors.{kind.__name__}('qp 60; give 0..51'))"
    with pytest.raises(kind) as caught:
        pool.run(eval, [("1",), (job,)], workers, False, "")
    assert type(caught.value) is kind and str(caught.value) == "item 1: qp 60; give 0..51"


def test_a_killed_worker_and_too_little_memory_are_said(small):
    killed = r"item [01]: .*killed \(SIGKILL\): .*out of memory; give fewer workers"
    with pytest.raises(ResourceError, match=killed):
        pool.run(eval, [(f"{HERE}.kill({HERE}.getpid(), 9)",)] * 2, 2, False, "")
    with pytest.raises(ResourceError, match=r"item 1: .*too little memory.*give fewer workers") as caught:
        pool.run(eval, [("1",), ("bytearray(1 << 62)",)], 2, False, "")
    assert "Traceback" not in str(caught.value)
    assert len(RealCodec("x264").map([small] * 3, 30, workers=2)) == 3


def test_a_job_that_cannot_be_sent_or_read_is_no_lack_of_memory(small):
    with pytest.raises(RuntimeError, match=r"item [01]: Can't pickle"):
        pool.run(eval, [(b"x" * 100_000, lambda: 0)] * 2, 2, False, "")
    with pytest.raises(RuntimeError, match=r"(?s)item [01]: .*can't be read.*No module named") as caught:
        pool.run(here_alone, [()] * 2, 2, False, "")
    assert not isinstance(caught.value, ResourceError)
    assert len(RealCodec("x264").map([small] * 3, 30, workers=2)) == 3


def here_alone():
    """In a module that a worker process cannot import."""


def test_a_full_disk_in_a_worker_names_the_file(small, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    for workers in (1, 2):
        with pytest.raises(FileError, match=rf"^item [01]: {tmp_path}/cache/\S+ cannot be written: "):
            RealCodec("x264").map([small] * 2, 30, workers=workers, cache=tmp_path / "cache")


def test_what_a_job_prints_does_not_reach_the_results(capfd):
    assert pool.run(eval, [("print('noise')",)] * 2, 2, False, "") == [None, None]
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("workers", [0, -1, 1.5])
def test_a_wrong_number_of_workers_is_refused(workers, small):
    with pytest.raises(ValueError, match=r"from 1 on.*None"):
        RealCodec("x264").map([small] * 2, 30, workers=workers)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_starts_workers_of_its_own(small):
    RealCodec("jpeg").map([small] * 2, 30, workers=2)
    before = {worker.process.pid for worker in pool.idle}
    child = os.fork()
    if child == 0:  # no assertion here: pytest must not go on in the child
        seen = {pid for pid, _ in pool.run(eval, [(IMPORTED,)] * 2, 2, False, "")}
        pool.close()
        os._exit(0 if seen and not seen & before else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert {worker.process.pid for worker in pool.idle if worker.alive()} == before


def test_progress_counts_every_item(small, capfd):
    RealCodec("jpeg").map([small] * 3, 30, workers=2, progress=True)
    assert "3/3" in capfd.readouterr().err


SCRIPT = """
import numpy as np
import mvlib
items = [np.full((1, 32, 32, 3), 60 * i, np.uint8) for i in range(4)]
print([c.frames.shape for c in mvlib.RealCodec("x264").map(items, 30, workers=2)])
"""


@pytest.mark.parametrize("way", ["file without a guard", "standard input", "-c"])
def test_it_works_from_anywhere(way, tmp_path):
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    arguments = {"file without a guard": [str(file)], "standard input": ["-"], "-c": ["-c", SCRIPT]}[way]
    done = subprocess.run(
        [sys.executable, *arguments], input=SCRIPT, capture_output=True, text=True, cwd=tmp_path, timeout=60
    )
    assert done.stdout == f"{[(1, 32, 32, 3)] * 4}\n" and done.stderr == ""


ENDLESS = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has it ignored
import numpy as np
from mvlib import pool
from mvlib.codecs import RealCodec
from mvlib.errors import FileError, InputError, InputTypeError, MissingFile, ResourceError
codec = RealCodec("x264", preset="ultrafast")
codec.map([np.zeros((1, 32, 32, 3), np.uint8)] * 2, 30, workers=2)
print(*[w.process.pid for w in pool.idle], flush=True)
codec.map([np.zeros((50, 512, 512, 3), np.uint8)] * 300, 30, workers=2)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_parent_leaves_no_workers(how):
    parent = subprocess.Popen(
        [sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(workers) == 2 and all(running(pid) for pid in workers)
    time.sleep(0.5)
    parent.send_signal(how)
    _, error = parent.communicate(timeout=20)
    assert parent.returncode not in (0, None)
    assert how != signal.SIGINT or "KeyboardInterrupt" in error
    deadline = time.monotonic() + 20
    while any(running(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(running(pid) for pid in workers)


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
