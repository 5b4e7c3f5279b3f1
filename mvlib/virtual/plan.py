"""The decisions for a P frame, one value for every 8 × 8 cell; and how strongly that is deblocked.

An edge is strong beside intra blocks, weaker where a residual was coded, weaker still where only the vectors
differ by a full sample or more, and absent elsewhere.

References: ITU-T H.265 8.7.2.4; ITU-T H.264 8.7.2.1.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from .colour import Planes
from .loopfilter import deblock
from .quantise import chroma_qp
from .transform import spread

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


_INTRA, _CODED, _MOVED = {"h265": 2, "h264": 3}, {"h265": 1, "h264": 2}, 1


def _beside(cells: Tensor) -> Tensor:
    """Each cell's left neighbour; the first column is its own, so that the picture's border is no edge."""
    return torch.cat([cells[:, :, :1], cells[:, :, :-1]], 2)


def _left_edges(intra: Tensor, coded: Tensor, vectors: Tensor, unit: Tensor, standard: str) -> Tensor:
    """Strength of every 4 × 4 cell's left side, (B, H/4, W/4); unit: side of the cell's transform block in cells."""
    column = torch.arange(intra.shape[2], device=intra.device)
    begins = column % unit == 0
    moved = ((vectors - _beside(vectors)).abs() >= 4).any(-1)
    strength = moved.float() * _MOVED
    strength = torch.where((coded | _beside(coded)) & begins, float(_CODED[standard]), strength)
    either = intra | _beside(intra)
    strength = torch.where(either & begins, float(_INTRA[standard]), strength)
    if standard == "h264":
        strength = torch.where(either & (column % 4 == 0), 4.0, strength)
    return strength * (column > 0)


@torch.no_grad()
def edge_strengths(plan: Plan, nonzero: Tensor, standard: str) -> tuple[Tensor, Tensor]:
    """Strengths of all vertical and horizontal edges.

    nonzero: bool (B, H/4, W/4), cells in luma transform blocks with a level.
    Returns two (B, H/4, W/4), as `deblock` wants.
    """
    intra, vectors = spread(plan.mode == INTRA, 2), spread(plan.vectors, 2)
    size = torch.where(plan.mode == INTRA, plan.size, plan.transform)
    unit = spread(torch.div(size, 4, rounding_mode="floor"), 2)
    vectors = vectors * ~intra[..., None]
    vertical = _left_edges(intra, nonzero, vectors, unit, standard)
    intra, nonzero, vectors, unit = (t.transpose(1, 2) for t in (intra, nonzero, vectors, unit))
    horizontal = _left_edges(intra, nonzero, vectors, unit, standard).transpose(1, 2)
    return vertical, horizontal


def for_chroma(strength: Tensor) -> Tensor:
    """Luma strengths (B, H/4, W/4) → those of the chroma plane's cells, (B, H/8, W/8)."""
    return F.max_pool2d(strength[:, None], 2)[:, 0]


def loop_filter(planes: Planes, plan: Plan, nonzero: Tensor, qp: Tensor, standard: str) -> Planes:
    """Deblock the planes of a P frame."""
    v, h = edge_strengths(plan, nonzero, standard)
    y = deblock(planes.y, qp, v, h, standard)
    # an edge of a chroma cell is that of the luma cell at the same place, so odd luma edges drop out first
    v, h = for_chroma(v[:, :, ::2].repeat_interleave(2, 2)), for_chroma(h[:, ::2].repeat_interleave(2, 1))
    c = chroma_qp(qp, standard)
    return Planes(y, *(deblock(p, c, v, h, standard, chroma=True) for p in planes[1:]))
