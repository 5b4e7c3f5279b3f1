"""The shape of pixels in a Matroska or WebM file: finished file → the same with a display size.

FFmpeg's muxer takes the shape from where PyAV does not reach, and only H.264 and HEVC tell it in their own headers.  So
the track is given a name of as many bytes as the display size takes, which then stands in its place: no other
byte moves.
"""

from fractions import Fraction
from pathlib import Path

from mvlib.media.container import after_ebml

PLACE = "#" * 7
"""The name that the track must have; it disappears."""
OPTIONS = {"write_crc32": "0"}
"""Of the muxer: a checksum would tell of what was there before."""
_NAME = b"\x53\x6e\x87" + PLACE.encode()
_VIDEO, _UNIT_UNKNOWN, _UNIT_PIXELS = 0xE0, b"\x54\xb2\x81\x04", b"\x54\xb2\x81\x00"
_HEAD = 4096  # bytes: tracks come first


def write_shape(path: Path, height: int, width: int, shape: Fraction) -> None:
    """Tell in the finished file that its pixels are ``shape`` times as wide as high; sides below 65,536."""
    shown = round(width * max(shape, Fraction(1))), round(height * max(1 / shape, Fraction(1)))
    size = b"".join(
        name + b"\x82" + side.to_bytes(2, "big")
        for name, side in zip((b"\x54\xb0", b"\x54\xba"), shown, strict=True)
    )
    with path.open("r+b") as file:
        head = file.read(_HEAD)
        start = head.index(_NAME)
        at = start + len(_NAME)
        while head[at] != _VIDEO:
            at = after_ebml(head, at)
        end = at + 2 + (head[at + 1] & 0x7F)
        video = head[at + 2 : end].replace(_UNIT_UNKNOWN, _UNIT_PIXELS) + size
        before = head[start + len(_NAME) : at]
        file.seek(start)
        file.write(before + bytes([_VIDEO, 0x80 | len(video)]) + video)
