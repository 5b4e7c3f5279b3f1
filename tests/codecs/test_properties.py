"""Properties of streams and sizes, for whatever bytes and sides there may be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mvlib._store import digest
from mvlib.codecs import RealCodec, Stream, rgb_to_yuv420, yuv420_to_rgb
from mvlib.codecs import bitstream as bs
from mvlib.codecs.coded import pack, unpack
from mvlib.codecs.colour import pad_to
from mvlib.codecs.program_files import join_ivf, split_ivf, syntax_of
from mvlib.errors import InputError

# The same examples in every run; nothing is written beside the code.
settings.register_profile("repeatable", deadline=None, derandomize=True, database=None)
settings.load_profile("repeatable")

SYNTAXES = st.sampled_from(["h264", "hevc", "vvc"])
# Bytes in which start codes, zeros and small numbers are frequent.
PIECES = st.sampled_from([b"\0", b"\0\0\1", b"\0\0\0\1", b"\x12\0", b"\x32\x02", b"\x67", b"DKIF"])
BYTES = st.lists(st.one_of(PIECES, st.binary(max_size=6)), max_size=20).map(b"".join)
BODIES = st.binary(min_size=2, max_size=30).map(lambda body: body.replace(b"\0", b"\2") + b"\x80")
UNITS = st.lists(st.tuples(st.sampled_from([b"\0\0\1", b"\0\0\0\1"]), BODIES), min_size=1, max_size=8)
SIDES = st.integers(1, 40)


@given(UNITS)
def test_units_of_annex_b_are_cut_where_they_were_joined(units):
    parts = [start + body for start, body in units]
    assert bs.split_annex_b(b"".join(parts)) == parts


@given(SYNTAXES, UNITS)
def test_messages_are_left_out_once_and_for_all(syntax, units):
    data = b"".join(start + body for start, body in units)
    kept = bs.without_sei(syntax, data)
    assert bs.without_sei(syntax, kept) == kept
    assert set(bs.split_annex_b(kept) if kept else ()) <= set(bs.split_annex_b(data))


@given(SYNTAXES, UNITS)
def test_parameter_sets_said_again_are_left_out_once_and_for_all(syntax, units):
    once = bs.parameters_once(syntax, b"".join(start + body for start, body in units))
    assert bs.parameters_once(syntax, once) == once


@given(BYTES)
@pytest.mark.parametrize("cut", [bs.split_annex_b, bs.split_obus, bs.temporal_units])
def test_what_is_cut_is_whole_or_refused(cut, data):
    try:
        assert b"".join(cut(data)) == data
    except InputError as error:
        assert str(error)


@given(BYTES)
def test_the_syntax_of_any_bytes_is_known_or_refused(data):
    try:
        assert syntax_of(data) in ("h264", "hevc", "vvc", "av1", "vp9")
    except InputError as error:
        assert 'syntax="file"' in str(error)


@given(st.lists(st.binary(max_size=40), max_size=6), SIDES, SIDES, st.integers(0, 300))
def test_ivf_comes_back_and_a_cut_one_is_refused(packets, width, height, cut):
    data = join_ivf(b"AV01", packets, width, height)
    assert split_ivf(b"AV01", data) == packets
    ends = [32]
    for packet in packets:
        ends.append(ends[-1] + 12 + len(packet))
    if cut < len(data) and cut not in ends:
        with pytest.raises(InputError):
            split_ivf(b"AV01", data[:cut])


@given(BYTES)
def test_any_bytes_as_ivf_are_taken_apart_or_refused(data):
    try:
        split_ivf(b"AV01", b"DKIF" + data[:4].ljust(4, b"\0") + b"AV01" + data)
    except InputError as error:
        assert "frame -1" not in str(error)


@given(
    st.binary(max_size=20),
    st.lists(st.tuples(st.integers(0, 9), st.binary(max_size=40)), max_size=6),
    st.tuples(st.integers(1, 10), SIDES, SIDES),
)
def test_a_packed_stream_comes_back(header, packets, size):
    assert unpack(pack(Stream(header, packets, size))) == Stream(header, packets, size)


@given(st.lists(st.one_of(st.integers(), st.text(max_size=5), st.booleans(), st.none()), max_size=4))
def test_keys_differ_as_their_parts_do(parts):
    assert digest(parts) == digest(list(parts)) != digest([*parts, 0])
    assert digest(*parts, np.zeros(2)) != digest(*parts, np.zeros((1, 2)))


@given(SIDES, SIDES, st.sampled_from([2, 8, 16]), st.sampled_from([2, 16, 64]))
def test_padding_repeats_the_edge_up_to_the_least_multiple(height, width, multiple, least):
    frames = np.arange(height * width, dtype=np.uint8).reshape(1, height, width, 1)
    padded = pad_to(frames, multiple, least)
    for side, given_side in zip(padded.shape[1:3], (height, width), strict=True):
        assert side == max(least, -(-given_side // multiple) * multiple)
    assert np.array_equal(padded[:, :height, :width], frames)
    assert (padded[0, height:] == padded[0, height - 1]).all() and (
        padded[0, :, width:].T == padded[0, :, width - 1].T
    ).all()


@given(SIDES, SIDES, st.sampled_from(["bt709", "jfif"]), st.integers(0, 255))
def test_grey_of_any_size_survives_the_conversions(height, width, colour, grey):
    frames = np.full((1, height, width, 3), grey, np.uint8)
    planes = rgb_to_yuv420(frames, colour)
    assert planes[0].shape == (1, height + height % 2, width + width % 2)
    back = yuv420_to_rgb(*planes, colour)[:, :height, :width]
    assert back.shape == frames.shape and np.abs(back.astype(int) - grey).max() <= 1


@settings(max_examples=15)
@given(st.sampled_from(["x264", "x265", "vp9", "mjpeg", "jpeg"]), st.integers(1, 2), SIDES, SIDES)
def test_clips_of_any_size_come_back_at_theirs(name, count, height, width):
    frames = np.random.default_rng(height).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    coded = RealCodec(name)(frames, qp=30)
    assert coded.frames.shape == frames.shape and len(coded.frame_bits) == count
    assert coded.bits == sum(coded.frame_bits) > 0
