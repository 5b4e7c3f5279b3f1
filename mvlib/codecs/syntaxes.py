"""What a program writes into its file: file → syntax → packets that count, in coding order → a file for a decoder.

Annex B (H.264, HEVC, VVC) is cut into access units by FFmpeg's parsers, IVF (AV1, VP9) by its own headers, a file of
OBUs (AV1) by its temporal delimiters. Headers of IVF, SEI and metadata are not counted; see ``bitstream.py``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import av

from mvlib.errors import InputError

from .bitstream import av1_without_metadata, parameters_once, temporal_units, without_sei

# Magic, version, header's length, codec, width, height, rate, frames, unused.
_IVF = struct.Struct("<4sHH4sHHIIII")
_IVF_FRAME = struct.Struct("<IQ")  # bytes, time
_TIMEBASE = (30, 1)


@dataclass(frozen=True)
class Syntax:
    """How a stream is taken apart and put together.

    Attributes:
        suffix: ending of the file's name; some programs choose by it what they write.
        decoders: names in FFmpeg, first choice first; empty where there is none.
        packets: the file's bytes -> packets that count, in coding order.
        file: packets, width, height -> the bytes of a file that decoders read.
        in_order: each packet shows one picture, and they are in display order.
    """

    suffix: str
    decoders: tuple[str, ...]
    packets: Callable[[bytes], list[bytes]]
    file: Callable[[list[bytes], int, int], bytes]
    in_order: bool = False


def access_units(syntax: str, data: bytes) -> list[bytes]:
    """Annex B bytes -> access units in coding order, without SEI and repeated parameter sets."""
    counted = parameters_once(syntax, without_sei(syntax, data))
    parser = av.CodecContext.create(syntax, "r")
    units = [bytes(unit) for unit in parser.parse(counted) + parser.parse(None)]
    if b"".join(units) != counted:
        raise RuntimeError(f"FFmpeg's parser of {syntax} lost bytes of {len(counted)}")
    return units


def split_ivf(fourcc: bytes, data: bytes) -> list[bytes]:
    """The frames of an IVF file, without its headers.

    Raises:
        ValueError: it is no IVF, of another codec, or cut off.
    """
    if len(data) < _IVF.size or data[:4] != b"DKIF" or data[8:12] != fourcc:
        raise InputError(
            f"no IVF file of {fourcc.decode()}: it begins with {data[:12].hex(' ')}; tell the encoder to write IVF"
        )
    frames, start = [], _IVF.unpack_from(data)[2]
    if not _IVF.size <= start <= len(data):
        raise InputError(f"no IVF file: its header says that it has {start} bytes of the {len(data)}")
    while start < len(data):
        if start + _IVF_FRAME.size > len(data):
            raise InputError(f"the IVF file is cut off after {len(frames)} frames")
        size, _ = _IVF_FRAME.unpack_from(data, start)
        start += _IVF_FRAME.size
        frames.append(data[start : start + size])
        start += size
    if start > len(data):
        raise InputError(f"the IVF file is cut off in frame {len(frames) - 1}")
    return frames


def join_ivf(fourcc: bytes, packets: list[bytes], width: int, height: int) -> bytes:
    """An IVF file that holds ``packets``."""
    head = _IVF.pack(b"DKIF", 0, _IVF.size, fourcc, width, height, *_TIMEBASE, len(packets), 0)
    return head + b"".join(_IVF_FRAME.pack(len(p), i) + p for i, p in enumerate(packets))


def _av1_units(data: bytes) -> list[bytes]:
    is_obus = data[:2] == b"\x12\x00"  # a temporal delimiter
    units = temporal_units(data) if is_obus else split_ivf(b"AV01", data)
    return [av1_without_metadata(unit) for unit in units]


def _whole(data: bytes) -> list[bytes]:
    return [data]


def _joined(packets: list[bytes], width: int, height: int) -> bytes:
    return b"".join(packets)


SYNTAXES: dict[str, Syntax] = {
    "h264": Syntax(".264", ("h264",), partial(access_units, "h264"), _joined),
    "hevc": Syntax(".265", ("hevc",), partial(access_units, "hevc"), _joined),
    "vvc": Syntax(".266", ("vvc",), partial(access_units, "vvc"), _joined),
    "av1": Syntax(".ivf", ("libdav1d", "av1"), _av1_units, partial(join_ivf, b"AV01"), in_order=True),
    "vp9": Syntax(
        ".ivf", ("vp9", "libvpx-vp9"), partial(split_ivf, b"VP90"), partial(join_ivf, b"VP90"), in_order=True
    ),
    "file": Syntax(".bin", (), _whole, _joined),
}


def syntax_of(data: bytes) -> str:
    """The syntax that a file, or packets taken out of one, begin with; ValueError where that cannot be told."""
    if data[:2] == b"\x12\x00" or data[8:12] == b"AV01":
        return "av1"
    if data[8:12] == b"VP90" or data[1:4] == b"\x49\x83\x42":  # the sync code of a key frame
        return "vp9"
    if data.startswith((b"\0\0\1", b"\0\0\0\1")):
        first, second = data[data.index(1) + 1 :][:2].ljust(2, b"\xff")
        if first == 0:  # VVC's first byte is the layer; in H.264 and HEVC no stream begins with that type
            return "vvc"
        if first in (0x40, 0x42, 0x44, 0x46, 0x4E) and second == 1:  # VPS, SPS, PPS, delimiter, SEI
            return "hevc"
        return "h264"
    raise InputError(
        f"what the encoder wrote begins with {data[:8].hex(' ')}, which is none of H.264, HEVC, VVC (Annex B), AV1 and "
        'VP9 (IVF, OBUs): tell it to write one of these, or give syntax="file" to count the file as it is'
    )
