"""Streams of programs: known by their first bytes, taken apart without loss, put together again."""

import pytest

from mvlib.codecs import bitstream as bs
from mvlib.codecs.program_files import join_ivf, split_ivf, syntax_of


def vvc(kind: int, body: bytes, start: bytes = b"\0\0\1") -> bytes:
    """A unit of H.266: two zero bits, the layer (6 bits); the type (5 bits), temporal id plus 1 (3 bits)."""
    return start + bytes([0, kind << 3 | 1]) + body


def test_sei_of_vvc_is_left_out_and_nothing_else():
    units = [
        vvc(15, b"sps", b"\0\0\0\1"),
        vvc(16, b"pps"),
        vvc(23, b"text"),
        vvc(8, b"idr"),
        vvc(24, b"hash"),
        vvc(17, b"aps"),
    ]
    assert bs.without_sei("vvc", b"".join(units)) == b"".join(units[i] for i in (0, 1, 3, 5))
    # 39 and 40 are HEVC's types of SEI, whose header is one byte
    assert bs.without_sei("hevc", units[2]) == units[2]


def test_parameter_sets_are_kept_once_unless_they_change():
    sps, pps, picture = vvc(15, b"sps", b"\0\0\0\1"), vvc(16, b"pps"), vvc(8, b"idr")
    again = vvc(15, b"sps")  # with a shorter start code
    assert (
        bs.parameters_once("vvc", sps + pps + picture + again + pps + picture)
        == sps + pps + picture + picture
    )
    changed = sps + pps + picture + vvc(16, b"other") + picture + pps + picture
    assert bs.parameters_once("vvc", changed) == changed


@pytest.mark.parametrize(
    ("data", "syntax"),
    [
        (b"\0\0\0\1\x67\x64", "h264"),
        (b"\0\0\0\1\x09\xf0", "h264"),
        (b"\0\0\1\x06\x05", "h264"),
        (b"\0\0\0\1\x40\x01", "hevc"),
        (b"\0\0\0\1\x46\x01", "hevc"),
        (vvc(14, b""), "vvc"),
        (vvc(20, b"", b"\0\0\0\1"), "vvc"),
        (b"\x12\x00\x0a\x0a", "av1"),
        (join_ivf(b"AV01", [b"x"], 8, 8), "av1"),
        (join_ivf(b"VP90", [b"x"], 8, 8), "vp9"),
        (b"\x82\x49\x83\x42\0", "vp9"),
    ],
)
def test_first_bytes_tell_the_syntax(data, syntax):
    assert syntax_of(data) == syntax


@pytest.mark.parametrize("data", [b"", b"\0", b"\x1aE\xdf\xa3webm", b"\0\0\0\x20ftypisom"])
def test_containers_are_refused_with_the_way_out(data):
    with pytest.raises(ValueError, match='syntax="file"'):
        syntax_of(data)


def test_ivf_comes_back_and_a_cut_one_is_refused():
    packets = [b"one", b"", b"three" * 100]
    data = join_ivf(b"VP90", packets, 320, 240)
    assert len(data) == 32 + 3 * 12 + 503
    assert split_ivf(b"VP90", data) == packets
    with pytest.raises(ValueError, match="cut off in frame 2"):
        split_ivf(b"VP90", data[:-1])
    with pytest.raises(ValueError, match="cut off after 1 frames"):
        split_ivf(b"VP90", data[: 32 + 12 + 3 + 5])
    for wrong in (b"", b"DKIF", data[:20]):
        with pytest.raises(ValueError, match="no IVF file of VP90"):
            split_ivf(b"VP90", wrong)
    with pytest.raises(ValueError, match="no IVF file of AV01"):
        split_ivf(b"AV01", data)


def test_temporal_units_begin_with_their_delimiter():
    delimiter, frame = bytes([2 << 3 | 2, 0]), bytes([6 << 3 | 2, 3]) + b"abc"
    assert bs.temporal_units(delimiter + frame + frame + delimiter + frame) == [
        delimiter + frame + frame,
        delimiter + frame,
    ]
