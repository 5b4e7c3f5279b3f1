"""Batches of pictures, for several packages: whole grey levels ↔ [0, 1]; every whole shift of a frame compared.

The virtual codec searches motion as an encoder does, the video preprocessor to lay one frame over the next. Both begin
here, on reduced pictures, and go on in their own way: by the price of a vector, or by what neighbours found.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


def to_frames(x: Tensor) -> np.ndarray:
    """Pictures or clips (…, 3, H, W) in [0, 1], cut off there, as uint8 (…, H, W, 3)."""
    return (x.detach().clamp(0, 1) * 255).round().byte().movedim(-3, -1).contiguous().cpu().numpy()


def to_pictures(frames: np.ndarray) -> Tensor:
    """uint8 (…, H, W, 3) as floats (…, 3, H, W) in [0, 1]."""
    # A copy: torch warns of arrays that cannot be written.
    return torch.tensor(frames).movedim(-1, -3).float() / 255


def shift_differences(now: Tensor, before: Tensor, reach: int, block: int) -> Tensor:
    """Mean absolute difference of every block of ``now`` to ``before``, for every shift.

    Args:
        now, before: (B, 1, H, W) with sides that are multiples of ``block``; beyond its border ``before`` is repeated.
        reach: of the shifts, in samples.

    Returns:
        (B, (2 reach + 1)², H/block, W/block); shifts (x, y) from -reach on, x runs first.
    """
    height, width = now.shape[-2:]
    padded = F.pad(before, (reach,) * 4, mode="replicate")[:, 0]
    rows = []
    for y in range(2 * reach + 1):  # a row of shifts at a time, to bound the memory
        # (B, 2 reach + 1, H, W), a view
        shifted = padded[:, y : y + height].unfold(2, width, 1).transpose(1, 2)
        rows.append(F.avg_pool2d((shifted - now).abs_(), block))
    return torch.cat(rows, 1)


def repeat_edges(x: Tensor, left: int, right: int, top: int, bottom: int) -> Tensor:
    """``x`` (B, C, H, W) with its border pixels repeated so many times on each side; differentiable."""
    if not torch.compiler.is_compiling():
        return F.pad(x, (left, right, top, bottom), mode="replicate")
    # torch.compile expects the gradient of the line above in another memory layout than the CPU's kernel gives it
    # where channels come last, and stops. These copies it fuses; without it they take three times as long.
    return _repeat(_repeat(x, left, right, 3), top, bottom, 2)


def _repeat(x: Tensor, before: int, after: int, dim: int) -> Tensor:
    shape = list(x.shape)
    parts = [x]
    if before:
        shape[dim] = before
        parts.insert(0, x.narrow(dim, 0, 1).expand(shape))
    if after:
        shape[dim] = after
        parts.append(x.narrow(dim, x.shape[dim] - 1, 1).expand(shape))
    return torch.cat(parts, dim)
