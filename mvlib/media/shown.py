"""A frame as it is to be seen, and when: what reading a clip frame by frame gives."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

UNSAID = 2
"""Of ITU-T H.273: primaries or a transfer that a stream does not state."""


@dataclass(frozen=True)
class Shown:
    """One frame of a clip."""

    pixels: np.ndarray
    """uint8 (H, W, 3), upright, RGB."""
    time: Fraction | None
    """Seconds, on the clock of the file; None: the file does not tell."""
    lasts: Fraction | None = None
    """Seconds until the next one is to be shown; None: not told."""
    shape: Fraction = Fraction(1)
    """Width of a pixel by its height, upright."""
    primaries: int = UNSAID
    transfer: int = UNSAID
    """Of the pixels, by the numbers of ITU-T H.273."""
