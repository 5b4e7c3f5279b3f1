"""Likeness of every place to the object: window → features → exemplar against search window → a map of logits.

A Siamese network [1] compares by cross-correlation: the features of the object, a small square of cells, slide
over those of the search window.  Each cell is a unit vector here, so a place's score is a weighted mean of cosines
and contrast hardly matters.

A window is (B, 4): centre x, centre y, width, height in pixels of the frame.  Pixel (0, 0) covers the square
from (0, 0) to (1, 1), for boxes and windows alike.

[1] Bertinetto et al., "Fully-Convolutional Siamese Networks", ECCV Workshops 2016, arXiv 1606.09549
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import box_convert, roi_align

from mvlib.errors import InputError

from ..agreement import kl_to_clean

STRIDE = 8


def around(boxes: Tensor, context: float) -> Tensor:
    """Square windows of ``context`` times the geometric mean of width and height: xyxy (..., 4) → (..., 4)."""
    centre_size = box_convert(boxes, "xyxy", "cxcywh")
    side = context * centre_size[..., 2:].prod(-1, keepdim=True).sqrt()
    return torch.cat([centre_size[..., :2], side, side], -1)


def cut(frames: Tensor, windows: Tensor, side: int) -> Tensor:
    """One window from each frame, resampled: (B, 3, H, W), (B, 4) → (B, 3, side, side), differentiable.

    Each pixel is the mean of as many bilinear samples as it covers pixels of the frame, so that large objects
    don't alias.  Beyond the frame lies its mean colour, as in [1], so that the edge is the weakest possible.
    """
    mean = frames.mean((2, 3), keepdim=True)
    index = torch.arange(len(frames), device=frames.device, dtype=frames.dtype)[:, None]
    rois = torch.cat([index, box_convert(windows.to(frames), "cxcywh", "xyxy")], 1)
    return roi_align(frames - mean, rois, (side, side), sampling_ratio=-1, aligned=True) + mean


class Backbone(nn.Module):
    """A chain of layers behind its own normalisation: float (B, 3, H, W) in [0, 1] → (B, C, H/8, W/8)."""

    mean: Tensor
    std: Tensor

    def __init__(self, layers: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.layers = layers.to(memory_format=torch.channels_last)
        self.register_buffer("mean", mean.clone(), persistent=False)
        self.register_buffer("std", std.clone(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(((x - self.mean) / self.std).contiguous(memory_format=torch.channels_last))


class Siamese(nn.Module):
    """A backbone and a comparison: nothing is trained here.

    Attributes:
        cells: the exemplar is the middle ``cells`` x ``cells`` of its window's features.  Cut out of features and
            not out of pixels, it has had the same padding as the middle of a search window.
        inner: share of the object's width and height that is compared; its edge holds background, which changes.
    """

    cells, inner = 8, 0.8

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def embed(self, windows: Tensor) -> Tensor:
        """Unit vectors of windows: (B, 3, S, S) in [0, 1] → (B, C, S/8, S/8)."""
        return F.normalize(self.backbone(windows), dim=1)

    def exemplar(self, windows: Tensor, sizes: Tensor) -> Tensor:
        """The middle of the embedded windows, each cell weighted by how much of the object it holds.

        Args:
            windows: (B, 3, S, S) in [0, 1], the object in the middle.
            sizes: (B, 2), width and height of the object as a share of the window's side.
        Returns:
            (B, C, cells, cells); the weights of a clip's cells add up to 1.
        """
        embedded = self.embed(windows)
        n = embedded.shape[-1]
        first = (n - self.cells) // 2
        middle = embedded[..., first : first + self.cells, first : first + self.cells]
        # The cells' edges in cells from the middle, and what of the object's extent lies between two of them.
        edges = torch.arange(self.cells + 1, device=sizes.device) - self.cells / 2
        half = (self.inner * sizes * n / 2).clamp_min(0.5)[..., None]
        inside = edges.minimum(half).maximum(-half).diff(dim=-1)  # (B, 2, cells)
        across, down = (inside / inside.sum(-1, keepdim=True)).unbind(1)
        return middle * (down[:, :, None] * across[:, None])[:, None]

    def compare(self, exemplars: Tensor, embedded: Tensor) -> Tensor:
        """Likeness of K exemplars to every place, -1..1: (B, K, C, c, c), (B, C, n, n) → (B, K, n-c+1, n-c+1)."""
        b, k = exemplars.shape[:2]
        # One group a clip: each search window meets its own exemplars only.
        cosine = F.conv2d(embedded.reshape(1, -1, *embedded.shape[2:]), exemplars.flatten(0, 1), groups=b)
        return cosine.unflatten(1, (b, k))[0]


def response_divergence(clean: Tensor, coded: Tensor) -> Tensor:
    """KL(clean ‖ coded) of where the object is, in nats, mean over frames: (B, N, r, r) twice → (B,) ≥ 0.

    The softmax of a map's logits is taken as the probability of each place.  Differentiable; 0 for equal maps.

    Raises:
        ValueError: the shapes differ.
    """
    if clean.ndim != 4 or clean.shape != coded.shape:
        raise InputError(
            f"clean maps {tuple(clean.shape)}, coded {tuple(coded.shape)}; give those of one tracker, "
            "(B, N, r, r), for the same clips and boxes"
        )
    rows = (maps.flatten(2).flatten(0, 1) for maps in (clean, coded))
    return kl_to_clean(*rows).unflatten(0, clean.shape[:2]).mean(1)
