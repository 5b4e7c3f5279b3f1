"""Two unlike eyes for a tracker: window in [0, 1] → the first layers of a pretrained network → features at stride 8.

EfficientNet-Lite0 is inverted residuals with depthwise convolutions, trained to name what a picture shows;
NanoDet's backbone is plain 3×3 convolutions in cross-stage pairs, trained to find where things are.
"""

import torch
from torch import Tensor, nn

from ..detectors.build import load_detector
from ..lite import load_lite

STRIDE = 8


class Backbone(nn.Module):
    """A chain of layers behind its own normalisation: float (B, 3, H, W) in [0, 1] → (B, channels, H/8, W/8)."""

    mean: Tensor
    std: Tensor

    def __init__(self, layers: nn.Module, mean: Tensor, std: Tensor, channels: int) -> None:
        super().__init__()
        self.layers, self.channels = layers.to(memory_format=torch.channels_last), channels
        self.register_buffer("mean", mean.clone(), persistent=False)
        self.register_buffer("std", std.clone(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(((x - self.mean) / self.std).contiguous(memory_format=torch.channels_last))


def lite0(*, pretrained: bool = True) -> Backbone:
    """The stem and the first three stages of EfficientNet-Lite0: 40 channels."""
    whole = load_lite("efficientnet_lite0", pretrained=pretrained)
    network = whole.network
    layers = nn.Sequential(network.conv_stem, network.bn1, *network.blocks[:3])
    return Backbone(layers, whole.mean, whole.std, channels=40)


def nanodet(*, pretrained: bool = True) -> Backbone:
    """The stem and the first two stages of NanoDet's backbone: 128 channels."""
    whole = load_detector("nanodet", pretrained=pretrained)
    return Backbone(
        nn.Sequential(whole.network.stem, *whole.network.stages[:2]), whole.mean, whole.std, channels=128
    )


BACKBONES = {"lite0": lite0, "nanodet": nanodet}
