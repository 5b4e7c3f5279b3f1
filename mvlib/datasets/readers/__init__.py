"""Data sets as they lie on disk after their official download: name, folder → reader → samples.

    reader = open_dataset("coco", "/data/coco", split="val2017", on_error="skip")
    for sample in reader: ...   # sample.frames uint8 (1, H, W, 3), sample.objects

"folder" reads any folder of pictures or clips that nobody labelled.
"""

from difflib import get_close_matches
from pathlib import Path

from mvlib.errors import InputError

from .coco import COCO
from .got10k import GOT10k
from .imagenet import ImageNet, Imagenette
from .kinetics import Kinetics400
from .plain import Folder
from .reader import BrokenItem, Reader, counted, present
from .sample import Objects, Sample, Track
from .voc import VOC

READERS: dict[str, type[Reader]] = {
    "folder": Folder,
    "imagenet": ImageNet,
    "imagenette": Imagenette,
    "voc": VOC,
    "coco": COCO,
    "kinetics400": Kinetics400,
    "got10k": GOT10k,
}

__all__ = [
    "READERS", "VOC", "BrokenItem", "Objects", "Reader", "Sample", "Track", "counted", "has_splits", "open_dataset",
    "present",
]  # fmt: skip


def open_dataset(name: str, root: str | Path, **options) -> Reader:
    """The data set ``name``, a key of ``READERS``, in the folder ``root``; ``options`` as its class takes them.

    Raises ValueError for an unknown name (with the near one), FileNotFoundError where ``root`` does not hold it.
    """
    if name not in READERS:
        near = get_close_matches(str(name), READERS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(f"dataset {name!r} is unknown, choose one of {', '.join(READERS)}{hint}")
    return READERS[name](root, **options)


def has_splits(name: str) -> bool:
    """Whether the data set ``name`` takes ``split``; True where there is none of that name."""
    return getattr(READERS.get(name), "has_splits", True)
