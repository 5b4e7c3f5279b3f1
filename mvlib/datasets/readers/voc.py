"""PASCAL VOC: list of a split → picture and XML of its objects → boxes with labels."""

from pathlib import Path
from xml.etree.ElementTree import ParseError, parse

import numpy as np
from torchvision.datasets import VOCDetection

from mvlib.errors import MissingFile

from .reader import BrokenItem, Reader, folder, read_picture
from .sample import Objects, Sample

VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
# What COCO's detectors call the classes that go by another name there.
COCO_NAME = {
    "aeroplane": "airplane", "diningtable": "dining table", "motorbike": "motorcycle",
    "pottedplant": "potted plant", "sofa": "couch", "tvmonitor": "tv",
}  # fmt: skip


class VOC(Reader):
    """PASCAL VOC detection: ``root/VOCdevkit/VOC2007/{JPEGImages,Annotations,ImageSets/Main}``.

    ``classes`` are the twenty by the names that COCO's detectors use. The boxes of the XML count pixels from 1 and
    include their last one; here x1, y1 are less by 1.

    Args:
        root: the folder that holds VOCdevkit.
        split: "train", "val", "trainval", or for 2007 "test".
        year: 2007 to 2012.
        short_side, on_error: see ``Reader``.
    """

    classes = tuple(COCO_NAME.get(name, name) for name in VOC_CLASSES)

    def __init__(
        self, root: str | Path, split: str = "val", year: int = 2012, short_side: int | None = None,
        on_error: str = "stop",
    ) -> None:  # fmt: skip
        root = folder(Path(root), "give the folder that holds VOCdevkit")
        try:
            self.listed = VOCDetection(root, str(year), split)
        except (RuntimeError, FileNotFoundError) as error:
            raise MissingFile(
                f"{root} is not PASCAL VOC {year} with the split {split!r} ({error}); unpack the archive so that "
                f"{root / 'VOCdevkit' / f'VOC{year}' / 'ImageSets' / 'Main' / f'{split}.txt'} exists"
            ) from error
        paths = [str(Path(path).relative_to(root)) for path in self.listed.images]
        super().__init__(root, paths, short_side, on_error)

    def read(self, index: int) -> Sample:
        path = self.paths[index]
        frames = read_picture(self.root / path)
        objects = _objects(Path(self.listed.annotations[index]))
        return Sample(frames, path, Path(path).stem, index, objects=objects)


def _objects(path: Path) -> Objects:
    """The objects in an annotation file; raises ``BrokenItem``."""
    try:
        found = VOCDetection.parse_voc_xml(parse(path).getroot())["annotation"]["object"]
        sides = ("xmin", "ymin", "xmax", "ymax")
        corners = [[float(thing["bndbox"][side]) for side in sides] for thing in found]
        labels = [VOC_CLASSES.index(thing["name"]) for thing in found]
        ignored = [thing.get("difficult", "0") == "1" for thing in found]
    except FileNotFoundError:
        raise BrokenItem("missing annotation", path) from None
    except (ParseError, KeyError, TypeError, ValueError) as error:
        raise BrokenItem("broken annotation", path, f"{type(error).__name__}: {error}") from error
    boxes = np.array(corners, np.float32).reshape(-1, 4) - np.array([1, 1, 0, 0], np.float32)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    ignored = np.array(ignored, bool)
    return Objects(boxes, np.array(labels, np.int64), ignored, np.zeros_like(ignored), area)
