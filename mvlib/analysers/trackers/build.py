"""Trackers by name: a pretrained network's first layers → Siamese comparison → ``Tracker``."""

from mvlib.errors import InputError

from .backbones import BACKBONES
from .siamese import Siamese
from .tracker import Search, Tracker

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
