"""The control that networks must beat: picture → frequency bands → one gain per band and QP, the same everywhere.

It has a few dozen numbers and sees nothing of the picture. What a network saves beyond it, paired on the same pictures,
is what looking at the picture is worth.

The bands are those of the "à trous" transform with the three-tap binomial filter [1]: level k blurs with taps 2^k
pixels apart.  Nothing is decimated, so that a gain may differ from pixel to pixel without aliasing.

[1] Holschneider et al., "A real-time algorithm for signal analysis with the help of the wavelet transform",
in Wavelets, Springer 1989; Starck and Murtagh, Astronomical Image and Data Analysis, 2002
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvlib._numbers import check_numbers
from mvlib.errors import InputError

from .base import Preprocessor

# BT.709 luma and colour differences scaled to ±0.5; rows Y, Cb, Cr of R'G'B'.
_TO_YCC = ((0.2126, 0.7152, 0.0722), (-0.11457, -0.38543, 0.5), (0.5, -0.45415, -0.04585))


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


def detail_bands(x: Tensor, count: int) -> list[Tensor]:
    """The ``count`` finest bands of ``x`` (B, C, H, W), finest first, each of the shape of ``x``.

    Adding up all bands and the picture blurred ``count`` times gives ``x`` again.  The blurs after 1, 2, 3
    levels have a standard deviation of 0.71, 1.58, 3.24 pixels.  A constant picture has bands of 0, at the
    borders too, where the last pixel is repeated.
    """
    low, bands = x, []
    for level in range(count):
        blurred = _blur_along(_blur_along(low, 2**level, 2), 2**level, 3)
        bands.append(low - blurred)
        low = blurred
    return bands


def _blur_along(x: Tensor, reach: int, dim: int) -> Tensor:
    """Taps 1/4, 1/2, 1/4 at distance ``reach`` along ``dim``, 2 or 3; slices beat a convolution on a CPU."""
    pad = (0, 0, reach, reach) if dim == 2 else (reach, reach, 0, 0)
    padded, n = F.pad(x, pad, mode="replicate"), x.shape[dim]
    sides = padded.narrow(dim, 0, n) + padded.narrow(dim, 2 * reach, n)
    return sides.mul_(0.25).add_(x, alpha=0.5)


def colour_matrices() -> tuple[Tensor, Tensor]:
    """R'G'B' to luma and colour differences and back, (3, 3) each."""
    ycc = torch.tensor(_TO_YCC, dtype=torch.float64)
    return ycc.float(), ycc.inverse().float()


def mix_colours(matrix: Tensor, x: Tensor) -> Tensor:
    """``matrix`` (3, 3) applied to the colours of ``x`` (B, 3, H, W)."""
    return (matrix @ x.flatten(2)).view_as(x)
