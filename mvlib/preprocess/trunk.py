"""Preprocessors on a classifier's trunk: picture → its frozen maps → top-down sums → features at 1/8.

The trunk brings what things look like, so that a small head learns from few pictures.  Its top-down sums are those of a
feature pyramid [1].

[1] Lin et al., Feature Pyramid Networks for Object Detection, CVPR 2017, arXiv 1612.03144
"""

from collections.abc import Callable, Sequence
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvlib.errors import InputError

from .base import Preprocessor

STRIDES = (8, 16, 32)


def check_head(channels: Sequence[int], width: int) -> None:
    """Raise ValueError unless there are channels for each stride, and a width."""
    if len(channels) != len(STRIDES) or min(channels) < 1 or width < 1:
        raise InputError(f"channels {channels} and width {width}; give counts from 1, one for each stride")


class TrunkPreprocessor(Preprocessor):
    """The base of such preprocessors; a subclass's ``config.trunk`` names the classifier.

    Args:
        channels: of the trunk's maps at 1/8, 1/16 and 1/32 of the sides.
        width: channels of the features.

    Attributes:
        trunk: pictures (B, 3, H, W) in [0, 1], sides multiples of 32 → these three maps. ``mvlib.load_preprocessor``
            and trainings set the one that ``config.trunk`` names; None where nobody has. It moves with the network but
            is none of its weights.
    """

    multiple = 32
    trunk: Callable[[Tensor], list[Tensor]] | None

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(n, width, 1) for n in channels)
        self.mix = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in channels)
        self.attach(None)

    def attach(self, trunk: Callable[[Tensor], list[Tensor]] | None) -> Self:
        """Set ``trunk``; returns the network itself."""
        object.__setattr__(self, "trunk", trunk)  # not registered: it is stored and trained elsewhere
        return self

    def _apply(self, fn: Callable, recurse: bool = True) -> Self:
        if isinstance(self.trunk, nn.Module):
            self.trunk._apply(fn, recurse)
        return super()._apply(fn, recurse)

    def seen(self, x: Tensor) -> Tensor:
        """Features of pictures (B, 3, H, W), sides multiples of 32: (B, width, H/8, W/8).

        Raises ValueError without a trunk.
        """
        maps = self.maps(x)
        h = self._mixed(len(maps) - 1, self.lateral[-1](maps[-1]))
        for level in reversed(range(len(maps) - 1)):
            above = F.interpolate(h, scale_factor=2.0, mode="bilinear", align_corners=False)
            h = self._mixed(level, self.lateral[level](maps[level]) + above)
        return h

    def maps(self, x: Tensor) -> list[Tensor]:
        """What the head is given: maps at 1/8, 1/16 and 1/32 of the sides, without a gradient."""
        if self.trunk is None:
            raise InputError(
                f"this {type(self).__name__} has no {self.config.trunk} trunk: load it by "
                "mvlib.load_preprocessor, or attach a trunk"
            )
        with torch.no_grad():
            return self.trunk(x)

    def _mixed(self, level: int, side: Tensor) -> Tensor:
        return side + F.relu(self.mix[level](F.relu(side)))
