"""What an encoder writes and what comes back: frames → stream → (bits, types, decoded frames)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Stream:
    """What is counted and decoded: an elementary stream, or for a still codec one file a frame.

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
            even) where they were asked for. None for still codecs: Pillow hands out no planes.
    """

    frames: np.ndarray
    bits: int
    frame_bits: list[int]
    frame_types: list[str]
    native: float
    codec: str
    planes: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    @property
    def bpp(self) -> float:
        """Bits per pixel of the size that went in."""
        return self.bits / int(np.prod(self.frames.shape[:3]))
