"""A preprocessor that knows where things are: a frozen network's maps → map "a thing here" → all else is smoothed.

For detectors: what they find stays as it is, and the bits of the rest are saved.  The frozen network is a classifier's
trunk; it brings what things look like, so that a small head learns from few pictures where they are.  Its top-down
sums are those of a feature pyramid [1].  No detector and no codec takes part in the training.

[1] Lin et al., Feature Pyramid Networks for Object Detection, CVPR 2017, arXiv 1612.03144
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvlib._numbers import check_numbers
from mvlib.errors import InputError

from .bands import detail_bands
from .base import Preprocessor
from .filter import on_lines

STRIDES = (8, 16, 32)


@dataclass(frozen=True)
class RegionsConfig:
    """The trunk, the head, and how much is smoothed."""

    trunk: str = "efficientnet_lite0"
    """Classifier whose maps at 1/8, 1/16 and 1/32 of the sides say what is seen; its weights are not stored here."""
    channels: tuple[int, ...] = (40, 112, 320)
    """Of these maps."""
    width: int = 32
    """Channels of the head."""
    bands: int = 3
    """Finest frequency bands that are taken off where nothing is; 2 leave a blur of 1.6 pixels, 3 one of 3.2."""
    qps: tuple[int, ...] = (22, 27, 32, 37, 42, 47)
    """QPs that have a strength of their own, rising; between them strengths lie on straight lines."""
    strengths: tuple[float, ...] = (1.0,) * 6
    """What share of these bands goes where nothing is, 0..1. In training all of it goes."""
    threshold: float = 0.0
    """Added to the map, in logits: above 0 more stays as it is."""

    def __post_init__(self) -> None:
        check_numbers(self)
        object.__setattr__(self, "strengths", tuple(self.strengths))  # a list in JSON
        if len(self.channels) != len(STRIDES) or min(self.channels) < 1 or self.width < 1:
            raise InputError(
                f"channels {self.channels} and width {self.width}; give counts from 1, one for each stride"
            )
        if not 1 <= self.bands <= 3:
            raise InputError(f"bands is {self.bands}; give 1..3, a fourth would reach beyond 16 pixels")
        if len(self.qps) < 2 or list(self.qps) != sorted(set(self.qps)):
            raise InputError(f"qps is {self.qps}; give two or more, rising")
        if len(self.strengths) != len(self.qps) or not all(0 <= s <= 1 for s in self.strengths):
            raise InputError(
                f"strengths is {self.strengths}; give one in 0..1 for each of the QPs {self.qps}"
            )


class Regions(Preprocessor):
    """Smooths all but things; where the map is 1, a picture stays as it is.

    Attributes:
        trunk: pictures (B, 3, H, W) in [0, 1], sides multiples of 32 → three maps, at 1/8, 1/16 and 1/32 of the sides,
            with ``config.channels``. ``mvlib.load_preprocessor`` and trainings set the one that ``config.trunk``
            names; None where nobody has. It moves with the network but is none of its weights.
    """

    multiple = 32
    trunk: Callable[[Tensor], list[Tensor]] | None

    def __init__(self, config: RegionsConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or RegionsConfig()
        self.lateral = nn.ModuleList(nn.Conv2d(n, c.width, 1) for n in c.channels)
        self.mix = nn.ModuleList(nn.Conv2d(c.width, c.width, 3, padding=1) for _ in c.channels)
        self.out = nn.Conv2d(c.width, 1, 3, padding=1)
        self.attach(None)

    def attach(self, trunk: Callable[[Tensor], list[Tensor]] | None) -> "Regions":
        """Set ``trunk``; returns the network itself."""
        object.__setattr__(self, "trunk", trunk)  # not registered: it is stored and trained elsewhere
        return self

    def _apply(self, fn: Callable, recurse: bool = True) -> "Regions":
        if isinstance(self.trunk, nn.Module):
            self.trunk._apply(fn, recurse)
        return super()._apply(fn, recurse)

    @property
    def told_qp(self) -> bool:
        return len(set(self.config.strengths)) > 1

    def process(self, x: Tensor, qp: Tensor) -> Tensor:
        c = self.config
        rest = 1 - torch.sigmoid(self.logits(x) + (0 if self.training else c.threshold))
        if self.training:
            return x - rest * sum(detail_bands(x, 3))
        strength = on_lines(qp, c.qps, qp.new_tensor(c.strengths))
        return x - strength[:, None, None, None] * rest * sum(detail_bands(x, c.bands))

    def logits(self, x: Tensor) -> Tensor:
        """Where things are, in logits: pictures (B, 3, H, W), sides multiples of 32 → (B, 1, H, W).

        Raises ValueError without a trunk.
        """
        if self.trunk is None:
            raise InputError(
                f"these regions have no {self.config.trunk} to look with: load them by mvlib.load_preprocessor, or "
                "attach a trunk"
            )
        with torch.no_grad():
            maps = self.trunk(x)
        h = self._mixed(len(maps) - 1, self.lateral[-1](maps[-1]))
        for level in reversed(range(len(maps) - 1)):
            above = F.interpolate(h, scale_factor=2.0, mode="bilinear", align_corners=False)
            h = self._mixed(level, self.lateral[level](maps[level]) + above)
        return F.interpolate(self.out(F.relu(h)), x.shape[-2:], mode="bilinear", align_corners=False)

    def _mixed(self, level: int, side: Tensor) -> Tensor:
        return side + F.relu(self.mix[level](F.relu(side)))
