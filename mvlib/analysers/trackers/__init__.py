"""Trackers: a clip and the box of one object in its first frame → its box in every frame.

The two look with unlike eyes, and neither was trained to track: EfficientNet-Lite0 is inverted residuals with depthwise
convolutions, trained to name what a picture shows; NanoDet's backbone is plain 3×3 convolutions in cross-stage pairs,
trained to find where things are. A Siamese comparison of their first layers' features makes each a ``Tracker``.
"""

from typing import Any

from torch import nn

from mvlib.errors import choose

from ..detectors.build import load_detector
from ..zoo import load_lite
from .siamese import Backbone, Siamese, response_divergence
from .tracker import Search, Tracker

__all__ = ["TRACKER_NAMES", "Search", "Tracker", "load_tracker", "response_divergence"]


def _lite0(pretrained: bool) -> Backbone:
    """The stem and the first three stages of EfficientNet-Lite0: 40 channels."""
    whole = load_lite("efficientnet_lite0", pretrained=pretrained)
    network: Any = whole.network
    layers = nn.Sequential(network.conv_stem, network.bn1, *network.blocks[:3])
    return Backbone(layers, whole.mean, whole.std, channels=40)


def _nanodet(pretrained: bool) -> Backbone:
    """The stem and the first two stages of NanoDet's backbone: 128 channels."""
    whole = load_detector("nanodet", pretrained=pretrained)
    network: Any = whole.network
    layers = nn.Sequential(network.stem, *network.stages[:2])
    return Backbone(layers, whole.mean, whole.std, channels=128)


_BACKBONES = {"siam_lite0": _lite0, "siam_nanodet": _nanodet}
TRACKER_NAMES: tuple[str, ...] = tuple(_BACKBONES)


def load_tracker(name: str, *, pretrained: bool = True) -> Tracker:
    """The tracker ``name``, one of ``TRACKER_NAMES``, frozen, in eval mode.

    Raises:
        ValueError: no such tracker.
        FileNotFoundError: the backbone's weights are missing.
    """
    backbone = _BACKBONES[choose("tracker", name, _BACKBONES)]
    return Tracker(Siamese(backbone(pretrained)), name=name)
