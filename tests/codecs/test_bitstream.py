"""Cutting packets into units and leaving out the messages."""

from fractions import Fraction

import av
import numpy as np
import pytest

from mvlib.codecs import ENCODERS, RealCodec
from mvlib.codecs import bitstream as bs
from mvlib.codecs.video import open_encoder


def raw_packets(name: str, frames: int = 3) -> list[bytes]:
    """What the encoder says by itself, text about itself and all, parameter sets in the packets."""
    context = av.CodecContext.create(ENCODERS[name].library, "w")
    context.width = context.height = 64
    context.pix_fmt, context.time_base, context.framerate = "yuv420p", Fraction(1, 30), 30
    context.thread_count = 1
    context.options = {
        "x265": {"x265-params": "log-level=none:pools=none"},
        "svtav1": {"svtav1-params": "lp=1"},
    }.get(name, {})
    packets = []
    for i in range(frames):
        frame = av.VideoFrame.from_ndarray(np.full((96, 64), 40 * i + 50, np.uint8), format="yuv420p")
        frame.pts = i
        packets += context.encode(frame)
    return [bytes(p) for p in packets + context.encode(None)]


@pytest.mark.parametrize(
    ("name", "is_sei", "text"),
    [
        ("x264", lambda unit: unit[unit.index(1) + 1] & 31 == 6, b"x264 - core"),
        ("x265", lambda unit: unit[unit.index(1) + 1] >> 1 in (39, 40), b"x265 (build"),
    ],
)
def test_the_encoders_text_is_left_out_and_nothing_else(name, is_sei, text):
    data = b"".join(raw_packets(name))
    units = bs.split_annex_b(data)
    assert b"".join(units) == data
    assert text in data
    kept = ENCODERS[name].clean(data)
    messages = [unit for unit in units if is_sei(unit)]
    assert sum(map(len, messages)) > 400  # the reason for all this
    assert len(kept) == len(data) - sum(map(len, messages))
    assert text not in kept
    assert bs.split_annex_b(kept) == [unit for unit in units if not is_sei(unit)]


@pytest.mark.parametrize("name", ["x264", "x265"])
def test_counted_streams_hold_no_message_and_one_set_of_parameters(name, clip):
    stream = bytes(RealCodec(name, gop="intra").encode(clip, 30))
    heads = [unit[unit.index(1) + 1] for unit in bs.split_annex_b(stream)]
    kinds = [h & 31 for h in heads] if name == "x264" else [h >> 1 & 63 for h in heads]
    assert not {6} & set(kinds) if name == "x264" else not {39, 40} & set(kinds)
    for parameter_set in (7, 8) if name == "x264" else (32, 33, 34):
        assert kinds.count(parameter_set) == 1


def test_annex_b_takes_both_start_codes_and_refuses_other_bytes():
    data = b"\0\0\0\1\x67abc" + b"\0\0\1\x06text" + b"\0\0\1\x65\0\0\3data"
    assert [len(unit) for unit in bs.split_annex_b(data)] == [8, 8, 11]
    assert bs.without_sei("h264", data) == data[:8] + data[16:]
    assert bs.without_sei("h264", b"") == b""
    with pytest.raises(ValueError, match="start code"):
        bs.split_annex_b(b"\0\0\0\x08length-prefixed")


def test_obus_split_and_metadata_is_left_out():
    for data in raw_packets("svtav1"):
        units = bs.split_obus(data)
        assert b"".join(units) == data
        kinds = [unit[0] >> 3 & 15 for unit in units]
        assert kinds[0] == 2  # temporal delimiter
        metadata = bytes([5 << 3 | 2, 3]) + b"hdr"
        assert bs.av1_without_metadata(units[0] + metadata + b"".join(units[1:])) == data


def test_obu_sizes_of_several_bytes_extensions_and_missing_sizes():
    long = bytes([6 << 3 | 2, 0x80 | 44, 2]) + bytes(300)  # 300 = 2 * 128 + 44
    extended = bytes([6 << 3 | 4 | 2, 0, 5]) + b"12345"
    unsized = bytes([6 << 3]) + b"to the end"
    assert bs.split_obus(long + extended + unsized) == [long, extended, unsized]
    with pytest.raises(ValueError, match="runs past the end"):
        bs.split_obus(long[:-1])
    with pytest.raises(ValueError, match="does not end"):
        bs.split_obus(bytes([6 << 3 | 2, 0x80]))


def test_a_refused_size_is_a_value_error_with_the_encoders_reason():
    with pytest.raises(ValueError, match=r"libx265 refuses .* for 8x8: \w+"):
        open_encoder(ENCODERS["x265"], 8, 8, {"x265-params": "log-level=none"})
