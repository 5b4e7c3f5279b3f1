"""How alike is every place to the object: exemplar and search window → unit vectors per cell → a map of logits.

A Siamese network [1] compares by cross-correlation: the features of the object, a small square of cells, slide
over those of the search window.  Each cell is a unit vector here, so a place's score is a weighted mean of cosines
and contrast hardly matters.

[1] Bertinetto et al., "Fully-Convolutional Siamese Networks", ECCV Workshops 2016, arXiv 1606.09549
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .backbones import STRIDE, Backbone

__all__ = ["STRIDE", "Siamese"]


class Siamese(nn.Module):
    """A backbone and a comparison: nothing is trained here.

    Attributes:
        cells: the exemplar is the middle ``cells`` x ``cells`` of its window's features.  Cut out of features and
            not out of pixels, it has had the same padding as the middle of a search window.
        inner: share of the object's width and height that is compared; its edge holds background, which changes.
    """

    def __init__(self, backbone: Backbone, *, cells: int = 8, inner: float = 0.8, gain: float = 20.0) -> None:
        super().__init__()
        self.backbone, self.cells, self.inner = backbone, cells, inner

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
