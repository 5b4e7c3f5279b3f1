"""What a unit of task loss is worth for the very pictures at hand: coded a little finer and coarser → slope.

Where no curves were measured (another encoder, another analyser, clips), two encodings on either side of the QP stand
for them. On one picture a loss need not rise with QP: its share of the bits' change is kept within what measured curves
show.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .objective import Objective

STEP = 3.0
"""QPs to either side."""
ELASTICITY = (0.5, 2.8)
"""Least and largest -d(log bpp) / d(log loss): those of means over photographs at QP 22 to 47, of seven encoders."""


@dataclass(frozen=True)
class OwnSlope:
    """Bits per pixel and slope of given pictures at given QPs, (B,) each; called as ``Slope`` is."""

    rate: Tensor
    value: Tensor

    def bpp(self, _qp: Tensor) -> Tensor:
        return self.rate

    def __call__(self, _qp: Tensor) -> Tensor:
        return self.value


@torch.no_grad()
def own_slopes(objective: "Objective", x: Tensor, qp: Tensor, codec: str) -> dict[str, OwnSlope]:
    """Slopes by analyser for pictures (B, 3, H, W) or clips (B, T, 3, H, W) at qp (B,)."""
    known: dict[str, Any] = {}
    rates, lost = [], []
    for side in (-STEP, STEP):
        bpp, decoded = objective.values(x, (qp + side).clamp(0, 51), codec)
        rates.append(bpp.clamp_min(1e-6).log())
        lost.append(objective.lost(x, decoded, known=known))
    found = {}
    for name in objective.analysers:
        fine, coarse = (part[name].float().clamp_min(1e-9).log() for part in lost)
        rising = (coarse - fine).clamp_min(1e-3)
        elasticity = ((rates[0] - rates[1]) / rising).clamp(*ELASTICITY)
        middle_rate, middle_loss = (rates[0] + rates[1]) / 2, (fine + coarse) / 2
        found[name] = OwnSlope(middle_rate.exp(), elasticity * (middle_rate - middle_loss).exp())
    return found
