"""Run a still codec of Pillow on every frame: picture → file → picture.

Pillow's JPEG is BT.601 full range (JFIF), WebP BT.601 limited range, AVIF BT.601 full range, all 4:2:0; the
conversions are the libraries' own, both ways.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from mvlib.errors import InputError

from .coded import Stream
from .encoders import Encoder


def encode(encoder: Encoder, frames: np.ndarray, options: dict) -> Stream:
    """Encode each of uint8 (T, H, W, 3) as a file of its own.

    Raises:
        ValueError: the encoder refuses the options or the size.
    """
    packets = []
    for i, rgb in enumerate(frames):
        file = io.BytesIO()
        try:
            Image.fromarray(rgb).save(file, format=encoder.library, **options)
        except (ValueError, RuntimeError, OSError) as error:  # nothing is read or written but memory
            height, width = rgb.shape[:2]
            raise InputError(f"{encoder.library} refuses {options} for {width}x{height}: {error}") from error
        packets.append((i, file.getvalue()))
    return Stream(b"", packets, frames.shape[:3])


def decode(stream: Stream) -> np.ndarray:
    """The files' pictures, uint8 RGB (T, H, W, 3)."""
    out = np.empty((*stream.size, 3), np.uint8)
    for position, data in stream.packets:
        with Image.open(io.BytesIO(data)) as picture:
            out[position] = np.asarray(picture.convert("RGB"))
    return out
