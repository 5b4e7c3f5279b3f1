"""Colour between pictures and encoders: RGB → matrix → 2×2 chroma average → Y, Cb, Cr → (coding) → bilinear chroma → RGB.

What is done exactly, since a differentiable codec has to imitate it and a vague "yuv420p" hides errors of whole grey levels:

* ``bt709``: ITU-R BT.709 matrix, limited range (Y 16..235, Cb and Cr 16..240). All video codecs here but Motion JPEG.
* ``jfif``: ITU-R BT.601 matrix, full range 0..255, as JPEG files have it. Motion JPEG here; Pillow's JPEG does the same itself.
* Chroma down: the mean of each 2×2 block of pixels, so a chroma sample sits in the middle of its four pixels.
* Chroma up: bilinear for that position, weights 3/4 and 1/4 in each direction, edges repeated.
* Every value is rounded to nearest: each plane is within 0.51 of the real-valued formula, each RGB value within 0.6.

libswscale does it, with flags chosen by measurement: its defaults are fast, but lower every RGB value by about one grey level on the
way back, and ``ACCURATE_RND`` alone by two.
"""

from __future__ import annotations

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

_EXACT = Interpolation.ACCURATE_RND | Interpolation.BITEXACT
_DOWN = Interpolation.AREA | Interpolation.FULL_CHR_H_INP | _EXACT
_UP = Interpolation.BILINEAR | Interpolation.FULL_CHR_H_INT | _EXACT

# name: (matrix, range of the planes, pixel format)
COLOURS = {
    "bt709": (Colorspace.ITU709, ColorRange.MPEG, "yuv420p"),
    "jfif": (Colorspace.ITU601, ColorRange.JPEG, "yuvj420p"),
}


class Converter:
    """One colour's two conversions; keeps libswscale's tables between frames of one size.

    Args:
        colour: "bt709" or "jfif".
    """

    def __init__(self, colour: str = "bt709"):
        if colour not in COLOURS:
            raise ValueError(f"colour {colour!r} is unknown; choose one of {', '.join(COLOURS)}")
        self.matrix, self.range, self.format = COLOURS[colour]
        self._down, self._up = VideoReformatter(), VideoReformatter()

    def to_yuv(self, rgb: np.ndarray) -> av.VideoFrame:
        """(H, W, 3) uint8 with even sides -> frame of three planes."""
        return self._down.reformat(
            av.VideoFrame.from_ndarray(rgb, format="rgb24"),
            format=self.format,
            dst_colorspace=self.matrix,
            src_color_range=ColorRange.JPEG,
            dst_color_range=self.range,
            interpolation=_DOWN,
            threads=1,
        )

    def to_rgb(self, frame: av.VideoFrame) -> np.ndarray:
        """Frame of three planes -> (H, W, 3) uint8."""
        rgb = self._up.reformat(
            frame,
            format="rgb24",
            src_colorspace=self.matrix,
            src_color_range=self.range,
            dst_color_range=ColorRange.JPEG,
            interpolation=_UP,
            threads=1,
        )
        return rgb.to_ndarray()


def pad_to(frames: np.ndarray, multiple: int = 2, least: int = 2) -> np.ndarray:
    """Repeat the right and bottom edge of (T, H, W, C) until both sides are a multiple and at least ``least``."""
    grow = [max(least, -(-side // multiple) * multiple) - side for side in frames.shape[1:3]]
    if not any(grow):
        return frames
    return np.pad(frames, ((0, 0), (0, grow[0]), (0, grow[1]), (0, 0)), mode="edge")


def plane_arrays(frame: av.VideoFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The planes of a 4:2:0 frame: y (H, W), u and v (H/2, W/2), uint8, without the encoder's row padding."""
    planes = []
    for plane in frame.planes:
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        planes.append(rows[: plane.height, : plane.width].copy())
    return tuple(planes)


def rgb_to_yuv420(frames: np.ndarray, colour: str = "bt709") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The planes that the encoders are given.

    Args:
        frames: uint8 RGB, (T, H, W, 3); an odd side is made even by repeating its edge.
        colour: "bt709" (video codecs) or "jfif" (Motion JPEG); see the module's text.

    Returns:
        y (T, H', W'), u and v (T, H'/2, W'/2), uint8, where H' and W' are H and W made even.
    """
    convert = Converter(colour)
    planes = [plane_arrays(convert.to_yuv(rgb)) for rgb in np.ascontiguousarray(pad_to(frames))]
    return tuple(np.stack(p) for p in zip(*planes, strict=True))


def yuv420_to_rgb(y: np.ndarray, u: np.ndarray, v: np.ndarray, colour: str = "bt709") -> np.ndarray:
    """The pictures that come out of decoded planes: the inverse of :func:`rgb_to_yuv420` up to chroma detail and rounding.

    Args:
        y: uint8 (T, H, W) with even sides.  u, v: uint8 (T, H/2, W/2).
        colour: as in :func:`rgb_to_yuv420`.

    Returns:
        uint8 RGB (T, H, W, 3).
    """
    convert = Converter(colour)
    rgb = []
    for planes in zip(y, u, v, strict=True):
        flat = np.concatenate([np.ascontiguousarray(p).reshape(-1) for p in planes])
        stacked = flat.reshape(-1, y.shape[2])  # (H * 3/2, W), the layout of from_ndarray
        rgb.append(convert.to_rgb(av.VideoFrame.from_ndarray(stacked, format=convert.format)))
    return np.stack(rgb)
