"""What comes back from an encoder: frames → bytes → (bits, types, decoded frames)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Coded:
    """A clip after coding and decoding; all lists are in display order.

    Attributes:
        frames: decoded pictures, uint8 RGB (T, H, W, 3), the size that went in.
        bits: size of the elementary stream in bits (a still codec: of the files), without container and SEI text;
            parameter sets are part of the stream and counted, once.
        frame_bits: bits per frame; the parameter sets are in the first one's, frames that are coded but never shown in the next
            shown one's. They sum to ``bits``.
        frame_types: "I", "P" or "B" per frame. VP9 and AV1 have no B pictures by name: their inter frames are all "P".
        native: the number that the encoder was given on its own scale.
        codec: the codec's name.
        planes: the decoded y (T, H', W'), u, v (T, H'/2, W'/2) in uint8 as the decoder gave them (H', W': H, W made even),
            if they were asked for; else None. None too for codecs of Pillow, which hand out no planes.
    """

    frames: np.ndarray
    bits: int
    frame_bits: list[int]
    frame_types: list[str]
    native: int
    codec: str
    planes: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    @property
    def bpp(self) -> float:
        """Bits per pixel of the original size."""
        return self.bits / int(np.prod(self.frames.shape[:3]))
