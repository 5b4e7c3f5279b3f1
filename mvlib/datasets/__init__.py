"""Pictures and clips: data/ on disk, or a public data set's own folders → tensors in [0, 1].

``Photos`` gives photographs, ``Clips`` gives short excerpts of video, ``Cutouts`` gives things with alpha,
``PastedCutouts`` photographs with such things on them; ``data/README.md`` names their sources. All are ordinary
``torch.utils.data.Dataset`` objects, split by source so that nothing on the test side shares an original with the
training side. ``open_dataset`` gives all of these as samples with what is known of them, and reads ImageNet,
COCO, PASCAL VOC, Kinetics-400 and GOT-10k as they lie on disk after their download, and any folder of pictures or
clips.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._root import Item, data_root
    from .acting import ActedClip, ActingCutouts
    from .acting_paths import ACTIONS
    from .clips import Clips
    from .cutouts import Cutout, Cutouts
    from .opening import open_dataset
    from .pasted import PastedCutouts
    from .photos import Photos
    from .squares import Squares
    from .tracks import Tracks

_WHERE = {
    "ACTIONS": "mvlib.datasets.acting_paths",
    "ActedClip": "mvlib.datasets.acting",
    "ActingCutouts": "mvlib.datasets.acting",
    "Clips": "mvlib.datasets.clips",
    "Cutout": "mvlib.datasets.cutouts",
    "Cutouts": "mvlib.datasets.cutouts",
    "Item": "mvlib.datasets._root",
    "PastedCutouts": "mvlib.datasets.pasted",
    "Photos": "mvlib.datasets.photos",
    "Squares": "mvlib.datasets.squares",
    "Tracks": "mvlib.datasets.tracks",
    "data_root": "mvlib.datasets._root",
    "open_dataset": "mvlib.datasets.opening",
}
__all__ = [
    "ACTIONS", "ActedClip", "ActingCutouts", "Clips", "Cutout", "Cutouts", "Item", "PastedCutouts", "Photos", "Squares",
    "Tracks", "data_root", "open_dataset",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'mvlib.datasets' has no attribute {name!r}; it offers {', '.join(_WHERE)}")
