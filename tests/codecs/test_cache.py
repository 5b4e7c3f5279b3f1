"""Streams on disk: found again, never half, and a damaged one is encoded anew."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from mvlib._files import read_sealed, replace_when_done
from mvlib._store import digest
from mvlib.codecs import RealCodec, Stream
from mvlib.codecs.base import identity_of
from mvlib.codecs.codec import fingerprint
from mvlib.codecs.coded import pack, unpack


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["x265", "svtav1", "jpeg"])
def test_a_hit_gives_the_same_without_encoding(name, small, tmp_path, monkeypatch):
    codec = RealCodec(name)
    first = codec(small, qp=30, cache=tmp_path)
    monkeypatch.setattr(RealCodec, "encode", lambda *a: pytest.fail("encoded although it was kept"))
    again = codec(small, qp=30, cache=tmp_path)
    assert np.array_equal(first.frames, again.frames)
    assert (first.frame_bits, first.frame_types, first.native) == (
        again.frame_bits,
        again.frame_types,
        again.native,
    )
    assert len(files(tmp_path)) == 1


def test_everything_that_changes_the_stream_changes_the_key(small, monkeypatch):
    def key(codec, frames, native):
        return digest(identity_of(codec, native, len(frames)), frames)

    other = small.copy()
    other[0, 0, 0, 0] ^= 1
    keys = [
        key(RealCodec("x265"), small, 30),
        key(RealCodec("x264"), small, 30),
        key(RealCodec("x265"), small, 31),
        key(RealCodec("x265"), other, 30),
        key(RealCodec("x265"), small.reshape(1, 96, 64, 3), 30),
        key(RealCodec("x265", preset="fast"), small, 30),
        key(RealCodec("x265", gop="intra"), small, 30),
        key(RealCodec("x265", options={"aq-mode": 1}), small, 30),
    ]
    monkeypatch.setattr("mvlib.codecs.codec.fingerprint", lambda name: "another build")
    keys.append(key(RealCodec("x265"), small, 30))
    assert len(set(keys)) == len(keys)
    assert fingerprint("x265") != fingerprint("x264")


def test_a_damaged_entry_counts_as_absent(small, tmp_path):
    codec = RealCodec("x264")
    expected = codec(small, qp=30, cache=tmp_path)
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    flipped = bytes([*whole[:200], whole[200] ^ 1, *whole[201:]])
    for damaged in (whole[:-1], whole[: len(whole) // 2], b"", flipped, whole + b"x", os.urandom(300)):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="is damaged"):
            read_sealed(path)
        assert np.array_equal(codec(small, qp=30, cache=tmp_path).frames, expected.frames)
        assert path.read_bytes() == whole


def test_packing_is_undone_by_unpacking():
    stream = Stream(b"head", [(1, b"one"), (0, b""), (2, b"x" * 1000)], (3, 5, 7))
    assert unpack(pack(stream)) == stream
    with pytest.raises(ValueError, match="no stored stream"):
        unpack(b"something else")


def test_an_entry_can_be_read_by_whoever_shares_the_folder(small, tmp_path):
    RealCodec("x264")(small, qp=30, cache=tmp_path)
    (path,) = files(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o644


def test_workers_fill_the_cache(small, tmp_path):
    items = [small, small[:1], small[:, ::-1].copy()]
    RealCodec("x264").map(items, 30, workers=2, cache=tmp_path)
    assert len(files(tmp_path)) == 3
    RealCodec("x264").map(items, 30, workers=1, cache=tmp_path)
    assert len(files(tmp_path)) == 3  # in this process the keys are the same


# The kernel ends the process without a word when its file reaches the limit: a kill that always hits the write.
WRITER = """
import resource, signal, sys
from mvlib._files import replace_when_done
from mvlib.codecs import Stream
from mvlib.codecs.coded import pack
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
with replace_when_done(sys.argv[1]) as temporary:
    temporary.write_bytes(pack(Stream(b"", [(0, bytes(3_000_000))], (1, 2, 2))))
"""


@pytest.mark.parametrize("before", [False, True], ids=["no entry before", "an entry before"])
def test_a_kill_in_the_middle_of_a_write_leaves_a_whole_entry_or_none(before, tmp_path):
    path = tmp_path / "entry.stream"
    if before:
        path.write_bytes(pack(Stream(b"", [(0, bytes(500))], (1, 2, 2))))
    killed = subprocess.run([sys.executable, "-c", WRITER, str(path)], check=False)
    assert killed.returncode == -signal.SIGXFSZ
    (part,) = tmp_path.glob(".entry-*")
    assert 0 < part.stat().st_size <= 1_000_000  # it did die in the middle
    assert path.exists() == before
    if before:
        assert unpack(path.read_bytes()).packets[0][1] == bytes(500)


def test_a_failed_write_leaves_nothing(tmp_path):
    with pytest.raises(TypeError), replace_when_done(tmp_path / "entry.stream") as temporary:
        temporary.write_bytes("not bytes")
    assert files(tmp_path) == []
