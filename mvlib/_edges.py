"""Repeat the last pixel beyond the border: pictures → padded pictures, in a compiled graph too."""

import torch
from torch import Tensor
from torch.nn import functional as F


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
