"""Which bytes of a packet count: packet → units (NAL or OBU) → without messages → bytes counted and decoded.

Encoders write text about themselves into the stream (x264: some 700 bytes in the first picture). A decoder
needs none of it, and in a small picture it outweighs the picture. It is taken out before counting, and what
is counted is what is decoded.

H.264: Rec. ITU-T H.264, 7.3.1 and Annex B. HEVC: Rec. ITU-T H.265, 7.3.1.2 and Annex B.
AV1: AV1 Bitstream & Decoding Process Specification, 4.10.5, 5.3 and 6.2.2.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from mvlib.errors import InputError

# Annex B: a unit starts after 00 00 01; one more 00 before it belongs to the start code.
_START = re.compile(rb"\x00?\x00\x00\x01")
_OBU_METADATA = 5


def unchanged(data: bytes) -> bytes:
    """The bytes as they are, for streams that hold no messages."""
    return data


def split_annex_b(data: bytes) -> list[bytes]:
    """Cut a byte stream into NAL units, each with its start code in front; joined they are ``data`` again.

    Raises:
        ValueError: the data does not begin with a start code.
    """
    starts = [m.start() for m in _START.finditer(data)]
    if not starts or starts[0] != 0:
        raise InputError(f"no Annex B byte stream: it begins with {data[:4].hex(' ')}, not with a start code")
    return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]


def _drop(data: bytes, is_message: Callable[[int], bool]) -> bytes:
    if not data:
        return data
    return b"".join(unit for unit in split_annex_b(data) if not is_message(unit[unit.index(1) + 1]))


def h264_without_sei(data: bytes) -> bytes:
    """H.264 Annex B bytes without supplemental enhancement information (unit type 6)."""
    return _drop(data, lambda header: header & 31 == 6)


def hevc_without_sei(data: bytes) -> bytes:
    """HEVC Annex B bytes without supplemental enhancement information (unit types 39 and 40)."""
    return _drop(data, lambda header: header >> 1 & 63 in (39, 40))


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
