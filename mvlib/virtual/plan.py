"""What was decided for a P frame: one value for every 8 × 8 cell."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

SKIP, MERGE, INTER, INTRA = range(4)


@dataclass
class Plan:
    """The decisions for a P frame, one value for every cell of 8 × 8 luma samples.

    size, mode, transform, direction (the intra mode's position in its list): (B, H/8, W/8) integers.
    vectors: (B, H/8, W/8, 2). vector_bits: (B, H/8, W/8), a block's vector bits shared among its cells.
    """

    size: Tensor
    mode: Tensor
    transform: Tensor
    direction: Tensor
    vectors: Tensor
    vector_bits: Tensor

    def merged_with(self, larger: Plan, take: Tensor) -> Plan:
        """Take `larger` wherever the (B, H/8, W/8) mask says so."""

        def pick(name: str) -> Tensor:
            a, b = getattr(larger, name), getattr(self, name)
            return torch.where(take[..., None] if a.dim() == 4 else take, a, b)

        return Plan(*(pick(f.name) for f in fields(self)))


def spread_cells(blocks: Tensor, times: int) -> Tensor:
    """(B, h, w, ...) → (B, h·times, w·times, ...)."""
    return blocks.repeat_interleave(times, 1).repeat_interleave(times, 2)
