"""Run a still codec of Pillow on every frame: picture → file bytes → picture."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from .coded import Coded
from .encoders import Encoder


def code_stills(encoder: Encoder, frames: np.ndarray, options: dict) -> Coded:
    """Encode and decode each of (T, H, W, 3) uint8 as a file of its own; the caller fills ``native`` and ``codec``."""
    decoded, frame_bits = [], []
    for rgb in frames:
        file = io.BytesIO()
        Image.fromarray(rgb).save(file, format=encoder.library, **options)
        frame_bits.append(8 * file.tell())
        with Image.open(file) as picture:
            decoded.append(np.asarray(picture.convert("RGB")))
    return Coded(np.stack(decoded), sum(frame_bits), frame_bits, ["I"] * len(frames), 0, "")
