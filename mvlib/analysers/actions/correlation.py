"""A recogniser's network that is told of no place: plain frames → correlated with the next → space, then time → pooled.

What moved where is read from a correlation layer: how like each cell is to the cells around it in the next moment [1],
as a distribution over the places that it may have gone to, and the mean of that.
Behind it each 3-D convolution is one over the frame and one over the moments [2]. Neither it nor its head ever learns
where the actor is, and it sees larger frames and more moments than the other recognisers.

A convolution over moments is a 2-D one over (T, h * w): channels last, both are views of the same memory.

[1] Wang, Tran, Torresani, Feiszli, "Video Modeling with Correlation Networks", CVPR 2020
[2] Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition", CVPR 2018
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .networks import ActionNet


def _still(inside: int, outside: int, kernel: int, stride: int) -> nn.Sequential:
    """Over the frame: (N, inside, h, w) → (N, outside, h / stride, w / stride)."""
    plain = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(plain, nn.BatchNorm2d(outside))


class OverTime(nn.Module):
    """A convolution over three moments: (B * moments, C, h, w) → the same shape."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, (3, 1), padding=(1, 0), bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor, moments: int) -> Tensor:
        pixels = x.permute(0, 2, 3, 1).reshape(-1, moments, x.shape[2] * x.shape[3], x.shape[1])
        y = self.norm(self.conv(pixels.permute(0, 3, 1, 2)))
        return y.permute(0, 2, 3, 1).reshape(len(x), *x.shape[2:], -1).permute(0, 3, 1, 2)


class FactoredBlock(nn.Module):
    """Over the frame, then over time, beside a shortcut."""

    def __init__(self, inside: int, outside: int, stride: int = 1):
        super().__init__()
        self.space, self.time = _still(inside, outside, 3, stride), OverTime(outside)
        same = stride == 1 and inside == outside
        self.shortcut = nn.Identity() if same else _still(inside, outside, 1, stride)

    def forward(self, x: Tensor, moments: int) -> Tensor:
        """(B * moments, inside, h, w) → (B * moments, outside, h / stride, w / stride)."""
        y = F.relu(self.space(x))
        return F.relu(self.time(y, moments) + self.shortcut(x))


class PooledHead(nn.Module):
    """Maps (B, T, C, h, w) of any T, h and w to logits (B, classes): mean and maximum of the frame, then of time."""

    def __init__(self, channels: int, classes: int, hidden: int = 128):
        super().__init__()
        self.time = nn.Sequential(
            nn.Conv1d(2 * channels, hidden, 3, padding=1, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
        )
        self.classes = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * hidden, classes))

    def forward(self, maps: Tensor) -> Tensor:
        what = torch.cat([maps.mean((3, 4)), maps.amax((3, 4))], dim=2)
        told = self.time(what.transpose(1, 2))
        return self.classes(torch.cat([told.mean(2), told.amax(2)], dim=1))


def correlation(x: Tensor, moments: int, reach: int) -> Tensor:
    """Cosines of each cell's features and those around it a moment later: (B * moments, (2 * reach + 1)^2, h, w).

    Row by row from the upper left; the last moment is followed by itself, and what lies outside has a cosine of 0.

    Args:
        x: (B * moments, C, h, w).
        reach: cells that are looked at to each side.
    """
    now = F.normalize(x, dim=1).to(x.dtype)  # autocast would go on in float32
    clip = now.unflatten(0, (-1, moments))
    later = F.pad(torch.cat([clip[:, 1:], clip[:, -1:]], dim=1).flatten(0, 1), (reach,) * 4)
    (height, width), around = x.shape[2:], 2 * reach + 1
    cells, rows, found = now.permute(0, 2, 3, 1), later.permute(0, 2, 3, 1), []
    for i in range(around):
        row = cells @ rows[:, i : i + height].transpose(
            2, 3
        )  # each cell with the whole row: (N, h, w, w + 2 reach)
        # Read as rows that are longer by one, cell k has its own neighbourhood, k further on, at the beginning.
        skewed = F.pad(row.flatten(2), (0, width)).unflatten(2, (width, -1))
        found.append(skewed[..., :around])
    return torch.cat(found, dim=3).permute(0, 3, 1, 2)


class CorrelationNet(ActionNet):
    """Clips (B, T, 3, h, w), normalised, to logits (B, classes)."""

    frames, side, reach = 16, 160, 3
    places: Tensor
    feature_layers = ("blocks.4",)

    def __init__(self, classes: int):
        super().__init__()
        self.stem = nn.Sequential(_still(3, 24, 5, 2), nn.ReLU(), _still(24, 32, 3, 2), nn.ReLU())
        self.compared, self.sharpness = _still(32, 16, 1, 1), nn.Parameter(torch.tensor(10.0))
        around = torch.arange(-self.reach, self.reach + 1.0)
        places = torch.stack(torch.meshgrid(around, around, indexing="ij")).flatten(1)
        self.register_buffer("places", places, persistent=False)
        self.mix = nn.Sequential(_still(32 + places.shape[1] + 2, 48, 1, 1), nn.ReLU())
        sizes = ((48, 48, 1), (48, 96, 2), (96, 96, 1), (96, 128, 2), (128, 128, 1))
        self.blocks = nn.ModuleList([FactoredBlock(*size) for size in sizes])
        self.head = PooledHead(128, classes)

    def forward(self, clip: Tensor) -> Tensor:
        moments = clip.shape[1]
        x = self.stem(clip.flatten(0, 1).contiguous(memory_format=torch.channels_last))
        y = self.compared(x)
        y = y - F.avg_pool2d(
            y, 5, 1, 2, count_include_pad=False
        )  # what all around share says nothing of motion
        gone = (self.sharpness * correlation(y, moments, self.reach)).softmax(1)
        mean = torch.einsum("nphw,dp->ndhw", gone, self.places)
        x = self.mix(torch.cat([x, gone, mean], dim=1))
        for block in self.blocks:
            x = block(x, moments)
        return self.head(x.unflatten(0, (-1, moments)))
