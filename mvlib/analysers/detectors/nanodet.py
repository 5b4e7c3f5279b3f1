"""NanoDet: picture 416×416 → cross-stage backbone → features at stride 8, 16, 32 → scores and boxes per cell.

The anchor-free one-stage detector of [1] in its version with a CSP backbone [2].  Each side of a box is the
mean of a distribution over 11 distances, from 0 to 10 strides ("generalised focal loss" [3]).  Batch
normalisation is folded into the convolutions.

[1] Lyu, NanoDet, https://github.com/RangiLyu/nanodet (Apache-2.0)
[2] Wang et al., "CSPNet", CVPR Workshops 2020, arXiv 1911.11929
[3] Li et al., "Generalized Focal Loss", NeurIPS 2020, arXiv 2006.04388
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDES = (8, 16, 32)
_CLASSES, _BINS, _WIDTH = 80, 11, 128


class NanoDet(nn.Module):
    """(B, 3, 416, 416), ImageNet-normalised → logits (B, 3549, 80), boxes (B, 3549, 4) in pixels of 416."""

    feature_layers = ("stages.1", "stages.2", "stages.3")  # at stride 8, 16, 32

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(3, 32, stride=2), nn.MaxPool2d(3, stride=2, padding=1))
        self.stages = nn.ModuleList([Stage(32, 1, stride=1), Stage(64, 2), Stage(128, 2), Stage(256, 3)])
        self.lateral = nn.ModuleList(nn.Conv2d(c, _WIDTH, 1) for c in (128, 256, 512))
        self.heads = nn.ModuleList(
            nn.Sequential(_conv(_WIDTH, _WIDTH), nn.Conv2d(_WIDTH, _CLASSES + 4 * _BINS, 1)) for _ in STRIDES
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x, levels = self.stem(x), []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        features = _exchange([conv(f) for conv, f in zip(self.lateral, levels[1:], strict=True)])
        logits, boxes = [], []
        for head, feature, stride in zip(self.heads, features, STRIDES, strict=True):
            out = head(feature)
            scores, sides = out.split((_CLASSES, 4 * _BINS), 1)
            logits.append(scores.flatten(2).transpose(1, 2))  # (B, h·w, 80)
            boxes.append(boxes_of(sides, stride))
        return torch.cat(logits, 1), torch.cat(boxes, 1)

    def candidates(self, logits: Tensor) -> Tensor:
        """All places compete; non-maximum suppression decides: (B, N, C) → bool (B, N, C)."""
        return torch.ones_like(logits, dtype=torch.bool)


class Stage(nn.Module):
    """Start with ``width`` channels, ``blocks`` cross-stage pairs, end, and the start again beside it: 2·width."""

    def __init__(self, width: int, blocks: int, stride: int = 2) -> None:
        super().__init__()
        half = width // 2
        self.start = _conv(width, width, stride)
        self.pairs: Any = nn.ModuleList(
            nn.ModuleList([_conv(width, half), _conv(half, half)]) for _ in range(blocks)
        )
        self.end = _conv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) → (B, 2·width, H / stride, W / stride)."""
        start = x = self.start(x)
        for first, second in self.pairs:
            a = first(x)
            x = torch.cat([second(a), a], 1)
        return torch.cat([self.end(x), start], 1)


def _conv(c_in: int, c_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, stride, padding=1), nn.LeakyReLU(0.1))


def _exchange(features: list[Tensor]) -> list[Tensor]:
    """Path aggregation without weights: coarse to fine, then fine to coarse, by resizing and adding."""
    fine, middle, coarse = features
    middle = middle + _resized(coarse, middle)
    fine = fine + _resized(middle, fine)
    middle = middle + _resized(fine, middle)
    return [fine, middle, coarse + _resized(middle, coarse)]


def _resized(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)


def boxes_of(sides: Tensor, stride: int) -> Tensor:
    """Distances (B, 4·11, h, w) to left, top, right, bottom → boxes (B, h·w, 4) around the cells' centres."""
    b, _, h, w = sides.shape
    bins = torch.arange(_BINS, dtype=sides.dtype, device=sides.device) * stride
    shares = sides.view(b, 4, _BINS, h * w).softmax(2)
    left, top, right, bottom = torch.einsum("bskn,k->bsn", shares, bins).unbind(1)
    y, x = torch.meshgrid(*(torch.arange(n, device=sides.device) for n in (h, w)), indexing="ij")
    x, y = (stride * (at.flatten() + 0.5) for at in (x, y))
    return torch.stack([x - left, y - top, x + right, y + bottom], -1)
