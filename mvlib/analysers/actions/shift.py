"""A 2-D ResNet with temporal shift: each moment through the same blocks, an eighth of the channels one moment on.

Lin, Gan, Han, "TSM: Temporal Shift Module for Efficient Video Understanding", ICCV 2019, the residual variant: only
the branch beside the shortcut sees shifted features, so that the still picture is not harmed.
"""

import torch
from torch import Tensor, nn

from .blocks import conv2d, with_change
from .located import Located, LocatedNet


def shift(x: Tensor, moments: int, share: int = 8) -> Tensor:
    """Move the first 1/share of the channels a moment back and the next a moment on: (B * moments, C, h, w).

    What comes from before the first or after the last moment is 0.
    """
    clip = x.unflatten(0, (-1, moments))
    part = x.shape[1] // share
    back, on, stay = clip.split([part, part, x.shape[1] - 2 * part], dim=2)
    back = torch.cat([back[:, 1:], torch.zeros_like(back[:, :1])], dim=1)
    on = torch.cat([torch.zeros_like(on[:, :1]), on[:, :-1]], dim=1)
    return torch.cat([back, on, stay], dim=2).flatten(0, 1).contiguous(memory_format=torch.channels_last)


class ShiftBlock(nn.Module):
    """A basic residual block whose branch starts with a shift."""

    def __init__(self, inside: int, outside: int, stride: int = 1):
        super().__init__()
        self.first, self.second = conv2d(inside, outside, stride=stride), conv2d(outside, outside)
        same = stride == 1 and inside == outside
        self.shortcut = nn.Identity() if same else conv2d(inside, outside, 1, stride)
        self.act = nn.SiLU(inplace=True)

    def forward(self, x: Tensor, moments: int) -> Tensor:
        """(B * moments, inside, h, w) → (B * moments, outside, h / stride, w / stride)."""
        y = self.act(self.first(shift(x, moments)))
        return self.act(self.second(shift(y, moments)) + self.shortcut(x))


class ShiftNet(LocatedNet):
    """Clips (B, T, 3, h, w), normalised, to logits (B, classes)."""

    def __init__(self, classes: int, widths: tuple[int, ...] = (32, 64, 64)):
        super().__init__()
        one, two, three = widths
        self.stem = nn.Sequential(conv2d(6, one, 5, 4), nn.SiLU(inplace=True))
        self.blocks = nn.ModuleList([ShiftBlock(one, two, 2), ShiftBlock(two, two), ShiftBlock(two, three)])
        self.head = Located(three, classes)

    def maps(self, clip: Tensor) -> Tensor:
        """(B, T, 3, h, w) → (B, T, C, h / 8, w / 8)."""
        moments = clip.shape[1]
        x = self.stem(with_change(clip).flatten(0, 1).contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            x = block(x, moments)
        return x.unflatten(0, (-1, moments))
