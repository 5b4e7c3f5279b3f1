"""PASCAL VOC: list of a split → picture and XML of its objects → boxes with labels."""

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, parse

import numpy as np

from mvlib.errors import MissingFile
from mvlib.samples import Objects, Sample

from .._manifest import text_of
from .boxes import in_upright
from .reader import BrokenItem, Reader, folder, read_picture

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
    include their last one; here x1, y1 are less by 1. Of a picture that EXIF turns, the XML's width and height tell
    whether its boxes are to be turned too.

    Args:
        root: the folder that holds VOCdevkit.
        split: "train", "val", "trainval", or for 2007 "test".
        year: 2007 to 2012.
        short_side, on_error: see ``Reader``.
    """

    gives = ("objects",)
    classes = tuple(COCO_NAME.get(name, name) for name in VOC_CLASSES)

    def __init__(
        self, root: str | Path, split: str = "val", year: int = 2012, short_side: int | None = None,
        on_error: str = "stop",
    ) -> None:  # fmt: skip
        root = folder(Path(root), "give the folder that holds VOCdevkit")
        # The archive of 2011 holds one folder more.
        tops = [root / above / f"VOC{year}" for above in ("VOCdevkit", "TrainVal/VOCdevkit")]
        top = next((top for top in tops if top.is_dir()), tops[0])
        listed = top / "ImageSets" / "Main" / f"{split}.txt"
        if not listed.is_file():
            raise MissingFile(
                f"{root} is not PASCAL VOC {year} with the split {split!r}; unpack the archive so that {listed} exists"
            )
        # The lists of one class have a column more.
        names = dict.fromkeys(line.split()[0] for line in text_of(listed).splitlines() if line.split())
        self._names = [name.removesuffix(".jpg") for name in names]
        self._annotations = top / "Annotations"
        pictures = (top / "JPEGImages").relative_to(root).as_posix()
        super().__init__(root, [f"{pictures}/{name}.jpg" for name in self._names], short_side, on_error)

    def read(self, index: int) -> Sample:
        path, name = self.paths[index], self._names[index]
        place = self.root / path
        frames = read_picture(place)
        try:
            objects, stated = _objects(parse(self._annotations / f"{name}.xml").getroot())
        except FileNotFoundError:
            raise BrokenItem("missing annotation", self._annotations / f"{name}.xml") from None
        except (ParseError, AttributeError, TypeError, ValueError) as error:
            why = f"{type(error).__name__}: {error}"
            raise BrokenItem("broken annotation", self._annotations / f"{name}.xml", why) from error
        objects = in_upright(objects, place, frames.shape[2:0:-1], stated)
        return Sample(frames, name, objects=objects, file=path, index=index)


def _objects(annotation: Element) -> tuple[Objects, tuple[str | None, str | None]]:
    """The objects in an annotation, and its width and height; raises what is wrong with it."""
    if annotation.tag != "annotation":
        raise ValueError(f"it holds a {annotation.tag}")
    found = annotation.findall("object")
    corners = [
        [_text(thing, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")] for thing in found
    ]
    boxes = np.array(corners, np.float64).reshape(-1, 4) - np.array([1, 1, 0, 0])
    if not (np.isfinite(boxes).all() and (boxes[:, 2:] > boxes[:, :2]).all()):
        raise ValueError("a box has a negative extent, or is not finite")
    labels = [VOC_CLASSES.index(_text(thing, "name").lower()) for thing in found]
    ignored = np.array([(thing.findtext("difficult") or "0").strip() == "1" for thing in found], bool)
    stated = annotation.findtext("size/width"), annotation.findtext("size/height")
    crowd = np.zeros_like(ignored)
    return Objects(boxes.astype(np.float32), np.array(labels, np.int64), ignored, crowd), stated


def _text(thing: Element, name: str) -> str:
    text = thing.findtext(name)
    if not text or not text.strip():
        raise ValueError(f"an object has no {name}")
    return text.strip()
