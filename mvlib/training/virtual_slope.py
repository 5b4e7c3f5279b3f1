"""What a unit of anybody's loss is worth, where no curves were measured: a few batches → virtual codec → slopes.

The virtual codec stands for the real one here: its bits are within a few percent of it, and no encoder runs.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from mvlib.errors import InputError

from .slope import Slope

if TYPE_CHECKING:
    from .batches import Steps
    from .objective import Objective

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
    batches = [_on(device, *steps[step]) for step in range(min(BATCHES, t.steps))]
    clean = _means([objective.lost(x, x, targets) for x, targets in batches])
    slopes = {}
    for codec in t.codecs:
        points = [_point(objective, batches, codec, float(qp)) for qp in qps]
        for name in objective.analysers:
            harm = [lost[name] - clean[name] for _, lost in points]
            slopes[codec, name] = Slope(qps, [bpp for bpp, _ in points], _rising(qps, harm, name, codec))
    return slopes


def _on(
    device: torch.device | str, x: Tensor, qp: Tensor, targets: list | None = None
) -> tuple[Tensor, list | None]:
    return x[..., :3, :, :].to(device), targets


def _point(objective: "Objective", batches: list, codec: str, qp: float) -> tuple[float, Mapping[str, float]]:
    """Mean bits per pixel and mean losses of all batches at a QP."""
    coded = [objective.coded(x, x.new_full((len(x),), qp), codec) for x, _ in batches]
    lost = [
        objective.lost(x, decoded, targets) for (x, targets), (_, decoded) in zip(batches, coded, strict=True)
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
