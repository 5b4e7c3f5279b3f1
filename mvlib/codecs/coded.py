"""Streams and decoded clips: frames → stream → (bits, types, decoded frames); streams that are kept.

Kept in a folder is the stream (kilobytes), not the frames (megabytes): decoding is quick and gives the same frames.
"""

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mvlib._store import SealedFolder, digest
from mvlib.errors import InputError

from .colour import Planes


@dataclass(frozen=True)
class Stream:
    """An elementary stream, which is counted and decoded; of a still codec one file a frame.

    Attributes:
        header: parameter sets that come before the first packet (H.264, HEVC); else empty.
        packets: (display position, bytes) in coding order. A frame that is coded but never shown is in the packet of
            the next shown one.
        size: (frames, height, width) of the clip that went in, before padding.
    """

    header: bytes
    packets: list[tuple[int, bytes]]
    size: tuple[int, int, int]

    @property
    def frame_bits(self) -> list[int]:
        """Bits per frame in display order; the header's are in the first one's."""
        bits = [0] * self.size[0]
        bits[0] = 8 * len(self.header)
        for position, data in self.packets:
            bits[position] += 8 * len(data)
        return bits

    def __bytes__(self) -> bytes:
        return self.header + b"".join(data for _, data in self.packets)


@dataclass
class Coded:
    """A clip after coding and decoding; all lists are in display order.

    Attributes:
        frames: decoded pictures, uint8 RGB (T, H, W, 3), the size that went in.
        bits: size of the elementary stream (a still codec: of the files) in bits, without container and SEI text.
            Parameter sets (SPS, PPS, VPS: 40 to 90 bytes) are part of the stream and counted, once a clip.
        frame_bits: bits per frame; the parameter sets are in the first one's, and frames that are coded but never
            shown are in the next shown one's. They sum to ``bits``.
        frame_types: "I", "P" or "B" per frame. VP9 and AV1 do not tell P from B: their inter frames are all "P".
            "?" where a program decoded and nothing tells.
        native: the number that the encoder was given on its own scale.
        codec: the codec's name.
        planes: y (T, H', W'), u and v (T, H'/2, W'/2) in uint8 as the decoder gave them (H' and W': H and W made
            even) where ``planes`` was set. None for still codecs: Pillow hands out no planes.
    """

    frames: np.ndarray
    bits: int
    frame_bits: list[int]
    frame_types: list[str]
    native: float
    codec: str
    planes: Planes | None = None

    @property
    def bpp(self) -> float:
        """Bits per pixel of the size that went in."""
        return self.bits / int(np.prod(self.frames.shape[:3]))


_MAGIC = b"mvlib-stream-1\n"


def stored(folder: str | Path, identity: list, frames: np.ndarray, make: Callable[[], Stream]) -> Stream:
    """The stream that ``make`` makes, made only if the folder does not hold it.

    Args:
        folder: made if it does not exist; may be shared by processes. Deleting files in it is always safe.
        identity: all that the stream depends on beside the frames, as values for JSON.
    """
    files, key = SealedFolder(folder, ".stream"), digest(identity, frames)
    if (body := files.read(key)) is not None:
        with contextlib.suppress(ValueError):
            return unpack(body)
    stream = make()
    files.write(key, pack(stream))
    return stream


def pack(stream: Stream) -> bytes:
    """A stream as bytes: magic, length of the index, index (JSON), header, packets."""
    index = {
        "size": [int(n) for n in stream.size],
        "header": len(stream.header),
        "packets": [(position, len(data)) for position, data in stream.packets],
    }
    text = json.dumps(index).encode()
    return _MAGIC + len(text).to_bytes(4, "little") + text + bytes(stream)


def unpack(body: bytes) -> Stream:
    """The stream that :func:`pack` packed.

    Raises:
        ValueError: the bytes are of something else.
    """
    if not body.startswith(_MAGIC):
        raise InputError(f"{len(body)} bytes that are no stored stream")
    start = len(_MAGIC) + 4
    end = start + int.from_bytes(body[len(_MAGIC) : start], "little")
    index = json.loads(body[start:end])
    header, end = body[end : end + index["header"]], end + index["header"]
    packets = []
    for position, length in index["packets"]:
        packets.append((position, body[end : end + length]))
        end += length
    return Stream(header, packets, tuple(index["size"]))
