"""Which bytes of a packet count: packet → units (NAL or OBU) → without messages → bytes that are counted and decoded.

Encoders write text about themselves into the stream (x264: some 700 bytes in the first picture). A decoder needs none of it, and in a
small picture it outweighs the picture. It is taken out before counting, and what is counted is what is decoded.

H.264: Rec. ITU-T H.264 7.3.1 and Annex B. HEVC: Rec. ITU-T H.265 7.3.1.2 and Annex B. AV1: AV1 Bitstream Specification 5.3, 5.5, 4.10.5.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# Annex B: a unit starts after 00 00 01; one more 00 before it belongs to the start code.
_START = re.compile(rb"\x00?\x00\x00\x01")


def split_annex_b(data: bytes) -> list[bytes]:
    """Cut a byte stream into NAL units, each with its start code in front; joined they are ``data`` again.

    Raises:
        ValueError: the data does not begin with a start code.
    """
    starts = [m.start() for m in _START.finditer(data)]
    if not starts or starts[0] != 0:
        raise ValueError(
            f"not an Annex B byte stream: begins with {data[:8].hex(' ')!r}, not with a start code"
        )
    return [data[a:b] for a, b in zip(starts, [*starts[1:], len(data)], strict=True)]


def _drop(data: bytes, is_message: Callable[[int], bool]) -> bytes:
    if not data:
        return data
    units = split_annex_b(data)
    return b"".join(u for u in units if not is_message(u[u.index(1) + 1]))


def h264_without_sei(data: bytes) -> bytes:
    """H.264 Annex B bytes without supplemental enhancement information (unit type 6)."""
    return _drop(data, lambda header: header & 31 == 6)


def hevc_without_sei(data: bytes) -> bytes:
    """HEVC Annex B bytes without supplemental enhancement information (unit types 39 and 40)."""
    return _drop(data, lambda header: header >> 1 & 63 in (39, 40))
