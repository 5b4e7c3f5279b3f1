"""Code a P frame: reference → motion → modes → prediction → residual → transform, quantise → reconstruction, bits.

The reference is the reconstruction of the frame before; the gradient flows through its samples along the vectors, and
so along the chain of frames back to the first. What a block chooses is fixed before the differentiable pass, which
therefore costs one gather of the prediction and one transform of the residual, whatever was tried.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from . import transform
from .colour import Planes
from .interpolate import CELL, chroma_phases, fetch, from_blocks, luma_phases
from .modes import SKIP, InterTools, Plan, decide
from .motion import search
from .quantise import Rounding, chroma_qp, qstep


@dataclass
class Levels:
    """Quantised blocks of one plane and transform size, ready for the rate.

    plane: 0 luma, 1 Cb, 2 Cr. scaled: coefficients over the step (n, k²), differentiable. level: rounded. image: (n,) which
    picture of the batch.
    """

    plane: int
    k: int
    scaled: Tensor
    level: Tensor
    image: Tensor


def code_residual(
    residual: Tensor,
    coded: Tensor,
    k: int,
    step: Tensor,
    offset: float,
    rounding: Rounding,
    plane: int,
    kind="dct",
) -> tuple[Tensor, Levels]:
    """Transform, quantise and reconstruct the chosen k × k blocks of a plane; the others stay zero.

    residual: (B, 1, H, W). coded: (B, H/k, W/k) mask. step: (B,). Returns the decoded residual and the levels.
    """
    b, _, h, w = residual.shape
    rows = transform.to_blocks(residual, k).reshape(-1, k * k)
    index = coded.reshape(-1).nonzero()[:, 0]
    image = torch.div(index, coded[0].numel(), rounding_mode="floor")
    steps = step[image][:, None]
    scaled = transform.forward(rows.index_select(0, index), kind) / steps
    level = rounding(scaled, offset)
    decoded = rows.new_zeros(rows.shape).index_copy(0, index, transform.inverse(level * steps, kind))
    return transform.from_blocks(decoded.view(b, -1, k * k), h, w), Levels(
        plane, k, scaled, level, image
    )


def predict(luma: Tensor, chroma: Tensor, vectors: Tensor) -> Planes:
    """Compensated planes for a vector per cell: (B, H/8, W/8, 2) → y (B, 1, H, W), cb and cr (B, 1, H/2, W/2)."""
    c = from_blocks(fetch(chroma, vectors, CELL // 2))
    return Planes(from_blocks(fetch(luma, vectors)), c[:, :1], c[:, 1:])


def _at(cells: Tensor, k: int) -> Tensor:
    """A mask per 8 × 8 cell, read per block of k luma samples: (B, H/8, W/8) → (B, H/k, W/k)."""
    if k >= CELL:
        return cells[:, :: k // CELL, :: k // CELL]
    return cells.repeat_interleave(CELL // k, 1).repeat_interleave(CELL // k, 2)


def add_residual(
    current: Planes, predicted: Planes, plan: Plan, qp: Tensor, tools: InterTools, rounding: Rounding
) -> tuple[Planes, list[Levels]]:
    """Code what the prediction misses in every block that is not skipped."""
    coded, groups = plan.mode != SKIP, []
    step = (qstep(qp), *[qstep(chroma_qp(qp, tools.standard))] * 2)
    out = []
    for p, (x, y) in enumerate(zip(current, predicted, strict=True)):
        total = y
        for k in sorted({t for sizes in tools.transforms.values() for t in sizes}):
            mask, size, kind = _blocks_of(plan, coded, tools, p, k)
            if mask is None:
                continue
            decoded, levels = code_residual(x - y, mask, size, step[p], tools.offset, rounding, p, kind)
            total = total + decoded
            groups.append(levels)
        out.append(total)
    return Planes(*out), groups


def _blocks_of(plan: Plan, coded: Tensor, tools: InterTools, plane: int, k: int):
    """Which blocks of a plane are transformed with luma size k: mask, size in the plane's samples, kind."""
    if plane == 0:
        return _at(coded & (plan.transform == k), k), k, "dct"
    if tools.standard == "h264":  # chroma of a 16 × 16 macroblock has one transform, whatever luma does
        if k > min(min(t) for t in tools.transforms.values()):
            return None, 0, ""
        any_coded = torch.nn.functional.max_pool2d(coded[:, None].float(), 2)[:, 0] > 0
        return any_coded, 8, "nested"
    return _at(coded & (plan.transform == k), k), k // 2, "dct"


@dataclass
class PFrame:
    """A coded P frame before the loop filter: planes, the plan, and the groups of levels for the rate."""

    planes: Planes
    plan: Plan
    levels: list[Levels]


def code_p(current: Planes, reference: Planes, qp: Tensor, tools: InterTools, rounding: Rounding) -> PFrame:
    """Code planes against the planes of the frame before.

    current, reference: 8-bit sample units, sides multiples of the largest block. qp: (B,).
    """
    luma = luma_phases(reference.y, tools.interpolation)
    chroma = chroma_phases(torch.cat([reference.cb, reference.cr], 1), tools.interpolation)
    fixed = Planes(*(p.detach() for p in current))
    slope = tools.slope_at(qp).sqrt()
    vectors = search(fixed.y, luma.detach(), slope, tools.blocks, tools.reach)
    plan = decide(fixed, luma.detach(), chroma.detach(), vectors, qp, tools)
    predicted = predict(luma, chroma, plan.vectors)
    planes, levels = add_residual(current, predicted, plan, qp, tools, rounding)
    return PFrame(planes, plan, levels)
