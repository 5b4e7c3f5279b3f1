"""Colour between pictures and encoders: RGB → matrix → 2×2 chroma mean → Y, Cb, Cr → … → bilinear chroma → RGB.

What is done exactly, since a differentiable codec has to imitate it and a vague "yuv420p" hides errors of whole
grey levels:

* ``bt709``: ITU-R BT.709 matrix, limited range (Y 16..235, Cb and Cr 16..240). All video codecs but Motion JPEG.
* ``jfif``: ITU-R BT.601 matrix, full range 0..255, as JPEG files have it. Motion JPEG.
* Chroma down: the mean of each 2×2 block of pixels, so a chroma sample sits in the middle of its four pixels.
* Chroma up: bilinear for that position, weights 3/4 and 1/4 in each direction, edges repeated.
* Rounded to nearest: planes and RGB are within 0.51 of the real-valued formulas.

libswscale does it, with flags chosen by measurement: its defaults lower every RGB value by about one grey level on
the way back, ``ACCURATE_RND`` alone by two; and it lowers full-range chroma by a half on the way in, whatever the
flags, so that direction of ``jfif`` is the formula itself, in numpy.
"""

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from mvlib.colour import colour_named
from mvlib.media.colour import UP

_EXACT = Interpolation.ACCURATE_RND | Interpolation.BITEXACT
_DOWN = Interpolation.AREA | Interpolation.FULL_CHR_H_INP | _EXACT

# name, as in mvlib.colour: (matrix, range of the planes, pixel format)
_OF_LIBSWSCALE = {
    "bt709": (Colorspace.ITU709, ColorRange.MPEG, "yuv420p"),
    "jfif": (Colorspace.ITU601, ColorRange.JPEG, "yuvj420p"),
}


Planes = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Y, Cb and Cr."""


class Converter:
    """One colour's two conversions; keeps libswscale's tables between frames of one size.

    Args:
        colour: "bt709" or "jfif".
    """

    def __init__(self, colour: str = "bt709"):
        colour_named(colour)
        self.matrix, self.range, self.format = _OF_LIBSWSCALE[colour]
        self._down, self._up = VideoReformatter(), VideoReformatter()

    def to_yuv(self, rgb: np.ndarray) -> av.VideoFrame:
        """(H, W, 3) uint8 with even sides -> frame of three planes."""
        if self.range == ColorRange.JPEG:
            return frame_of(_jfif_planes(rgb), self.format)
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
            interpolation=UP,
            threads=1,
        )
        return rgb.to_ndarray()


def _jfif_planes(rgb: np.ndarray) -> Planes:
    """The real-valued BT.601 formulas (JFIF 1.02), rounded once."""
    jfif = colour_named("jfif")
    luma = jfif.weights.astype(np.float32)
    quads = rgb.reshape(rgb.shape[0] // 2, 2, rgb.shape[1] // 2, 2, 3)
    mean = quads.sum(axis=(1, 3), dtype=np.float32) / 4  # (H/2, W/2, 3)
    y = rgb.astype(np.float32) @ luma
    mean_y = mean @ luma
    cb = 128 + (mean[..., 2] - mean_y) / np.float32(2 * (1 - jfif.blue))
    cr = 128 + (mean[..., 0] - mean_y) / np.float32(2 * (1 - jfif.red))
    y, cb, cr = (np.rint(plane).clip(0, 255).astype(np.uint8) for plane in (y, cb, cr))
    return y, cb, cr


def frame_of(planes: Planes, pixel_format: str) -> av.VideoFrame:
    """y (H, W), u and v (H/2, W/2) -> frame of these planes."""
    flat = np.concatenate([np.ascontiguousarray(plane).reshape(-1) for plane in planes])
    stacked = flat.reshape(-1, planes[0].shape[1])  # (H * 3/2, W): the layout that PyAV takes 4:2:0 in
    return av.VideoFrame.from_ndarray(stacked, format=pixel_format)


def pad_to(frames: np.ndarray, multiple: int = 2, least: int = 2) -> np.ndarray:
    """Repeat the right and bottom edge of (T, H, W, C) until both sides are a multiple and at least ``least``."""
    grow = [max(least, -(-side // multiple) * multiple) - side for side in frames.shape[1:3]]
    if not any(grow):
        return frames
    return np.pad(frames, ((0, 0), (0, grow[0]), (0, grow[1]), (0, 0)), mode="edge")


def plane_arrays(frame: av.VideoFrame) -> Planes:
    """The planes of a 4:2:0 frame: y (H, W), u and v (H/2, W/2), uint8, without the encoder's row padding."""
    y, u, v = (
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in frame.planes
    )
    return y.copy(), u.copy(), v.copy()


def rgb_to_yuv420(frames: np.ndarray, colour: str = "bt709") -> Planes:
    """The planes that the encoders are given.

    Args:
        frames: uint8 RGB, (T, H, W, 3); an odd side is made even by repeating its edge.
        colour: "bt709" (video codecs) or "jfif" (Motion JPEG); see the module's text.

    Returns:
        y (T, H', W'), u and v (T, H'/2, W'/2), uint8, where H' and W' are H and W made even.
    """
    convert = Converter(colour)
    planes = [plane_arrays(convert.to_yuv(rgb)) for rgb in np.ascontiguousarray(pad_to(frames))]
    y, u, v = (np.stack(plane) for plane in zip(*planes, strict=True))
    return y, u, v


def yuv420_to_rgb(y: np.ndarray, u: np.ndarray, v: np.ndarray, colour: str = "bt709") -> np.ndarray:
    """The pictures that come out of decoded planes: :func:`rgb_to_yuv420` undone, up to chroma detail and rounding.

    Args:
        y: uint8 (T, H, W) with even sides.  u, v: uint8 (T, H/2, W/2).
        colour: as in :func:`rgb_to_yuv420`.

    Returns:
        uint8 RGB (T, H, W, 3).
    """
    convert = Converter(colour)
    rgb = [convert.to_rgb(frame_of(planes, convert.format)) for planes in zip(y, u, v, strict=True)]
    return np.stack(rgb)
