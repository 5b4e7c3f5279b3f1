"""CenterNet on MobileNetV3: picture 512×512 → four scales merged at stride 4 → a heat map of object centres.

Objects are the peaks of a heat map per class [1]; each place also tells the distances to the four sides.  The
backbone is MobileNetV3 [2], the network that of [3].  Batch normalisation is folded into the convolutions.
TensorFlow's conventions stay: "SAME" padding is asymmetric at stride 2, and resizing aligns top-left corners.

[1] Zhou, Wang, Krähenbühl, "Objects as Points", 2019, arXiv 1904.07850
[2] Howard et al., "Searching for MobileNetV3", ICCV 2019, arXiv 1905.02244
[3] https://github.com/610265158/mobilenetv3_centernet
"""

from typing import Any

import torch
from timm.layers import create_conv2d
from torch import Tensor, nn
from torch.nn import functional as F

from mvlib._planes import repeat_edges

STRIDE, _CLASSES = 4, 80
# One row a block: kernel, width inside, width out, stride, width of squeeze-and-excite (0: none), activation.
_BLOCKS = (
    (3, 16, 16, 1, 0, nn.ReLU),
    (3, 64, 24, 2, 0, nn.ReLU),
    (3, 72, 24, 1, 0, nn.ReLU),
    (5, 72, 32, 2, 24, nn.ReLU),
    (5, 96, 32, 1, 24, nn.ReLU),
    (5, 96, 32, 1, 24, nn.ReLU),
    (3, 192, 64, 2, 0, nn.Hardswish),
    (3, 160, 64, 1, 0, nn.Hardswish),
    (3, 144, 64, 1, 0, nn.Hardswish),
    (3, 144, 64, 1, 0, nn.Hardswish),
    (3, 384, 88, 1, 96, nn.Hardswish),
    (3, 528, 88, 1, 136, nn.Hardswish),
    (5, 528, 120, 2, 136, nn.Hardswish),
    (5, 720, 120, 1, 184, nn.Hardswish),
    (5, 720, 120, 1, 184, nn.Hardswish),
)


class CenterNet(nn.Module):
    """(B, 3, 512, 512) in 0..255 → logits (B, 16384, 80), boxes (B, 16384, 4) in pixels of 512."""

    feature_layers = ("reverse.1", "reverse.2", "top")  # of the backbone's scales at stride 8, 16, 32

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(3, 16, 3, stride=2), nn.Hardswish())
        widths = [16, *(row[2] for row in _BLOCKS)]
        self.blocks: Any = nn.ModuleList(Bottleneck(c, *row) for c, row in zip(widths, _BLOCKS, strict=False))
        self.top = nn.Sequential(_conv(120, 480, 1), nn.Hardswish())
        # Finest to coarsest scale beside the backbone, coarsest to finest on the way back.
        self.reverse = nn.ModuleList([Reverse(72, 18, 64), Reverse(96, 24, 96), Reverse(88, 22, 128)])
        self.upsample = nn.ModuleList([Upsample(480, 128), Upsample(256, 96), Upsample(192, 64)])
        self.attend = nn.Sequential(_conv(128, 32, 1), nn.ReLU(), _conv(32, 128, 1, bias=False), nn.Sigmoid())
        self.classify, self.locate = _separable(128, _CLASSES, 3), _separable(128, 4, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        *scales, x = self.backbone(x)
        for up, reverse, scale in zip(self.upsample, reversed(self.reverse), reversed(scales), strict=True):
            x = torch.cat([reverse(scale), up(x)], 1).relu()
        x = x * self.attend(x.mean((2, 3), keepdim=True))
        return self.classify(x).flatten(2).transpose(1, 2), _boxes(16 * self.locate(x))

    def backbone(self, x: Tensor) -> list[Tensor]:
        """Features at strides 4, 8, 16, 32: the first two from inside a block, where it is widest."""
        x, scales = self.stem(x), []
        for i, block in enumerate(self.blocks):
            inner = block.expand(x)
            if i in (3, 5):
                scales.append(inner)
            x = block.reduce(inner, x)
            if i == 11:
                scales.append(x)
        return [*scales, self.top(x)]

    def candidates(self, logits: Tensor) -> Tensor:
        """Peaks among the 3×3 neighbours: (B, h·w, C) → bool (B, h·w, C)."""
        side = round(logits.shape[1] ** 0.5)
        heat = logits.transpose(1, 2).unflatten(2, (side, side))
        return (heat == F.max_pool2d(heat, 3, 1, padding=1)).flatten(2).transpose(1, 2)


class Bottleneck(nn.Module):
    """MobileNetV3's block: 1×1 up, depthwise, squeeze-and-excite, 1×1 down, and the input added if it fits."""

    def __init__(
        self, c_in: int, kernel: int, width: int, c_out: int, stride: int, squeeze: int, act: type[nn.Module]
    ) -> None:
        super().__init__()
        self.expand = nn.Sequential(_conv(c_in, width, 1), act()) if width != c_in else nn.Identity()
        self.depthwise = nn.Sequential(_conv(width, width, kernel, stride, groups=width), act())
        self.squeeze = (
            nn.Sequential(_conv(width, squeeze, 1), nn.ReLU(), _conv(squeeze, width, 1), nn.Hardsigmoid())
            if squeeze
            else None
        )
        self.project = _conv(width, c_out, 1)
        self.adds = stride == 1 and c_in == c_out

    def reduce(self, inner: Tensor, x: Tensor) -> Tensor:
        """Everything after ``expand``: inner (B, width, H, W), the block's input x → the block's output."""
        h = self.depthwise(inner)
        if self.squeeze is not None:
            h = h * self.squeeze(h.mean((2, 3), keepdim=True))
        h = self.project(h)
        return h + x if self.adds else h


class Reverse(nn.Sequential):
    """A scale of the backbone on its way to the merge: 1×1 down, ReLU, separable 5×5 up."""

    def __init__(self, c_in: int, inner: int, c_out: int) -> None:
        super().__init__(_conv(c_in, inner, 1), nn.ReLU(), _separable(inner, c_out, 5))


class Upsample(nn.Module):
    """Separable 3×3 and 5×5 added, at twice the size."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.small, self.large = _separable(c_in, c_out, 3), _separable(c_in, c_out, 5)

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) → (B, c_out, 2H, 2W), samples at 0, 1/2, 1, … of the input, the last one repeated."""
        x = repeat_edges(self.small(x) + self.large(x), 0, 1, 0, 1)
        size = [2 * n - 1 for n in x.shape[-2:]]
        return F.interpolate(x, size, mode="bilinear", align_corners=True)[..., :-1, :-1]


def _conv(
    c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1, bias: bool = True
) -> nn.Module:
    return create_conv2d(c_in, c_out, kernel, stride=stride, padding="same", groups=groups, bias=bias)


def _separable(c_in: int, c_out: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(_conv(c_in, c_in, kernel, groups=c_in, bias=False), _conv(c_in, c_out, 1))


def _boxes(sides: Tensor) -> Tensor:
    """Distances in pixels (B, 4, h, w) to left, top, right, bottom → boxes (B, h·w, 4) around the cells' corners."""
    h, w = sides.shape[-2:]
    y, x = torch.meshgrid(*(torch.arange(n, device=sides.device) for n in (h, w)), indexing="ij")
    x, y = (STRIDE * at.flatten().to(sides.dtype) for at in (x, y))
    left, top, right, bottom = sides.flatten(2).relu().unbind(1)
    return torch.stack([x - left, y - top, x + right, y + bottom], -1)
