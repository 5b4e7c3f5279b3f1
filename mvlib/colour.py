"""The two colours that encoders here are given, as numbers: name → weights and ranges → matrix RGB → Y, Cb, Cr.

BT.709 in limited range for video, BT.601 in full range (JFIF) for JPEG; the real encoders' path and the virtual codec
are made of the same numbers. References: ITU-R BT.709-6; ITU-R BT.601-7; ITU-T T.871 (JFIF).
"""

from typing import NamedTuple

import numpy as np

from mvlib.errors import choose


class Colour(NamedTuple):
    """Weights of red and blue in luma; scale and offset of luma, scale of chroma, in 8-bit samples."""

    red: float
    blue: float
    luma: float
    black: float
    chroma: float

    @property
    def weights(self) -> np.ndarray:
        """What red, green and blue weigh in luma, float64 (3,)."""
        return np.array([self.red, 1 - self.red - self.blue, self.blue])

    def matrix(self) -> tuple[np.ndarray, np.ndarray]:
        """Float64 matrix (3, 3) and offset (3,) that take RGB in [0, 1] to Y, Cb, Cr in 0..255."""
        y = self.weights
        cb = (np.array([0.0, 0, 1]) - y) / (2 * (1 - self.blue))
        cr = (np.array([1.0, 0, 0]) - y) / (2 * (1 - self.red))
        return np.stack([self.luma * y, self.chroma * cb, self.chroma * cr]), np.array([self.black, 128, 128])


COLOURS = {
    "bt709": Colour(0.2126, 0.0722, 219.0, 16.0, 224.0),
    "jfif": Colour(0.299, 0.114, 255.0, 0.0, 255.0),
}


def colour_named(name: str) -> Colour:
    """The colour called "bt709" or "jfif"; ValueError for another name."""
    return COLOURS[choose("colour", name, COLOURS)]
