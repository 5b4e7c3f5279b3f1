"""Readers of public data sets as they lie on disk after their official download, and of any folder."""

from .coco import COCO
from .files import Folder
from .given import Given
from .got10k import GOT10k
from .imagenet import ImageNet, Imagenette
from .kinetics import Kinetics400
from .own_files import OwnFiles
from .reader import BrokenItem, Reader, counted, present
from .voc import VOC

__all__ = [
    "COCO", "VOC", "BrokenItem", "Folder", "GOT10k", "Given", "ImageNet", "Imagenette", "Kinetics400", "OwnFiles",
    "Reader", "counted", "present",
]  # fmt: skip
