"""Parts that the recognisers share: moments through a 2-D network → residual blocks → back into clips."""

import torch
from torch import Tensor, nn


def with_change(clip: Tensor) -> Tensor:
    """Each moment and how it differs from the one before: (B, T, C, h, w) → (B, T, 2C, h, w); 0 for the first."""
    return torch.cat([clip, torch.cat([torch.zeros_like(clip[:, :1]), clip.diff(dim=1)], dim=1)], dim=2)


def conv2d(inside: int, outside: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution without bias and its batch normalisation."""
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outside),
    )


class Residual2d(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al., "Deep Residual Learning", CVPR 2016, the basic block)."""

    def __init__(self, inside: int, outside: int, stride: int = 1):
        super().__init__()
        self.first, self.second = conv2d(inside, outside, stride=stride), conv2d(outside, outside)
        same = stride == 1 and inside == outside
        self.shortcut = nn.Identity() if same else conv2d(inside, outside, 1, stride)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inside, h, w) → (N, outside, h / stride, w / stride)."""
        return self.act(self.second(self.act(self.first(x))) + self.shortcut(x))
