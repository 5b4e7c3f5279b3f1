"""A codec of one's own: three methods, and checks, many at once and stored streams come with them."""

import subprocess
import sys
import zlib

import numpy as np
import pytest

from mvlib.codecs import Codec, Coded, RealCodec, Stream
from mvlib.codecs.base import identity_of


class Deflate(Codec):
    """Frames divided by a step and packed by zlib."""

    name, natives = "deflate", (1, 64)

    def __init__(self, level: int = 6) -> None:
        self.level = level

    def native_of(self, qp: float, count: int) -> int:
        return max(1, round(qp))

    def encode(self, frames: np.ndarray, native: int) -> Stream:
        packets = [(i, zlib.compress((f // native).tobytes(), self.level)) for i, f in enumerate(frames)]
        return Stream(b"", packets, frames.shape[:3])

    def decode(self, stream: Stream, native: int, planes: bool = False) -> Coded:
        levels = np.stack([np.frombuffer(zlib.decompress(data), np.uint8) for _, data in stream.packets])
        frames = levels.reshape(*stream.size, 3) * np.uint8(native)
        return self.result(stream, frames, ["I"] * len(frames), native)


class Fast(RealCodec):
    """An encoder of this package with another way to encode."""

    def encode(self, frames: np.ndarray, native: int) -> Stream:
        return super().encode(frames, min(51, native + 10))


def test_three_methods_are_a_codec(clip):
    coded = Deflate()(clip, qp=8)
    assert np.array_equal(coded.frames, clip // 8 * 8)
    assert coded.bits == sum(coded.frame_bits) == 8 * len(bytes(Deflate().encode(clip, 8)))
    assert (coded.native, coded.codec, coded.frame_types) == (8, "deflate", ["I"] * 12)


def test_too_few_methods_are_no_codec():
    class Half(Codec):
        def encode(self, frames, native):
            return None

    with pytest.raises(TypeError, match=r"abstract.*decode.*native_of"):
        Half()


@pytest.mark.parametrize(
    ("numbers", "error", "message"),
    [({"qp": 65}, ValueError, r"65 is out of range: deflate takes 1\.\.64"), ({"native": 2.5}, TypeError, "whole")],
)  # fmt: skip
def test_numbers_and_frames_are_checked_for_it(numbers, error, message, small):
    with pytest.raises(error, match=message):
        Deflate()(small, **numbers)
    with pytest.raises(TypeError, match="uint8"):
        Deflate()(small / 255, qp=8)


def test_frames_of_another_size_are_its_fault(small):
    class Cut(Deflate):
        def decode(self, stream, native, planes=False):
            coded = super().decode(stream, native)
            coded.frames = coded.frames[:, 1:]
            return coded

    with pytest.raises(
        RuntimeError, match=r"deflate: uint8 \(2, 48, 64, 3\) went in, uint8 \(2, 47, 64, 3\) came out"
    ):
        Cut()(small, qp=8)


def test_many_at_once_in_threads_since_a_worker_could_not_import_it(small):
    local = type("Local", (Deflate,), {})()  # no worker process could unpickle it
    items = [small, small[:1], small[:, ::-1].copy(), small[:, :5, :7]]
    many = local.map(items, [4, 8, 16, 32], workers=2)
    for coded, item, step in zip(many, items, (4, 8, 16, 32), strict=True):
        assert np.array_equal(coded.frames, item // step * step)
    with pytest.raises(ValueError, match="item 2: the clip has shape"):
        local.map([small, small, small[0]], 8)


def test_what_fails_in_a_thread_names_its_item(small):
    class Broken(Deflate):
        def encode(self, frames, native):
            if len(frames) == 1:
                raise ZeroDivisionError("of its own")
            return super().encode(frames, native)

    with pytest.raises(RuntimeError, match="item 1: of its own"):
        Broken().map([small, small[:1], small], 8, workers=2)


def test_streams_are_stored_under_source_and_state(small, tmp_path):
    one = Deflate()
    first = one(small, qp=8, cache=tmp_path)
    assert np.array_equal(one(small, qp=8, cache=tmp_path).frames, first.frames)
    assert len(list(tmp_path.rglob("*.stream"))) == 1
    Deflate(level=9)(small, qp=8, cache=tmp_path)
    assert len(list(tmp_path.rglob("*.stream"))) == 2


SOURCE = """
import sys
sys.path.insert(0, {folder!r})
from mine import Mine
from mvlib.codecs.base import identity_of
print(identity_of(Mine({argument}), 30, 2))
"""


def told(folder, argument: str) -> str:
    code = SOURCE.format(folder=str(folder), argument=argument)
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("above", ["Codec", "RealCodec"])
def test_another_source_is_another_codec_also_below_one_of_ours(above, tmp_path):
    source = (
        f"from mvlib.codecs import {above}\nclass Mine({above}):\n    def encode(self, frames, native): return 1\n"
        "    def decode(self, stream, native, planes=False): pass\n    def native_of(self, qp, count): return qp\n"
    )
    argument = "'x264'" if above == "RealCodec" else ""
    (tmp_path / "mine.py").write_text(source)
    first = told(tmp_path, argument)
    assert told(tmp_path, argument) == first
    (tmp_path / "mine.py").write_text(source.replace("return 1", "return 22"))
    assert told(tmp_path, argument) != first


def test_a_changed_subclass_is_not_the_encoder_it_came_from(small, tmp_path):
    plain, fast = RealCodec("x264"), Fast("x264")
    assert identity_of(plain, 30, 2) == plain.identity(30, 2) != identity_of(fast, 30, 2)
    assert plain(small, qp=20, cache=tmp_path).bits > fast(small, qp=20, cache=tmp_path).bits


def test_without_a_source_nothing_is_stored(small, tmp_path):
    namespace = {"Deflate": Deflate, "__name__": "nowhere"}
    sys.modules["nowhere"] = type(sys)("nowhere")
    exec("class Typed(Deflate): pass", namespace)
    try:
        typed = namespace["Typed"]()
        assert identity_of(typed, 8, 2) is None
        typed(small, qp=8, cache=tmp_path)
        assert list(tmp_path.rglob("*.stream")) == []
    finally:
        del sys.modules["nowhere"]
