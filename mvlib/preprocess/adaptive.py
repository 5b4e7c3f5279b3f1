"""Constant gains, and what is seen: picture → a classifier's maps, or local contrast → one gain per band at each place.

Untrained it is the constant filter that it starts from: what it saves beyond that is what looking is worth.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvlib._numbers import check_numbers

from .base import start_at_zero
from .filter import Filter, FilterConfig, colour_matrices, detail_bands, mix_colours, on_lines
from .trunk import STRIDES, TrunkPreprocessor, check_head

_BANDS = 3
CONTRASTS = 3 + 3 * _BANDS
"""Channels of each map."""
_FLOOR = 1e-6  # of the energy, of a range of 1: texture of a quarter of a grey level hardly counts


@dataclass(frozen=True)
class AdaptiveFilterConfig:
    """The trunk, the head, and where gains are fitted."""

    trunk: str = "efficientnet_lite0"
    """Classifier whose maps at 1/8, 1/16 and 1/32 of the sides say what is seen; its weights are not stored here. ""
    for none: the head is given the local contrast alone, see ``contrast_maps``."""
    channels: tuple[int, ...] = (40, 112, 320)
    """Of the trunk's maps."""
    width: int = 48
    """Channels of the head."""
    qps: tuple[int, ...] = (22, 27, 32, 37, 42, 47)
    """QPs that have gains, and a use of the features, of their own, rising; between them they lie on straight lines."""
    bands: int = 3
    """Frequency bands with a gain."""

    def __post_init__(self) -> None:
        check_numbers(self)
        check_head(self.inputs, self.width)
        FilterConfig(self.qps, self.bands)

    @property
    def inputs(self) -> tuple[int, ...]:
        """Channels of the maps that the head is given, at each stride."""
        return self.channels if self.trunk else (CONTRASTS,) * len(STRIDES)


class AdaptiveFilter(TrunkPreprocessor):
    """Gains of each band of luma and chroma, by QP and by what is seen at each place.

    Attributes:
        filter: the gains that are the same everywhere.
        by_qp: (Q, 2, width), scale and shift of the features.
    """

    def __init__(self, config: AdaptiveFilterConfig | None = None) -> None:
        self.config = c = config or AdaptiveFilterConfig()
        super().__init__(c.inputs, c.width)
        self.filter = Filter(FilterConfig(c.qps, c.bands))
        self.by_qp = nn.Parameter(torch.zeros(len(c.qps), 2, c.width))
        self.out = nn.Conv2d(c.width, 2 * c.bands, 3, padding=1)
        start_at_zero(self.out)

    def process(self, x: Tensor, qp: Tensor) -> Tensor:
        return self.filter.take_off(x, self.decide(x, qp))

    def maps(self, x: Tensor) -> list[Tensor]:
        if self.config.trunk:
            return super().maps(x)
        with torch.no_grad():
            return contrast_maps(x)

    def decide(self, x: Tensor, qp: Tensor) -> Tensor:
        """Gains for pictures (B, 3, H, W), sides multiples of 32, at qp (B,): (B, 2, bands, H, W), luma and chroma.

        1 removes a band, 0 keeps it, -1 doubles it.
        """
        c = self.config
        scale, shift = on_lines(qp, c.qps, self.by_qp)[..., None, None].unbind(1)
        here = self.out(F.relu(self.seen(x) * (1 + scale) + shift))
        here = F.interpolate(here, x.shape[-2:], mode="bilinear", align_corners=False)
        everywhere = self.filter.before_tanh(qp)[..., None, None]
        return (everywhere + here.unflatten(1, (2, c.bands))).tanh()


def contrast_maps(x: Tensor) -> list[Tensor]:
    """Maps (B, 12, H/8, W/8), (B, 12, H/16, W/16), (B, 12, H/32, W/32) of pictures (B, 3, H, W) in [0, 1].

    Channels: the mean Y, Cb and Cr, then the logarithms of the mean squares of three bands of each, finest first, both
    of a standard deviation near 1 on photographs.
    """
    ycc = mix_colours(colour_matrices()[0].to(x), x)
    centre, scale = (ycc.new_tensor(v)[:, None, None] for v in ([0.5, 0.0, 0.0], [4.0, 16.0, 16.0]))
    usual = ycc.new_tensor([-4.0, -6.0, -6.0] * _BANDS)[:, None, None]
    level = (ycc - centre) * scale
    energy = torch.cat([band.square() for band in detail_bands(ycc, _BANDS)], 1)
    maps = []
    for smaller in (8, 2, 2):
        level, energy = F.avg_pool2d(level, smaller), F.avg_pool2d(energy, smaller)
        maps.append(torch.cat([level, (energy + _FLOOR).log() / 2 - usual], 1))
    return maps
