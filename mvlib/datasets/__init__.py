"""Pictures and clips: data/ on disk, or a public data set's own folders → tensors in [0, 1].

``Photos`` gives photographs, ``Clips`` gives short excerpts of video, ``Cutouts`` gives things with alpha,
``PastedCutouts`` photographs with such things on them; ``data/README.md`` names their sources. All are ordinary
``torch.utils.data.Dataset`` objects, split by source so that nothing on the test side shares an original with the
training side. ``open_dataset`` gives all of these as samples with what is known of them, and reads ImageNet,
COCO, PASCAL VOC, Kinetics-400 and GOT-10k as they lie on disk after their download, and any folder of pictures or
clips.
"""

from ._root import Item, data_root
from .acting import ActedClip, ActingCutouts
from .acting_paths import ACTIONS
from .clips import Clips
from .opening import open_dataset, reader_of
from .own import Tracks
from .pasted import PastedCutouts
from .photos import Cutout, Cutouts, Photos
from .squares import Squares

__all__ = [
    "ACTIONS", "ActedClip", "ActingCutouts", "Clips", "Cutout", "Cutouts", "Item", "PastedCutouts", "Photos", "Squares",
    "Tracks", "data_root", "open_dataset", "reader_of",
]  # fmt: skip
