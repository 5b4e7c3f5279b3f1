"""A preprocessor that knows where things are: a frozen network's maps → map "a thing here" → all else is smoothed.

For detectors: what they find stays as it is, and the bits of the rest are saved.  No detector and no codec takes
part in the training.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvlib._numbers import check_numbers
from mvlib.errors import InputError

from .filter import FilterConfig, detail_bands, on_lines
from .trunk import TrunkPreprocessor, check_head


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
        check_head(self.channels, self.width)
        FilterConfig(self.qps, self.bands)  # raises as that does
        if len(self.strengths) != len(self.qps) or not all(0 <= s <= 1 for s in self.strengths):
            raise InputError(
                f"strengths is {self.strengths}; give one in 0..1 for each of the QPs {self.qps}"
            )


class Regions(TrunkPreprocessor):
    """Smooths all but things; where the map is 1, a picture stays as it is."""

    def __init__(self, config: RegionsConfig | None = None) -> None:
        self.config = c = config or RegionsConfig()
        super().__init__(c.channels, c.width)
        self.out = nn.Conv2d(c.width, 1, 3, padding=1)

    @property
    def uses_qp(self) -> bool:
        return len(set(self.config.strengths)) > 1

    def process(self, x: Tensor, qp: Tensor) -> Tensor:
        c = self.config
        rest = 1 - torch.sigmoid(self.logits(x) + (0 if self.training else c.threshold))
        if self.training:
            return x - rest * sum(detail_bands(x, 3))
        strength = on_lines(qp, c.qps, qp.new_tensor(c.strengths))
        return x - strength[:, None, None, None] * rest * sum(detail_bands(x, c.bands))

    def logits(self, x: Tensor) -> Tensor:
        """Where things are, in logits: pictures (B, 3, H, W), sides multiples of 32 → (B, 1, H, W)."""
        found = self.out(F.relu(self.seen(x)))
        return F.interpolate(found, x.shape[-2:], mode="bilinear", align_corners=False)
