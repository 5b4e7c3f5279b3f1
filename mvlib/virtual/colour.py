"""Colour around the virtual codec: RGB in [0, 1] → matrix → 2×2 chroma mean → planes in 0..255 → bilinear chroma → RGB.

The planes are in 8-bit sample units everywhere in ``mvlib.virtual``, so that quantiser steps are the
standard's own numbers. Matrix and range are those of ``mvlib.colour``; chroma position and filters those of the real
encoders' path (``mvlib.codecs.colour``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mvlib.colour import colour_named

from .quantise import straight_through_round


class Planes(NamedTuple):
    """A 4:2:0 picture in 8-bit sample units: y (B, 1, H, W), cb and cr (B, 1, H/2, W/2)."""

    y: Tensor
    cb: Tensor
    cr: Tensor

    def each(self, change: Callable[[Tensor], Tensor]) -> Planes:
        """The picture with every plane changed alike."""
        return Planes(*map(change, self))

    def detach(self) -> Planes:
        """The picture without its gradient."""
        return self.each(Tensor.detach)


def matrix(colour: str = "bt709") -> tuple[Tensor, Tensor]:
    """Return the float64 matrix (3, 3) and offset (3,) that take RGB in [0, 1] to Y, Cb, Cr in 0..255."""
    m, offset = colour_named(colour).matrix()
    return torch.from_numpy(m), torch.from_numpy(offset)


def rgb_to_planes(rgb: Tensor, colour: str = "bt709", round_samples: bool = True) -> Planes:
    """Convert RGB to the 4:2:0 planes that an encoder is given.

    Args:
        rgb: (B, 3, H, W) in [0, 1]; an odd side is made even by repeating its edge.
        colour: "bt709" or "jfif".
        round_samples: round to whole samples as the real path does, with the gradient passed straight through.
    """
    height, width = rgb.shape[-2:]
    if height % 2 or width % 2:
        rgb = F.pad(rgb, (0, width % 2, 0, height % 2), mode="replicate")
    m, offset = (t.to(rgb) for t in matrix(colour))
    small = F.avg_pool2d(rgb, 2)  # the matrix is linear: averaging RGB first is the same and cheaper
    y = F.conv2d(rgb, m[:1, :, None, None], offset[:1])
    chroma = F.conv2d(small, m[1:, :, None, None], offset[1:])
    if round_samples:
        y, chroma = straight_through_round(y), straight_through_round(chroma)
    return Planes(y.contiguous(), chroma[:, :1].contiguous(), chroma[:, 1:].contiguous())


def planes_to_rgb(planes: Planes, height: int, width: int, colour: str = "bt709") -> Tensor:
    """Convert planes back to RGB (B, 3, height, width) in [0, 1]: the inverse but for chroma detail and clipping."""
    m, offset = matrix(colour)
    inverse = torch.linalg.inv(m).to(planes.y)
    chroma = torch.cat([planes.cb, planes.cr], 1)
    chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
    yuv = torch.cat([planes.y, chroma], 1)[..., :height, :width]
    bias = -(inverse @ offset.to(planes.y))
    return F.conv2d(yuv, inverse[:, :, None, None], bias).clamp(0, 1)


def pad_planes(planes: Planes, multiple: int) -> Planes:
    """Repeat the right and lower edge until luma's sides are a multiple."""
    h, w = planes.y.shape[-2:]
    down, right = -h % multiple, -w % multiple
    if not down and not right:
        return planes
    pads = ((right, down), (right // 2, down // 2), (right // 2, down // 2))
    return Planes(*(F.pad(p, (0, r, 0, d), mode="replicate") for p, (r, d) in zip(planes, pads, strict=True)))
