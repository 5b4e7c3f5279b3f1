"""A reading of the network of Zhao et al.: frame → spatial branch, last frames → temporal branch → gate → residual.

What is known of it [1]: a temporal and a spatial branch, merged under a condition, the result added to the frame; the
network is not given the QP.  The sizes are those of public re-implementations: 9,795 parameters.

What is not known, and chosen here: which frames the temporal branch sees for a frame in the middle (here: that frame
and the seven before it, the first frame repeated at the start, which makes it causal); how many layers it has (one);
the form of the condition (a share of each branch per pixel and channel, from 1×1 convolutions over both); the
activations (ReLU, and a sigmoid for the share).

[1] Zhao, Guo, Zhao, Li, Zhang, Xie, "A Preprocessing Framework for Video Machine Vision under Compression",
arXiv 2512.15331
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mvlib._numbers import check_numbers
from mvlib.errors import InputError

from .base import VideoPreprocessor, start_at_zero


@dataclass(frozen=True)
class ZhaoConfig:
    """Sizes of ``ZhaoPreprocessor``; the defaults are those of public readings."""

    width: int = 16
    """Channels of both branches."""
    window: int = 8
    """Frames that the temporal branch sees."""
    branches: str = "both"
    """both, or spatial or temporal alone: an ablation."""

    def __post_init__(self) -> None:
        check_numbers(self)
        if self.branches not in ("both", "spatial", "temporal"):
            raise InputError(f"branches is {self.branches!r}; choose both, spatial or temporal")
        if self.width < 1 or self.window < 1:
            raise InputError(f"width is {self.width} and window {self.window}; both must be at least 1")


class ZhaoPreprocessor(VideoPreprocessor):
    """Two branches, a gate, a residual: 9,795 parameters, 9.7 kMAC per pixel; blind to QP.

    The last convolution starts at 0: untrained it is the identity.
    """

    def __init__(self, config: ZhaoConfig | None = None) -> None:
        super().__init__()
        self.config = config or ZhaoConfig()
        width, window = self.config.width, self.config.window
        self.spatial = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.temporal = nn.Sequential(nn.Conv2d(3 * window, width, 3, padding=1), nn.ReLU())
        self.gate = nn.Sequential(
            nn.Conv2d(2 * width, width, 1), nn.ReLU(), nn.Conv2d(width, width, 1), nn.Sigmoid()
        )
        self.last = nn.Conv2d(width, 3, 3, padding=1)
        start_at_zero(self.last)

    @property
    def uses_qp(self) -> bool:
        return False

    def process_chunk(self, x: Tensor, qp: Tensor, state: tuple[Tensor] | None) -> tuple[Tensor, tuple]:
        """``state`` holds the window's earlier frames, (B, window - 1, 3, H, W)."""
        past = x[:, :1].expand(-1, self.config.window - 1, -1, -1, -1) if state is None else state[0]
        seen = torch.cat([past, x], 1)  # (B, window - 1 + T, 3, H, W)
        windows = seen.unfold(1, self.config.window, 1).movedim(-1, 2)  # (B, T, window, 3, H, W)
        temporal = self.temporal(windows.flatten(2, 3).flatten(0, 1))  # (B T, width, H, W)
        spatial = self.spatial(x.flatten(0, 1))
        residual = self.last(self.merge(spatial, temporal)).unflatten(0, x.shape[:2])
        return x + residual, (seen[:, x.shape[1] :].detach(),)

    def merge(self, spatial: Tensor, temporal: Tensor) -> Tensor:
        """The branches' features (N, width, H, W), mixed by a share of each per pixel and channel."""
        if self.config.branches != "both":
            return spatial if self.config.branches == "spatial" else temporal
        return torch.lerp(spatial, temporal, self.gate(torch.cat([spatial, temporal], 1)))
