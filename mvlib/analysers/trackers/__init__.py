"""Trackers: a clip and the box of one object in its first frame → its box in every frame.

The two look with unlike eyes, and neither was trained to track: EfficientNet-Lite0 is inverted residuals with depthwise
convolutions, trained to name what a picture shows; NanoDet's backbone is plain 3×3 convolutions in cross-stage pairs,
trained to find where things are. A Siamese comparison of their first layers' features makes each a ``Tracker``.
"""

from collections.abc import Callable, Iterable
from typing import Any

from torch import nn

from mvlib.errors import choose

from ..base import Analyser
from ..detectors.build import load_detector
from ..zoo import load_lite
from .siamese import Backbone, Siamese, response_divergence
from .tracker import Search, Tracker

__all__ = ["TRACKER_NAMES", "Search", "Tracker", "load_tracker", "response_divergence"]


# Name → the analyser whose first layers it looks with, at stride 8: 40 channels of one, 128 of the other.
_BACKBONES: dict[str, tuple[Callable[..., Analyser], str, Callable[[Any], Iterable[nn.Module]]]] = {
    "siam_lite0": (load_lite, "efficientnet_lite0", lambda net: (net.conv_stem, net.bn1, *net.blocks[:3])),
    "siam_nanodet": (load_detector, "nanodet", lambda net: (net.stem, *net.stages[:2])),
}
TRACKER_NAMES: tuple[str, ...] = tuple(_BACKBONES)


def load_tracker(name: str, *, pretrained: bool = True) -> Tracker:
    """The tracker ``name``, one of ``TRACKER_NAMES``, frozen, in eval mode.

    Raises:
        ValueError: no such tracker.
        FileNotFoundError: the backbone's weights are missing.
    """
    load, analyser, first_layers = _BACKBONES[choose("tracker", name, _BACKBONES)]
    whole = load(analyser, pretrained=pretrained)
    layers = nn.Sequential(*first_layers(whole.network))
    return Tracker(Siamese(Backbone(layers, whole.mean, whole.std)), name=name)
