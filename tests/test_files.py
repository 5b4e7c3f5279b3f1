"""Files that are whole or not there: what is wrong with a disk is said, what killed processes left is swept."""

import errno
import os
import subprocess
import sys
import time
from fractions import Fraction

import numpy as np
import pytest
from launching import start

from mvlib import _files
from mvlib._files import read_sealed, replace_when_done, write_sealed, writing
from mvlib.codecs import Stream
from mvlib.codecs.coded import pack, unpack
from mvlib.errors import FileError, InputError
from mvlib.evaluation.cells import CellStore
from mvlib.transcode.film import Lossless


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own with a megabyte, where this process may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True
    )
    if made.returncode:
        pytest.skip(f"cannot mount a small disk here: {made.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def noise(size):
    return np.random.default_rng(0).integers(0, 255, size, np.uint8)


def write_clip(path, clip):
    with replace_when_done(path) as temporary, Lossless(temporary, Fraction(25)) as out:
        out.write(clip)


def test_a_full_disk_is_said_with_the_path_and_nothing_is_left(small_disk):
    stream = pack(Stream(b"", [(0, noise(2_000_000).tobytes())], (1, 2, 2)))
    cells = CellStore(small_disk / "cells")
    clip = noise((4, 1000, 1000, 3))
    writes = {
        "clip.mkv": lambda path: write_clip(path, clip),
        "entry.stream": lambda path: write_sealed(path, stream),
        "cells/ab/c.npz": lambda path: cells.put("abc", {"bpp": noise(2_000_000)}),
    }
    for name, write in writes.items():
        path = small_disk / name
        with pytest.raises(FileError, match=rf"^{path} cannot be written: the disk is full; make room"):
            write(path)
        assert not [p for p in small_disk.rglob("*") if p.is_file()]


@pytest.mark.slow
def test_a_read_only_disk_is_said_before_any_work(small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for path in (small_disk / "x.json", small_disk / "new" / "x.json"):
        said = rf"^{path} cannot be written: the disk is read-only"
        with pytest.raises(FileError, match=said), replace_when_done(path):
            pytest.fail("the work began")
    said = small_disk.parent / "said"
    process = start(["evaluate", "image", "--limit", "2", "--out", str(small_disk / "out.json")], said)
    assert process.wait(120) != 0
    assert (
        said.read_text()
        .strip()
        .endswith(f"{small_disk}/out.json cannot be written: the disk is read-only; choose another place")
    )
    assert "Traceback" not in said.read_text()


@pytest.mark.parametrize(
    "code, words",
    [(errno.ENOSPC, "disk is full"), (errno.EACCES, "no permission"), (errno.EIO, os.strerror(errno.EIO))],
)
def test_an_error_of_the_disk_names_the_file_and_one_of_another_file_stays(code, words, tmp_path):
    with (
        pytest.raises(FileError, match=rf"out\.json cannot be written: .*{words}"),
        writing(tmp_path / "out.json"),
    ):
        raise OSError(code, os.strerror(code))
    with pytest.raises(OSError) as caught, writing(tmp_path / "out.json"):
        raise OSError(code, os.strerror(code), str(tmp_path.parent / "input" / "film.mp4"))
    assert not isinstance(caught.value, FileError)


def test_a_file_in_the_way_of_a_folder_is_said(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with (
        pytest.raises(FileError, match=r"out\.json cannot be written"),
        replace_when_done(tmp_path / "runs" / "out.json"),
    ):
        pass


def test_a_name_as_long_as_names_may_be_is_written(tmp_path):
    path = tmp_path / ("ü" * 100 + ".json")
    with replace_when_done(path) as temporary:
        temporary.write_text("whole")
    assert path.read_text() == "whole" and len([*tmp_path.iterdir()]) == 1


def test_a_link_stays_and_permissions_are_those_of_the_umask_or_of_the_old_file(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link.json").symlink_to(tmp_path / "elsewhere" / "out.json")
    before = os.umask(0o027)
    try:
        write(tmp_path / "link.json")
        target = tmp_path / "elsewhere" / "out.json"
        assert (tmp_path / "link.json").is_symlink() and target.read_text() == "whole"
        assert target.stat().st_mode & 0o777 == 0o640
        target.chmod(0o604)
        write(tmp_path / "link.json")
        assert target.stat().st_mode & 0o777 == 0o604
    finally:
        os.umask(before)
    assert [p.name for p in tmp_path.rglob("*.json")] == ["link.json", "out.json"]


def test_every_flipped_bit_and_every_cut_is_noticed(tmp_path):
    path = tmp_path / "sealed"
    write_sealed(path, b"some state")
    whole = path.read_bytes()
    assert read_sealed(path) == b"some state"
    damaged = [
        bytes([*whole[:k], whole[k] ^ 1 << bit, *whole[k + 1 :]])
        for k in range(len(whole))
        for bit in range(8)
    ]
    for data in (*damaged, *(whole[:k] for k in range(len(whole))), whole + b"x", b"PK\x05\x06" + bytes(18)):
        path.write_bytes(data)
        with pytest.raises(InputError, match=f"^{path} is damaged"):
            read_sealed(path)


def test_what_an_interruption_leaves_is_removed_when_the_process_ends(tmp_path):
    script = """
import pathlib, sys
from mvlib._files import replace_when_done
unlink = pathlib.Path.unlink
pathlib.Path.unlink = lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt)  # once more, in the cleaning
try:
    with replace_when_done(sys.argv[1]):
        raise KeyboardInterrupt
except KeyboardInterrupt:
    assert len(list(pathlib.Path(sys.argv[1]).parent.iterdir())) == 1
pathlib.Path.unlink = unlink
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "file")], check=True)
    assert not list(tmp_path.iterdir())


# Writes to a temporary name, says so, and waits to be killed.
WAITS = """
import sys, time
from mvlib._files import replace_when_done
with replace_when_done(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print("begun", flush=True)
    time.sleep(600)
"""


def write(path):
    with replace_when_done(path) as temporary:
        temporary.write_text("whole")


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_writes_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(_files, "swept", set())
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS, str(tmp_path / "a.json")], stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"begun\n"
    (left,) = tmp_path.glob(".a-*.json")
    foreign = tmp_path / ".notes-2024.txt"
    foreign.write_text("not ours")
    write(tmp_path / "b.json")
    assert left.exists(), "it is being written"
    process.kill()
    process.communicate()
    monkeypatch.setattr(_files, "swept", set())  # as the next process starts
    with replace_when_done(tmp_path / "c.json") as mine:
        _files.swept.clear()
        write(tmp_path / "d.json")
        assert mine.exists(), "another thread is writing it"
    assert not left.exists() and foreign.exists()


def test_what_another_machine_left_is_swept_when_it_is_old_alone(tmp_path, monkeypatch):
    files = {}
    for name, machine, process, age in (
        ("new", "0" * 8, 1, 3600),
        ("old", "0" * 8, 1, 8 * 24 * 3600),
        ("reused", _files.this_machine(), os.getpid(), 60),  # a number that an earlier process had
        ("alive", _files.this_machine(), os.getppid(), 60),
    ):
        files[name] = tmp_path / f".{name}-{machine}-{process}-abcd_123.json"
        files[name].write_text("half")
        os.utime(files[name], (time.time() - age,) * 2)
    monkeypatch.setattr(_files, "swept", set())
    write(tmp_path / "b.json")
    assert {name for name, path in files.items() if path.exists()} == {"new", "alive"}


# One child after the other writes cells and streams until it is killed, at a moment that chance chooses.
KILLED = """
import os, random, signal, sys, time
import numpy as np
from mvlib._files import read_sealed, write_sealed
from mvlib.codecs import Stream
from mvlib.codecs.coded import pack
from mvlib.evaluation.cells import CellStore
from mvlib.transcode.film import Lossless

folder, kills = sys.argv[1], int(sys.argv[2])
for k in range(kills + 1):
    child = os.fork()
    if child == 0:
        store, last = CellStore(folder), k == kills
        for i in range(40 if last else 10**9):
            n = i % 40
            if last:  # all that there is must be whole; and where something is written, what was left is swept
                cell, stream = f"{folder}/ab/{n}.npz", f"{folder}/streams/{n}.stream"
                assert all(read_sealed(path) for path in (cell, stream) if os.path.exists(path))
            store.put(f"ab{n}", {"bpp": np.full((300, 40), n + np.random.default_rng(n).random())})
            write_sealed(f"{folder}/streams/{n}.stream", pack(Stream(b"", [(0, bytes([n]) * 30_000)], (1, 2, 2))))
        os._exit(0)
    if k < kills:
        time.sleep(random.Random(k).uniform(0.005, 0.08))
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == (-signal.SIGKILL if k < kills else 0), status
"""


@pytest.mark.slow
def test_killed_at_any_moment_cells_and_streams_are_whole_or_not_there(tmp_path):
    folder = tmp_path / "cells"
    subprocess.run([sys.executable, "-c", KILLED, str(folder), "12"], check=True, timeout=300)
    store = CellStore(folder)
    for n in range(40):
        expected = n + np.random.default_rng(n).random()
        np.testing.assert_array_equal(store.get(f"ab{n}")["bpp"], np.full((300, 40), expected))
    for path in folder.glob("streams/*.stream"):
        assert unpack(read_sealed(path)).packets[0][1] == bytes([int(path.stem)]) * 30_000
    assert len([*folder.rglob("*.npz")]) == 40
    assert not [*folder.rglob(".*")], "what was left is swept"
