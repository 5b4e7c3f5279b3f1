"""Squares out of pictures: shape, size, kind of crop, random numbers → box → cut out and resized."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from mvlib.errors import InputError

CROPS = ("random", "centre", "whole")
Box = tuple[int, int, int, int]


def check_crop(crop: str) -> None:
    """Raise ValueError unless ``crop`` is one of ``CROPS``."""
    if crop not in CROPS:
        raise InputError(f"crop={crop!r} does not exist, choose one of {', '.join(CROPS)}")


def square_box(shape: Sequence[int], size: int, crop: str, rng: np.random.Generator) -> Box:
    """Which part of a picture of ``shape`` (height, width) becomes the square: left, top, right, bottom in pixels.

    "random" draws a side between ``size`` and the shorter side, anywhere; "centre" takes the largest centred
    square; "whole" everything. Where the shorter side is below ``size``, a random square is as large as it gets.
    """
    height, width = shape
    if crop == "whole":
        return 0, 0, width, height
    side = min(height, width)
    if crop == "centre":
        left, top = (width - side) // 2, (height - side) // 2
        return left, top, left + side, top + side
    side = int(rng.integers(min(size, side), side + 1))
    left, top = int(rng.integers(0, width - side + 1)), int(rng.integers(0, height - side + 1))
    return left, top, left + side, top + side


def cut_square(picture: np.ndarray, size: int, crop: str, rng: np.random.Generator) -> np.ndarray:
    """The square of a picture uint8 (H, W, 3), see ``square_box``, by antialiased Lanczos: uint8 (size, size, 3)."""
    part = Image.fromarray(picture).crop(square_box(picture.shape[:2], size, crop, rng))
    return np.array(part.resize((size, size), Image.Resampling.LANCZOS))
