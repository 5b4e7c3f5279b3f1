"""P frames, coded: reference → motion → modes → prediction → residual → levels → loop filter → planes.

The reference is the reconstruction of the frame before. What a block chooses is fixed before the differentiable pass,
which therefore costs one gather of the prediction and one transform of the residual, whatever was tried.

Two gradients, one rule each. *Pictures*: where a residual is coded the decoded block follows the source, and with
straight-through rounding the prediction cancels out; where it is skipped the block is its reference, so the gradient
runs along the vector, frame after frame, back to where the content was last coded. *Bits*: a frame is charged for
its own samples against a fixed prediction. Letting the rate's slope run on into the reference as well was tried:
small changes that a quantiser swallows look as if they changed all later frames, and a step against that gradient
raised the real bits.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from . import transform
from .colour import Planes
from .fallback import choose, code_intra_blocks, intra_mask
from .interpolate import CELL, chroma_phases, fetch, luma_phases
from .modes import decide
from .motion import search
from .partition import rough_decode
from .plan import INTER, INTRA, MERGE, SKIP, Plan, loop_filter
from .quantise import Rounding, chroma_qp, qstep, straight_through_round
from .rate import Levels
from .settings import Settings, lagrangian
from .transform import from_cells, spread


@dataclass
class PFrame:
    """A coded P frame: the decoded planes, the decisions, and the levels for the rate.

    skipped: what the levels of skipped blocks would be before rounding, with zeros as values. They cost nothing, but
    the rate's slope looks at them: a skipped block stays so only while it stays near its reference.
    """

    planes: Planes
    plan: Plan
    levels: list[Levels]
    skipped: list[Levels]


class Coder:
    """Codes the planes of one P frame once its plan and its prediction stand."""

    def __init__(self, plan: Plan, qp: Tensor, settings: Settings, rounding: Rounding):
        self.plan, self.settings, self.rounding = plan, settings, rounding
        self.tools, self.standard = settings.tools, settings.standard
        self.steps = (qstep(qp), *[qstep(chroma_qp(qp, self.standard))] * 2)
        self.coded = (plan.mode == MERGE) | (plan.mode == INTER)
        self.levels: list[Levels] = []
        self.skipped: list[Levels] = []
        b, h, w = plan.mode.shape
        self.nonzero = torch.zeros(b, 2 * h, 2 * w, dtype=torch.bool, device=plan.mode.device)

    def residual(self, missed: Tensor, mask: Tensor, k: int, step: Tensor, kind: str, luma: bool) -> Tensor:
        """Transform, quantise and decode the chosen k × k blocks of a plane (B, 1, H, W); the others stay zero."""
        b, _, h, w = missed.shape
        rows = transform.to_blocks(missed, k).reshape(-1, k * k)
        index = mask.reshape(-1).nonzero()[:, 0]
        image = torch.div(index, mask[0].numel(), rounding_mode="floor")
        steps = step[image][:, None]
        scaled = transform.forward(rows.index_select(0, index), kind) / steps
        level = self.rounding(scaled, self.tools.offset)
        self.levels += Levels.of_blocks("luma" if luma else "chroma", kind, level, scaled, image)
        decoded = torch.zeros_like(rows).index_copy(0, index, transform.inverse(level * steps, kind))
        if luma:
            self._mark(level, index, mask, k)
        return transform.from_blocks(decoded.view(b, -1, k * k), h, w)

    def watch_skipped(self, p: int, missed: Tensor) -> None:
        """Note what the skipped blocks of plane p leave uncoded, in the transform that they would have had."""
        for k in self.tools.blocks:
            cells = (self.plan.mode == SKIP) & (self.plan.size == k)
            mask, times = cells[:, :: k // CELL, :: k // CELL], 1
            kind, side = "dct", k // 2 if p else k
            if self.standard == "h264":
                kind, side, times = ("nested", 8, 1) if p else ("dct", 8, k // 8)
            index = spread(mask, times).reshape(-1).nonzero()[:, 0]
            if len(index):
                rows = transform.to_blocks(missed, side)
                image = torch.div(index, rows.shape[1], rounding_mode="floor")
                rows = rows.reshape(-1, side * side).index_select(0, index)
                scaled = transform.forward(rows, kind) / self.steps[p][image][:, None]
                plane = "chroma" if p else "luma"
                self.skipped += Levels.of_blocks(plane, kind, torch.zeros_like(scaled), scaled, image)

    def _mark(self, level: Tensor, index: Tensor, mask: Tensor, k: int) -> None:
        flags = torch.zeros_like(mask)
        flags.view(-1)[index] = (level.detach().abs() >= 0.5).any(1)
        self.nonzero |= spread(flags, k // 4)

    def inter_plane(self, p: int, source: Tensor, predicted: Tensor) -> Tensor:
        """Prediction plus the coded residual of plane p."""
        fixed = predicted.detach()
        size = source.shape[-1] // self.coded.shape[-1]
        out = torch.where(spread(self.plan.mode == SKIP, size)[:, None], predicted, fixed)
        if torch.is_grad_enabled():
            self.watch_skipped(p, source - fixed)
        for k in sorted({t for sizes in self.tools.transforms.values() for t in sizes}):
            mask, size, kind = self._blocks(p, k)
            if mask is not None and mask.any():
                out = out + self.residual(source - fixed, mask, size, self.steps[p], kind, p == 0)
        return out

    def _blocks(self, p: int, k: int) -> tuple[Tensor | None, int, str]:
        """Which blocks of plane p are transformed with luma size k: mask, side in the plane's samples, kind."""
        if p and self.standard == "h264":  # a macroblock's chroma has one transform, whatever luma does
            if k != 8:
                return None, 0, ""
            inter = self.coded | ((self.plan.mode == INTRA) & (self.plan.size < 16))
            return F.max_pool2d(inter[:, None].float(), 2)[:, 0] > 0, 8, "nested"
        cells = self.coded & (self.plan.transform == k)
        mask = cells[:, :: k // CELL, :: k // CELL] if k >= CELL else spread(cells, CELL // k)
        return mask, k // 2 if p else k, "dct"

    def intra_blocks(self, p: int, source: Tensor, decoded: Tensor) -> Tensor:
        """Replace what the plan codes without a reference."""
        chosen = [c for k in self.tools.intra for c in self._intra_of_size(p, k)]
        if not chosen:
            return decoded
        inside = intra_mask(chosen, source)
        rough = rough_decode(source.detach(), self.steps[p])
        around = torch.where(inside, rough, decoded.detach())
        args = (self.steps[p], self.rounding, self.settings, p == 0)
        coded, levels = code_intra_blocks(source, around, chosen, *args)
        self.levels += levels
        if p == 0:
            self.nonzero |= F.max_pool2d(inside.float(), 4)[:, 0] > 0
        return torch.where(inside, coded, decoded)

    def _intra_of_size(self, p: int, k: int) -> list:
        mask = (self.plan.mode == INTRA) & (self.plan.size == k)
        times = k // CELL
        mask, direction = (t[:, ::times, ::times] for t in (mask, self.plan.direction))
        if p == 0:
            return choose(direction, mask, k, len(self.settings.luma_modes[k]))
        if self.standard == "h265":
            return choose(direction, mask, k // 2, len(self.settings.chroma_modes[k // 2]))
        if k != 16:  # H.264: chroma goes intra with a whole macroblock; DC, which is mode 2
            return []
        return choose(torch.full_like(direction, 2), mask, 8, len(self.settings.chroma_modes[8]))


def predict(luma: Tensor, chroma: Tensor, vectors: Tensor) -> Planes:
    """Compensated planes for a vector per cell: (B, H/8, W/8, 2) → y (B, 1, H, W), cb and cr (B, 1, H/2, W/2)."""
    c = from_cells(fetch(chroma, vectors, CELL // 2))
    return Planes(from_cells(fetch(luma, vectors)), c[:, :1], c[:, 1:])


def code_p(
    current: Planes,
    reference: Planes,
    qp: Tensor,
    settings: Settings,
    rounding: Rounding,
    plan: Plan | None = None,
) -> PFrame:
    """Code planes against the planes of the frame before.

    current, reference: 8-bit sample units, sides multiples of the largest block. qp: (B,). plan: of planes that hardly
    differ; None: it searches and decides.
    Returns planes clipped to 0..255 after the loop filter.
    """
    tools = settings.tools
    luma = luma_phases(reference.y, tools.interpolation)
    chroma = chroma_phases(torch.cat([reference.cb, reference.cr], 1), tools.interpolation)
    if plan is None:
        fixed = current.detach()
        price = lagrangian(tools, qp).sqrt()
        vectors = search(fixed.y, luma.detach(), price, tools.blocks, tools.reach)
        plan = decide(fixed, luma.detach(), chroma.detach(), vectors, qp, settings)
    predicted = predict(luma, chroma, plan.vectors)
    coder = Coder(plan, qp, settings, rounding)
    out = []
    for p, (source, guess) in enumerate(zip(current, predicted, strict=True)):
        out.append(coder.intra_blocks(p, source, coder.inter_plane(p, source, guess)))
    planes = loop_filter(Planes(*out), plan, coder.nonzero, qp, settings.standard)
    if settings.round_samples:
        planes = planes.each(straight_through_round)
    return PFrame(planes.each(lambda p: p.clamp(0, 255)), plan, coder.levels, coder.skipped)
