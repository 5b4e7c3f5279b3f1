"""Bytes of a packet that count: packet → units (NAL or OBU) → without messages → bytes counted and decoded.

Encoders write text about themselves into the stream (x264: some 700 bytes in the first picture). A decoder
needs none of it, and in a small picture it outweighs the picture. It is taken out before counting, and what
is counted is what is decoded.

H.264: Rec. ITU-T H.264, 7.3.1 and Annex B. HEVC: Rec. ITU-T H.265, 7.3.1.2 and Annex B.
VVC: Rec. ITU-T H.266, 7.3.1.2, table 5 and Annex B.
AV1: AV1 Bitstream & Decoding Process Specification, 4.10.5, 5.3 and 6.2.2.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from mvlib.errors import InputError

# Annex B: a unit starts after 00 00 01; one more 00 before it belongs to the start code.
_START = re.compile(rb"\x00?\x00\x00\x01")
_OBU_TEMPORAL_DELIMITER, _OBU_METADATA = 2, 5


@dataclass(frozen=True)
class _Nal:
    """Numbers of NAL unit types: of messages (SEI), of parameter sets, and which are coded pictures."""

    kind: Callable[[bytes], int]  # the two bytes behind the start code -> unit type
    messages: tuple[int, ...]
    parameters: tuple[int, ...]
    pictures: range


_NAL = {
    "h264": _Nal(lambda head: head[0] & 31, (6,), (7, 8, 13, 15), range(1, 6)),
    "hevc": _Nal(lambda head: head[0] >> 1 & 63, (39, 40), (32, 33, 34), range(32)),
    "vvc": _Nal(lambda head: head[1] >> 3 & 31, (23, 24), (12, 13, 14, 15, 16), range(12)),
}


def split_annex_b(data: bytes) -> list[bytes]:
    """Cut a byte stream into NAL units, each with its start code in front; joined they are ``data`` again.

    Raises:
        ValueError: the data does not begin with a start code.
    """
    starts = [m.start() for m in _START.finditer(data)]
    if not starts or starts[0] != 0:
        raise InputError(f"no Annex B byte stream: it begins with {data[:4].hex(' ')}, not with a start code")
    return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]


def _kind(syntax: str, unit: bytes) -> int:
    start = unit.index(1) + 1
    return _NAL[syntax].kind(unit[start : start + 2].ljust(2, b"\0"))


def without_sei(syntax: str, data: bytes) -> bytes:
    """Annex B bytes of "h264", "hevc" or "vvc" without supplemental enhancement information."""
    units = split_annex_b(data) if data else []
    return b"".join(unit for unit in units if _kind(syntax, unit) not in _NAL[syntax].messages)


def parameters_once(syntax: str, data: bytes) -> bytes:
    """A whole Annex B stream without parameter sets that say again what stands before the first picture.

    Where a later one says something else they are all kept: what is sent again may then have been overwritten.
    """
    nal, kept, in_front = _NAL[syntax], [], True
    known: set[bytes] = set()
    later: set[bytes] = set()
    for unit in split_annex_b(data):
        kind, content = _kind(syntax, unit), unit.lstrip(b"\0")  # with start codes of either length
        in_front = in_front and kind not in nal.pictures
        if kind in nal.parameters:
            (known if in_front else later).add(content)
        if kind not in nal.parameters or in_front:
            kept.append(unit)
    return b"".join(kept) if later <= known else data


def without_repeats(data: bytes, header: bytes) -> bytes:
    """Annex B bytes without the units that ``header`` holds already; x265 repeats them in every all-intra frame."""
    if not header:
        return data
    known = {unit.lstrip(b"\0") for unit in split_annex_b(header)}  # with start codes of either length
    return b"".join(unit for unit in split_annex_b(data) if unit.lstrip(b"\0") not in known)


def split_obus(data: bytes) -> list[bytes]:
    """Cut a temporal unit of AV1 (low-overhead format) into its OBUs; joined they are ``data`` again.

    Raises:
        ValueError: an OBU runs past the end of the data.
    """
    units, start = [], 0
    while start < len(data):
        has_extension, has_size = data[start] >> 2 & 1, data[start] >> 1 & 1
        body = start + 1 + has_extension
        size, body = _leb128(data, body) if has_size else (len(data) - body, body)
        if body + size > len(data):
            raise InputError(f"an OBU of {size} bytes at byte {start} runs past the end ({len(data)} bytes)")
        units.append(data[start : body + size])
        start = body + size
    return units


def _leb128(data: bytes, start: int) -> tuple[int, int]:
    """The number that begins at ``start``, seven bits a byte, least first; and where the next thing begins."""
    value = 0
    for i, byte in enumerate(data[start : start + 8]):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value, start + i + 1
    raise InputError(f"the size of the OBU at byte {start} does not end")


def av1_without_metadata(data: bytes) -> bytes:
    """AV1 temporal unit without metadata OBUs (type 5)."""
    return b"".join(unit for unit in split_obus(data) if unit[0] >> 3 & 15 != _OBU_METADATA)


def temporal_units(data: bytes) -> list[bytes]:
    """Cut an AV1 stream (low-overhead format, a file of OBUs) into temporal units; joined they are ``data`` again."""
    units: list[bytes] = []
    for obu in split_obus(data):
        if obu[0] >> 3 & 15 == _OBU_TEMPORAL_DELIMITER or not units:
            units.append(b"")
        units[-1] += obu
    return units
