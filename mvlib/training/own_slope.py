"""The worth of a unit of task loss in bits, where no curves were measured (another encoder, another analyser, clips).

For the very pictures at hand two encodings on either side of the QP stand for the curves. On one picture a loss need
not rise with QP: its share of the bits' change is kept within what measured curves show.

For a training a few batches pass the virtual codec, which stands for the real one: its bits are within a few percent of
it, and no encoder runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from mvlib.errors import InputError

from .slope import Slope

if TYPE_CHECKING:
    from .batches import Steps
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
        lost.append(objective.losses(x, decoded, known=known))
    found = {}
    for name in objective.analysers:
        fine, coarse = (part[name].float().clamp_min(1e-9).log() for part in lost)
        rising = (coarse - fine).clamp_min(1e-3)
        elasticity = ((rates[0] - rates[1]) / rising).clamp(*ELASTICITY)
        middle_rate, middle_loss = (rates[0] + rates[1]) / 2, (fine + coarse) / 2
        found[name] = OwnSlope(middle_rate.exp(), elasticity * (middle_rate - middle_loss).exp())
    return found


BATCHES, POINTS = 4, 6


@torch.no_grad()
def virtual_slopes(
    objective: "Objective", steps: "Steps", device: torch.device | str = "cpu"
) -> dict[tuple[str, str], Slope]:
    """Slopes by codec and analyser, from ``BATCHES`` batches coded at ``POINTS`` QPs of those that are trained.

    What counts is the loss above that of the clean pictures, so that a loss by labels, which is not 0 there, has a
    slope too. Raises ValueError for a loss that does not rise with QP.
    """
    t = objective.options
    low, high = (
        (t.qp_low, t.qp_high) if t.qp_high - t.qp_low >= 5 else (max(0, t.qp_low - 5), min(51, t.qp_high + 5))
    )
    qps = np.linspace(low, high, POINTS)
    drawn = (steps[step] for step in range(min(BATCHES, t.steps)))
    batches = [(x[..., :3, :, :].to(device), targets[0] if targets else None) for x, _, *targets in drawn]
    clean = _means([objective.losses(x, x, targets) for x, targets in batches])
    slopes = {}
    for codec in t.codecs:
        points = [_point(objective, batches, codec, float(qp)) for qp in qps]
        for name in objective.analysers:
            harm = [lost[name] - clean[name] for _, lost in points]
            slopes[codec, name] = Slope(qps, [bpp for bpp, _ in points], _rising(qps, harm, name, codec))
    return slopes


def _point(objective: "Objective", batches: list, codec: str, qp: float) -> tuple[float, Mapping[str, float]]:
    """Mean bits per pixel and mean losses of all batches at a QP."""
    coded = [objective.coded(x, x.new_full((len(x),), qp), codec) for x, _ in batches]
    lost = [
        objective.losses(x, decoded, targets)
        for (x, targets), (_, decoded) in zip(batches, coded, strict=True)
    ]
    return torch.cat([bpp for bpp, _ in coded]).mean().item(), _means(lost)


def _means(losses: list[dict[str, Tensor]]) -> dict[str, float]:
    return {name: torch.cat([part[name].float() for part in losses]).mean().item() for name in losses[0]}


def _rising(qps: np.ndarray, harm: list[float], name: str, codec: str) -> np.ndarray:
    """``harm`` per QP where it rises throughout; else an exponential through the points at which it does."""
    kept = [k for k, value in enumerate(harm) if value > max(0, *harm[:k], 0)]
    if len(kept) == len(harm):
        return np.asarray(harm)
    if len(kept) >= 2:
        line = np.polyfit(qps[kept], np.log([harm[k] for k in kept]), 1)
        if line[0] > 0:
            return np.exp(np.polyval(line, qps))
    values = ", ".join(f"{value:.3g} at QP {qp:g}" for qp, value in zip(qps, harm, strict=True))
    raise InputError(
        f"coding by {codec} does not raise the loss of {name} with QP ({values}, above the clean pictures'); "
        "give slopes=Slope(qps, bpp, loss), more pictures, or another analyser"
    )
