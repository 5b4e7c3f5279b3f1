"""A small slow-only 3-D ResNet: moments → space first, time from the second stage on → place → logits.

After the slow pathway of Feichtenhofer et al., "SlowFast Networks for Video Recognition", ICCV 2019: kernels span
time only where features already mean something, and time is never strided.
"""

import torch
from torch import Tensor, nn

from .blocks import with_change
from .located import Located, LocatedNet


def _conv3d(inside: int, outside: int, kernel: tuple[int, int, int], stride: int = 1) -> nn.Sequential:
    padding = tuple(k // 2 for k in kernel)
    return nn.Sequential(
        nn.Conv3d(inside, outside, kernel, (1, stride, stride), padding, bias=False), nn.BatchNorm3d(outside)
    )


class Residual3d(nn.Module):
    """A basic block whose first convolution spans ``time`` moments."""

    def __init__(self, inside: int, outside: int, time: int, stride: int = 1):
        super().__init__()
        self.first = _conv3d(inside, outside, (time, 3, 3), stride)
        self.second = _conv3d(outside, outside, (1, 3, 3))
        same = stride == 1 and inside == outside
        self.shortcut = nn.Identity() if same else _conv3d(inside, outside, (1, 1, 1), stride)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inside, T, h, w) → (B, outside, T, h / stride, w / stride)."""
        return self.act(self.second(self.act(self.first(x))) + self.shortcut(x))


class ResNet3d(LocatedNet):
    """Clips (B, T, 3, h, w), normalised, to logits (B, classes)."""

    feature_layers = ("stages",)

    def __init__(self, classes: int, widths: tuple[int, ...] = (32, 48, 64)):
        super().__init__()
        one, two, three = widths
        self.stem = nn.Sequential(_conv3d(6, one, (1, 7, 7), 4), nn.ReLU(inplace=True))
        self.stages = nn.Sequential(
            Residual3d(one, two, time=3, stride=2),
            Residual3d(two, two, time=3),
            Residual3d(two, three, time=3),
        )
        self.head = Located(three, classes)

    def maps(self, clip: Tensor) -> Tensor:
        """(B, T, 3, h, w) → (B, T, C, h / 8, w / 8)."""
        x = with_change(clip).transpose(1, 2).contiguous(memory_format=torch.channels_last_3d)
        return self.stages(self.stem(x)).transpose(1, 2)
