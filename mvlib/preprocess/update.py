"""A learned rule for the steps of a refinement: gradient, picture, codec's error, QP → what to add to Adam's step.

Adam's first step takes the sign of the gradient: every sample moves equally far, whether it matters or not, and only
what the guide sees counts. This network is given what the step is made of, and corrects it per sample. It is trained
through the steps, for analysers that give no gradient where a picture is encoded. Untrained it changes nothing.

Reference: Andrychowicz et al., "Learning to learn by gradient descent by gradient descent", NeurIPS 2016: gradients are
inputs like any other, which training does not differentiate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvlib._numbers import check_numbers
from mvlib._planes import repeat_edges
from mvlib.errors import InputError

from .base import centre_qp, start_at_zero
from .filter import detail_bands

_INPUTS, _GRID = 24, 8


@dataclass(frozen=True)
class UpdateConfig:
    """Size of ``LearnedUpdate``; the defaults have 8,186 weights and cost 6.5 kMAC per pixel and step."""

    width: int = 16
    """Channels inside."""
    steps: int = 2
    """Steps that are told apart; later ones are taken for the last of them."""
    bound: float = 2.0
    """The largest correction besides a gain on Adam's step, in sizes of a step."""

    def __post_init__(self) -> None:
        check_numbers(self)
        if self.width < 1 or self.steps < 1 or self.bound <= 0:
            raise InputError(
                f"width is {self.width}, steps {self.steps} and bound {self.bound}; all must be above 0"
            )


@dataclass
class Step:
    """Inputs of the rule for one step; pictures are (B, 3, H, W).

    Attributes:
        clean, given, decoded: the picture, what the codec was given, and what it made of that.
        gradient, rate: of the whole loss and of its rate alone; only their direction and relative sizes count.
        moved, change: Adam's step, and all that was changed before it, in sizes of a step.
        qp: (B,).  number: of the step, from 0.
    """

    clean: Tensor
    given: Tensor
    decoded: Tensor
    gradient: Tensor
    rate: Tensor
    moved: Tensor
    change: Tensor
    qp: Tensor
    number: int


class LearnedUpdate(nn.Module):
    """Fully convolutional, steered by QP and step, with the grid of 8 samples that codecs work on as an input."""

    card: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, config: UpdateConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or UpdateConfig()
        known = 2 + c.steps
        self.near, self.near_by_qp = nn.Conv2d(_INPUTS, c.width, 3), nn.Linear(known, 2 * c.width)
        self.far, self.far_by_qp = nn.Conv2d(c.width, c.width, 3, dilation=2), nn.Linear(known, 2 * c.width)
        self.place = nn.Parameter(torch.zeros(c.width, _GRID, _GRID))
        self.head, self.direct = nn.Conv2d(c.width, 6, 3), nn.Conv2d(_INPUTS, 6, 1)
        self.by_qp = nn.Linear(known, 6)
        start_at_zero(self.head, self.direct, self.by_qp)

    def forward(self, step: Step) -> Tensor:
        """What to add to Adam's step, (B, 3, H, W) in sizes of a step."""
        seen, known = self.inputs(step), self.known(step.qp, step.number)
        h = _modulated(self.near(repeat_edges(seen, 1, 1, 1, 1)), self.near_by_qp(known))
        h = F.silu(h + self._grid(*h.shape[-2:]))
        h = h + F.silu(_modulated(self.far(repeat_edges(h, 2, 2, 2, 2)), self.far_by_qp(known)))
        out = self.head(repeat_edges(h, 1, 1, 1, 1)) + self.direct(seen) + self.by_qp(known)[:, :, None, None]
        free, gain = out.tanh().chunk(2, 1)
        return self.config.bound * free + gain * step.moved

    def known(self, qp: Tensor, number: int) -> Tensor:
        """QP (B,) and step as numbers: (B, 2 + steps)."""
        centred, last = centre_qp(qp), self.config.steps - 1
        which = [torch.full_like(qp, float(k == min(number, last))) for k in range(last + 1)]
        return torch.stack([centred, centred.square(), *which], 1)

    def inputs(self, s: Step) -> Tensor:
        """All that is seen, about as large as 1: (B, 24, H, W)."""
        quantiser = (2 ** ((s.qp - 4) / 6) / 255).view(-1, 1, 1, 1)
        details = torch.cat(detail_bands(s.clean, 2), 1) / quantiser
        gradients = [_soft(g) for g in (s.gradient, s.gradient - s.rate, s.rate)]
        error = 2 * (s.decoded - s.given) / quantiser
        return torch.cat([*gradients, s.moved, s.change, error, details / (1 + details.abs())], 1)

    def _grid(self, height: int, width: int) -> Tensor:
        tiled = self.place.repeat(1, -(-height // _GRID), -(-width // _GRID))
        return tiled[:, :height, :width]


def _soft(v: Tensor) -> Tensor:
    """``v`` in shares of itself and its root mean square over the picture: in (-1, 1), its size does not count."""
    rms = v.square().mean((1, 2, 3), keepdim=True).sqrt()
    return v / (v.abs() + rms).clamp_min(1e-30)


def _modulated(h: Tensor, film: Tensor) -> Tensor:
    scale, shift = film[:, :, None, None].chunk(2, 1)
    return h * (1 + scale) + shift
