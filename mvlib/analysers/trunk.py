"""A classifier's trunk: picture in [0, 1] → normalised → stages → maps at 1/8, 1/16 and 1/32 of its sides."""

from typing import Any

from torch import Tensor

from .base import Analyser
from .zoo import load_lite

_ENDS = (2, 4, 6)  # stages of the Lite family that end at strides 8, 16 and 32


class Trunk(Analyser):
    """The stages of an EfficientNet-Lite without its classes, as large as the picture is.

    Args:
        name: as for ``zoo.load_lite``.  pretrained: else with random weights.
    """

    kind = "trunk"

    def __init__(self, name: str = "efficientnet_lite0", *, pretrained: bool = True) -> None:
        whole = load_lite(name, pretrained=pretrained)
        super().__init__(
            whole.network, name=name, mean=whole.mean.flatten().tolist(), std=whole.std.flatten().tolist()
        )
        net: Any = self.network
        net.conv_head = net.classifier = None

    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps (B, C, H/8, W/8), (B, C, H/16, W/16), (B, C, H/32, W/32) of float (B, 3, H, W) in [0, 1]."""
        net: Any = self.network
        maps = []
        h = net.bn1(net.conv_stem((self.checked(x) - self.mean) / self.std))
        for stage, blocks in enumerate(net.blocks):
            h = blocks(h)
            if stage in _ENDS:
                maps.append(h)
        return maps
