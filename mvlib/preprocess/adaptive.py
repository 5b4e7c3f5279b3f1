"""Constant gains, and what a classifier sees: picture → frozen maps → one gain per band at each place.

Untrained it is the constant filter that it starts from: what it saves beyond that is what looking is worth.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvlib._numbers import check_numbers
from mvlib.errors import InputError

from .contrast import CONTRASTS, contrast_maps
from .filter import Filter, FilterConfig, on_lines
from .looking import STRIDES, TrunkPreprocessor, check_head


@dataclass(frozen=True)
class AdaptiveFilterConfig:
    """The trunk, the head, and where gains are fitted."""

    trunk: str = "efficientnet_lite0"
    """Classifier whose maps at 1/8, 1/16 and 1/32 of the sides say what is seen; its weights are not stored here. ""
    is none, and takes ``contrast``."""
    channels: tuple[int, ...] = (40, 112, 320)
    """Of these maps."""
    contrast: bool = False
    """Whether the head is also given how strong each frequency band is at each place, see ``contrast_maps``."""
    width: int = 48
    """Channels of the head."""
    qps: tuple[int, ...] = (22, 27, 32, 37, 42, 47)
    """QPs that have gains, and a use of the features, of their own, rising; between them they lie on straight lines."""
    bands: int = 3
    """Frequency bands with a gain."""
    strengthen: float = 1.0
    """How many times its own size may be added to a band: 1 doubles it at most."""

    def __post_init__(self) -> None:
        check_numbers(self)
        check_head(self.inputs, self.width)
        FilterConfig(self.qps, self.bands)
        if not self.strengthen > 0:
            raise InputError(f"strengthen is {self.strengthen}; give a number above 0")

    @property
    def inputs(self) -> tuple[int, ...]:
        """Channels of all that the head is given, at each stride."""
        channels = self.channels if self.trunk else (0,) * len(STRIDES)
        return tuple(n + CONTRASTS * self.contrast for n in channels)


class AdaptiveFilter(TrunkPreprocessor):
    """What is taken off each band of luma and chroma, by QP and by what a classifier's trunk sees there.

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
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)

    def process(self, x: Tensor, qp: Tensor) -> Tensor:
        return self.filter.take_off(x, self.decide(x, qp))

    def maps(self, x: Tensor) -> list[Tensor]:
        seen = super().maps(x) if self.config.trunk else [x.new_empty(len(x), 0, 1, 1)] * len(STRIDES)
        if not self.config.contrast:
            return seen
        with torch.no_grad():
            strong = contrast_maps(x)
        return [torch.cat([a, b], 1) if a.numel() else b for a, b in zip(seen, strong, strict=True)]

    def decide(self, x: Tensor, qp: Tensor) -> Tensor:
        """Gains for pictures (B, 3, H, W), sides multiples of 32, at qp (B,): (B, 2, bands, H, W), luma and chroma.

        1 removes a band, 0 keeps it, -1 doubles it.
        """
        c = self.config
        scale, shift = on_lines(qp, c.qps, self.by_qp)[..., None, None].unbind(1)
        here = self.out(F.relu(self.seen(x) * (1 + scale) + shift))
        here = F.interpolate(here, x.shape[-2:], mode="bilinear", align_corners=False)
        everywhere = self.filter.before_tanh(qp)[..., None, None]
        gains = everywhere + here.unflatten(1, (2, c.bands))
        if c.strengthen == 1:
            return gains.tanh()
        return gains.clamp(min=0).tanh() + c.strengthen * (gains.clamp(max=0) / c.strengthen).tanh()
