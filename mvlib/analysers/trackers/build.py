"""Trackers by name: a pretrained network's first layers → Siamese comparison → ``Tracker``.

The two look with unlike eyes: EfficientNet-Lite0 is inverted residuals with depthwise convolutions, trained to name
what a picture shows; NanoDet's backbone is plain 3×3 convolutions in cross-stage pairs, trained to find where
things are.
"""

from torch import nn

from mvlib.errors import InputError

from ..detectors.build import load_detector
from ..lite import load_lite
from .siamese import Backbone, Siamese
from .tracker import Search, Tracker


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

# What each looks with; the search's defaults hold for both.
_TRACKERS = {f"siam_{name}": (backbone, {}, Search()) for name, backbone in BACKBONES.items()}
TRACKER_NAMES: tuple[str, ...] = tuple(_TRACKERS)


def load_tracker(name: str, *, pretrained: bool = True) -> Tracker:
    """The tracker ``name``, one of ``TRACKER_NAMES``, frozen, in eval mode.

    Raises:
        ValueError: no such tracker.
        FileNotFoundError: the backbone's weights are missing.
    """
    if name not in _TRACKERS:
        raise InputError(f"no tracker is called {name!r}; there are {', '.join(_TRACKERS)}")
    backbone, options, search = _TRACKERS[name]
    return Tracker(Siamese(backbone(pretrained=pretrained), **options), name=name, search=search)
