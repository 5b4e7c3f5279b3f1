"""The control that networks must beat: picture → frequency bands → one gain per band and QP, the same everywhere.

It has a few dozen numbers and sees nothing of the picture. What a network saves beyond it, paired on the same pictures,
is what looking at the picture is worth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mvlib._numbers import check_numbers
from mvlib.errors import InputError

from .bands import detail_bands
from .base import Preprocessor
from .compact import colour_matrices, mix_colours


@dataclass(frozen=True)
class FilterConfig:
    """QPs and bands at which gains are fitted."""

    qps: tuple[int, ...] = (22, 27, 32, 37, 42, 47)
    """QPs that have gains of their own, rising; between them gains lie on straight lines, outside they stay."""
    bands: int = 3
    """Frequency bands with a gain."""

    def __post_init__(self) -> None:
        check_numbers(self)
        if len(self.qps) < 2 or list(self.qps) != sorted(set(self.qps)):
            raise InputError(f"qps is {self.qps}; give two or more, rising")
        if not 1 <= self.bands <= 3:
            raise InputError(f"bands is {self.bands}; give 1..3, a fourth would reach beyond 16 pixels")


class Filter(Preprocessor):
    """Constant gains: what is taken off each band of luma and of both chroma planes, by QP; untrained, nothing.

    Attributes:
        gains: (Q, 2, bands), through tanh: 1 removes a band, 0 keeps it, -1 doubles it; luma, then chroma.
    """

    to_ycc: Tensor
    to_rgb: Tensor

    def __init__(self, config: FilterConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or FilterConfig()
        for name, matrix in zip(("to_ycc", "to_rgb"), colour_matrices(), strict=True):
            self.register_buffer(name, matrix, persistent=False)
        self.gains = nn.Parameter(torch.zeros(len(c.qps), 2, c.bands))

    def process(self, x: Tensor, qp: Tensor) -> Tensor:
        return self.take_off(x, self.before_tanh(qp)[..., None, None].tanh())

    def before_tanh(self, qp: Tensor) -> Tensor:
        """Gains at qp (B,), any real number: (B, 2, bands)."""
        return on_lines(qp, self.config.qps, self.gains)

    def take_off(self, x: Tensor, gains: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) less these shares of their bands, (B, 2, bands, H or 1, W or 1), luma and chroma."""
        luma, chroma = gains.unbind(1)
        change = torch.zeros_like(x)
        for k, band in enumerate(detail_bands(mix_colours(self.to_ycc, x), self.config.bands)):
            change = change - torch.stack([luma[:, k], chroma[:, k], chroma[:, k]], 1) * band
        return x + mix_colours(self.to_rgb, change)


def on_lines(qp: Tensor, qps: Sequence[int], values: Tensor) -> Tensor:
    """``values`` (Q, …), one for each of ``qps``, at qp (B,): on straight lines between, the ends' outside: (B, …)."""
    knots = qp.new_tensor(qps)
    place = qp.clamp(knots[0], knots[-1])
    upper = torch.searchsorted(knots, place).clamp(1, len(knots) - 1)
    share = (place - knots[upper - 1]) / (knots[upper] - knots[upper - 1])
    share = share.view(-1, *(1,) * (values.ndim - 1))
    return values[upper - 1] * (1 - share) + values[upper] * share
