"""COCO detection: instances_*.json → the annotations of each picture → picture with boxes, labels, crowds."""

import json
import logging
import os
from collections import Counter, defaultdict
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from mvlib.errors import InputError
from mvlib.samples import Objects, Sample

from .._manifest import text_of
from .boxes import in_upright
from .reader import BrokenItem, Reader, folder, read_picture

log = logging.getLogger("mvlib.datasets")
Row = dict[str, Any]


class COCO(Reader):
    """COCO detection: ``root/val2017/*.jpg`` with ``root/annotations/instances_val2017.json``.

    ``classes`` are the file's categories in the order of their ids, so that labels run from 0 without COCO's gaps.
    A picture without objects is a picture without objects; boxes without extent are left out. Ids are the same as
    number and as text, and those of annotations may repeat. Where the file gives width and height of a picture that
    EXIF turns, they tell whether its boxes are to be turned too.

    Args:
        root: the folder that holds the pictures' folder and annotations.
        split: "train2017", "val2017" and the like; "train" and "val" mean 2017.
        short_side, on_error: see ``Reader``.

    Raises FileNotFoundError for a missing folder or file, ValueError for one that is no COCO annotation.
    """

    gives = ("objects",)

    def __init__(
        self, root: str | Path, split: str = "val2017", short_side: int | None = None, on_error: str = "stop"
    ) -> None:
        split = f"{split}2017" if split in ("train", "val") else split
        root = folder(Path(root), "give the folder that holds COCO's pictures and annotations")
        listed = folder(
            root / "annotations" / f"instances_{split}.json", f"unpack COCO's annotations in {root}"
        )
        folder(root / split, f"unpack {split}.zip in {root}")
        whole = _parsed(listed)
        try:
            self.classes, self._label = _classes(whole["categories"], listed)
            # The same entry twice is one; pictures that share an id or a file are told apart by nothing.
            same = {(_id(row["id"]), _name(row)): row for row in whole["images"]}
            self._images, self._rows = list(same), list(same.values())
            self._of = _by_image(whole["annotations"], {image for image, _ in same}, listed)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{listed} is no COCO annotation: {type(error).__name__}: {error}; download it again"
            ) from error
        self._times = Counter(image for image, _ in same), Counter(name for _, name in same)
        super().__init__(root, [f"{split}/{name or f'image {i}'}" for i, name in same], short_side, on_error)

    def read(self, index: int) -> Sample:
        path, (image, name) = self.paths[index], self._images[index]
        if not name:
            why = f"image {image} has no file_name, or one outside of the data set"
            raise BrokenItem("broken annotation", path, why)
        if max(self._times[0][image], self._times[1][name]) > 1:
            why = f"image {image} shares its id or its file with another; give each its own"
            raise BrokenItem("broken annotation", path, why)
        # The name may hold the folder of the split, too.
        place = next((p for p in (self.root / path, self.root / name) if os.path.isfile(p)), self.root / path)
        frames = read_picture(place)
        try:
            objects = self._objects(self._of.get(image, []))
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            why = f"image {image}: {type(error).__name__}: {error}"
            raise BrokenItem("broken annotation", path, why) from error
        stated = self._rows[index].get("width"), self._rows[index].get("height")
        objects = in_upright(objects, place, frames.shape[2:0:-1], stated)
        return Sample(frames, str(image), objects=objects, file=path, index=index)

    def _objects(self, rows: list[Row]) -> Objects:
        """The objects of annotations with their boxes as they are written; raises what is wrong with one."""
        rows = list({repr(row): row for row in rows}.values())  # one that is written twice is one
        boxes = np.array([row["bbox"] for row in rows], np.float64).reshape(len(rows), 4)
        if not (np.isfinite(boxes).all() and (boxes[:, 2:] >= 0).all()):
            raise ValueError("a box has a negative extent, or is not finite")
        there = np.all(boxes[:, 2:] > 0, axis=1)
        rows, boxes = [row for row, is_there in zip(rows, there, strict=True) if is_there], boxes[there]
        labels = np.array([self._label[_id(row["category_id"])] for row in rows], np.int64)
        crowd = np.array([bool(int(row.get("iscrowd") or 0)) for row in rows], bool)
        boxes[:, 2:] += boxes[:, :2]
        return Objects(boxes.astype(np.float32), labels, crowd, crowd)


def _parsed(listed: Path) -> dict[str, Any]:
    """The file as it is, without outlines; raises ValueError for another kind of JSON."""
    try:
        whole = json.loads(text_of(listed), object_hook=_without_outlines)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{listed} is no COCO annotation: {error}; download it again") from error
    kind = "" if isinstance(whole, dict) else "a list of what a detector found"
    rows = [] if kind else whole.get("annotations") or []
    first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    if "caption" in first or "segments_info" in first:
        kind = "captions" if "caption" in first else "a panoptic annotation"
    elif not kind and not rows:
        kind = "a list of pictures without annotations, which dataset folder reads"
    if kind:
        raise InputError(f"{listed} is no COCO annotation with boxes but {kind}; give instances_*.json")
    return whole


def _without_outlines(thing: Row) -> Row:
    thing.pop("segmentation", None)  # most of the file, and not looked at
    return thing


def _id(value: Any) -> int | str:
    """An id that is the same as number and as text; raises ValueError for what is none."""
    if isinstance(value, str):
        return int(value) if value.strip().isdecimal() else value.strip()
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1 != 0:
        raise ValueError(f"{value!r} is no id")
    return int(value)


def _name(row: Row) -> str:
    """Path of a picture below its folder; empty where there is none, or it leads out of it."""
    name = PurePosixPath(str(row.get("file_name") or "").replace("\\", "/").lstrip("/"))
    return "" if ".." in name.parts or not name.parts else str(name)


def _classes(categories: list[Row], listed: Path) -> tuple[tuple[str, ...], dict[int | str, int]]:
    """Names in the order of their ids, and id → label."""
    names = {_id(row["id"]): str(row["name"]) for row in categories}
    if len(names) < len(categories):
        raise InputError(f"{listed} has two categories of one id; give each its own")
    order = sorted(names, key=lambda i: (isinstance(i, str), i))
    return tuple(names[i] for i in order), {i: k for k, i in enumerate(order)}


def _by_image(annotations: list[Row], images: set[int | str], listed: Path) -> dict[int | str, list[Row]]:
    """The annotations of each picture."""
    found: dict[int | str, list[Row]] = defaultdict(list)
    for row in annotations:
        found[_id(row["image_id"])].append(row)
    if lost := found.keys() - images:
        if len(lost) == len(found):
            raise InputError(f"{listed}: no annotation is of a picture that it lists; do their ids differ?")
        some = ", ".join(map(str, list(lost)[:5]))
        log.warning("%s has annotations of %d pictures that it does not list: %s", listed, len(lost), some)
    return {image: rows for image, rows in found.items() if image in images}
