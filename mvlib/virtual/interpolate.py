"""A reference frame between its samples: plane → filter bank → planes of all phases → one gather per block.

A motion vector of a quarter sample has 4 × 4 possible fractions. As a real encoder does, the whole reference is
filtered once for each of them; a block's prediction is then nothing but a gather, for the search (thousands of
tries without a gradient) as for the compensation (once, with the gradient of the reference's values). Chroma at
half the resolution reads the same vector as eighths: 8 × 8 phases of a quarter of the samples.

1. ITU-T H.265 (04/2013), 8.5.3.3.3: 8-tap luma and 4-tap chroma filters.
2. ITU-T H.264 (03/2005), 8.4.2.2: 6-tap half samples, averaged quarter samples, bilinear chroma.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

from mvlib.errors import choose

CELL = 8
"""Side of the smallest luma block that owns a motion vector, in samples."""

_HEVC_LUMA = [
    [0, 0, 0, 64, 0, 0, 0, 0],
    [-1, 4, -10, 58, 17, -5, 1, 0],
    [-1, 4, -11, 40, 40, -11, 4, -1],
    [0, 1, -5, 17, 58, -10, 4, -1],
]
_HEVC_CHROMA = [
    [0, 64, 0, 0],
    [-2, 58, 10, -2],
    [-4, 54, 16, -2],
    [-6, 46, 28, -4],
    [-4, 36, 36, -4],
    [-4, 28, 46, -6],
    [-2, 16, 54, -4],
    [-2, 10, 58, -2],
]
_H264_HALF = [[0, 0, 64, 0, 0, 0], [2, -10, 40, 40, -10, 2]]
_H264_CHROMA = [[64 - 8 * f, 8 * f] for f in range(8)]
_KINDS = ("hevc", "h264")


class _FilterBank(torch.autograd.Function):
    """(..., n + T - 1, m) or (..., m, n + T - 1) → (F, ...): F filters of T taps along one of the last two axes.

    Shifted in-place additions: on a CPU the backward pass is some ten times faster than a convolution's.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, taps: list[list[int]], dim: int) -> torch.Tensor:
        ctx.taps, ctx.dim, ctx.shape = taps, dim, x.shape
        n = x.shape[dim] - len(taps[0]) + 1
        shape = list(x.shape)
        shape[dim] = n
        out = x.new_zeros([len(taps), *shape])
        for f, row in enumerate(taps):
            for i, tap in enumerate(row):
                if tap:
                    out[f].add_(x.narrow(dim, i, n), alpha=tap / 64)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        out = grad.new_zeros(ctx.shape)
        n = grad.shape[ctx.dim]
        for f, row in enumerate(ctx.taps):
            for i, tap in enumerate(row):
                if tap:
                    out.narrow(ctx.dim, i, n).add_(grad[f], alpha=tap / 64)
        return out, None, None


def _separable(x: torch.Tensor, taps: list[list[int]]) -> torch.Tensor:
    """(B, C, H + T - 1, W + T - 1) → (F², B, C, H, W), phase = F·(vertical) + horizontal."""
    rows = _FilterBank.apply(x, taps, -1)  # (Fx, B, C, H+T-1, W)
    both = _FilterBank.apply(rows, taps, -2)  # (Fy, Fx, B, C, H, W)
    return both.flatten(0, 1)


def _margin(block: int) -> int:
    """Samples around the picture: beyond it every phase is constant, so a block's position may be clamped."""
    return block + 4


def _pad(x: torch.Tensor, block: int, before: int, after: int) -> torch.Tensor:
    m = _margin(block)
    return F.pad(x, (m + before, m + after, m + before, m + after), mode="replicate")


def _h264_luma(x: torch.Tensor, block: int) -> torch.Tensor:
    """The 16 phases of H.264: integer and half samples, then the average of the two nearest of these."""
    g, b, h, j = _separable(_pad(x, block, 2, 4), _H264_HALF)  # each one sample longer than the planes
    cut = slice(0, -1)
    right, down = slice(1, None), slice(1, None)
    full, across, along, centre = (p[..., cut, cut] for p in (g, b, h, j))
    full_r, along_r = g[..., cut, right], h[..., cut, right]
    full_d, across_d = g[..., down, cut], b[..., down, cut]
    pairs = [
        (full, full), (full, across), (across, across), (across, full_r),
        (full, along), (across, along), (across, centre), (across, along_r),
        (along, along), (along, centre), (centre, centre), (centre, along_r),
        (along, full_d), (along, across_d), (centre, across_d), (along_r, across_d),
    ]  # fmt: skip
    return torch.stack([p if p is q else (p + q) / 2 for p, q in pairs])


def luma_phases(plane: torch.Tensor, kind: str = "hevc") -> torch.Tensor:
    """All quarter-sample phases of a luma plane.

    plane: (B, 1, H, W) any scale, H and W multiples of 8. kind: "hevc" or "h264".
    Returns (16, B, 1, H + 24, W + 24), differentiable to the plane; the border is repeated.
    """
    if choose("interpolation", kind, _KINDS) == "h264":
        return _h264_luma(plane, CELL)
    return _separable(_pad(plane, CELL, 3, 4), _HEVC_LUMA)


def chroma_phases(planes: torch.Tensor, kind: str = "hevc") -> torch.Tensor:
    """All eighth-sample phases of the chroma planes.

    planes: (B, C, H/2, W/2). Returns (64, B, C, H/2 + 16, W/2 + 16), differentiable to the planes.
    """
    if choose("interpolation", kind, _KINDS) == "h264":
        return _separable(_pad(planes, CELL // 2, 0, 1), _H264_CHROMA)
    return _separable(_pad(planes, CELL // 2, 1, 2), _HEVC_CHROMA)


def fetch(phases: torch.Tensor, vectors: torch.Tensor, block: int = CELL) -> torch.Tensor:
    """Every block's prediction: the reference at the block's place plus its vector.

    phases: (F², B, C, Hp, Wp) from `luma_phases` (F = 4, block 8) or `chroma_phases` (F = 8, block 4).
    vectors: integer (..., B, h, w, 2), (x, y) in 1/F sample; h·block and w·block are the plane's sides.
    Returns blocks (..., B, C, h, w, block, block). The gradient flows to the reference's values, none to the
    vectors. A block may lie outside the picture: it reads the repeated border.
    """
    f = round(phases.shape[0] ** 0.5)
    _, b, c, hp, wp = phases.shape
    h, w = vectors.shape[-3:-1]
    m, dev = _margin(block), phases.device
    x, y = vectors[..., 0].long(), vectors[..., 1].long()
    left = torch.arange(w, device=dev) * block + m + torch.div(x, f, rounding_mode="floor")
    top = (torch.arange(h, device=dev) * block + m)[:, None] + torch.div(y, f, rounding_mode="floor")
    left, top = left.clamp(0, wp - block), top.clamp(0, hp - block)
    phase = torch.remainder(y, f) * f + torch.remainder(x, f)
    batch = torch.arange(b, device=dev)[:, None, None]
    corner = ((phase * b + batch) * c * hp + top) * wp + left  # (..., B, h, w)
    inside = torch.arange(block, device=dev)[:, None] * wp + torch.arange(block, device=dev)
    channel = torch.arange(c, device=dev) * (hp * wp)
    index = corner[..., None, :, :, None, None] + channel[:, None, None, None, None] + inside
    return phases.reshape(-1).index_select(0, index.reshape(-1)).view(index.shape)
