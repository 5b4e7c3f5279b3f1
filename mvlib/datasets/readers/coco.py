"""COCO detection: instances_*.json → pycocotools → picture with boxes, labels, crowds."""

import contextlib
import io
from pathlib import Path

import numpy as np
from torchvision.datasets import CocoDetection

from mvlib.errors import InputError

from .reader import BrokenItem, Reader, folder, read_picture
from .sample import Objects, Sample


class COCO(Reader):
    """COCO detection: ``root/val2017/*.jpg`` with ``root/annotations/instances_val2017.json``.

    ``classes`` are the file's categories in the order of their ids, so that labels run from 0 without COCO's gaps.
    A picture without objects is a picture without objects; boxes without extent are left out.

    Args:
        root: the folder that holds the pictures' folder and annotations.
        split: "train2017", "val2017" and the like; "train" and "val" mean 2017.
        short_side, on_error: see ``Reader``.

    Raises FileNotFoundError for a missing folder or file, ValueError for one that is no COCO annotation.
    """

    def __init__(
        self, root: str | Path, split: str = "val2017", short_side: int | None = None, on_error: str = "stop"
    ) -> None:
        split = f"{split}2017" if split in ("train", "val") else split
        root = folder(Path(root), "give the folder that holds COCO's pictures and annotations")
        listed = folder(
            root / "annotations" / f"instances_{split}.json", f"unpack COCO's annotations in {root}"
        )
        pictures = folder(root / split, f"unpack {split}.zip in {root}")
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # pycocotools tells how long it took
                coco = CocoDetection(pictures, listed)
                self.coco, self.ids = coco.coco, coco.ids
                categories = self.coco.loadCats(sorted(self.coco.getCatIds()))
                paths = [f"{split}/{row['file_name']}" for row in self.coco.loadImgs(self.ids)]
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            raise InputError(
                f"{listed} is no COCO annotation: {type(error).__name__}: {error}; download it again"
            ) from error
        self.classes = tuple(c["name"] for c in categories)
        self._label = {c["id"]: k for k, c in enumerate(categories)}
        super().__init__(root, paths, short_side, on_error)

    def read(self, index: int) -> Sample:
        path, image = self.paths[index], self.ids[index]
        frames = read_picture(self.root / path)
        rows = self.coco.loadAnns(self.coco.getAnnIds(imgIds=image))
        try:
            rows = [row for row in rows if min(row["bbox"][2:]) > 0]
            boxes = np.array([row["bbox"] for row in rows], np.float32).reshape(-1, 4)
            labels = np.array([self._label[row["category_id"]] for row in rows], np.int64)
            area = np.array([row.get("area", row["bbox"][2] * row["bbox"][3]) for row in rows], np.float32)
        except (KeyError, TypeError, ValueError) as error:
            why = f"image {image}: {type(error).__name__}: {error}"
            raise BrokenItem("broken annotation", path, why) from error
        boxes[:, 2:] += boxes[:, :2]
        crowd = np.array([row.get("iscrowd", 0) for row in rows], bool)
        return Sample(frames, path, str(image), index, objects=Objects(boxes, labels, crowd, crowd, area))
