"""GOT-10k: a folder a sequence of numbered JPEGs → frames with the box of one object."""

import re
from pathlib import Path

import numpy as np

from mvlib.errors import InputError, choose
from mvlib.samples import Sample

from .._manifest import text_of
from .files import hidden
from .reader import BrokenItem, Reader, folder, read_picture

SPLITS = ("train", "val", "test")


class GOT10k(Reader):
    """GOT-10k: ``root/val/GOT-10k_Val_000001/{00000001.jpg, …, groundtruth.txt, absence.label, cover.label}``.

    groundtruth.txt holds "x,y,w,h" a line, whatever stands between the numbers; the test split gives it for the first
    frame only and has no absence and cover: the other boxes are NaN there, as its results are scored by the data
    set's server. So is a box without extent. A box counts (``visible``) where the object is not absent and some of it
    is not covered.

    Args:
        root: the folder that holds train, val and test.
        split: one of them.
        frames: the first so many frames of each sequence; None: all, which at 1080p is 6 MB a frame.
        stride: every ``stride``-th frame.
        short_side, on_error: see ``Reader``.
    """

    is_video = True
    gives = ("track",)

    def __init__(
        self, root: str | Path, split: str = "val", frames: int | None = None, stride: int = 1,
        short_side: int | None = None, on_error: str = "stop",
    ) -> None:  # fmt: skip
        choose("split", split, SPLITS)
        if stride < 1 or (frames is not None and frames < 1):
            raise InputError(f"frames={frames} and stride={stride} must be at least 1")
        top = folder(Path(root) / split, f"give the folder that holds GOT-10k's {', '.join(SPLITS)}")
        self.split, self.frames, self.stride = split, frames, stride
        if (top / "list.txt").is_file():
            names = list(dict.fromkeys(text_of(top / "list.txt").split()))
        else:
            names = sorted(path.name for path in top.iterdir() if path.is_dir() and not hidden(path.name))
        super().__init__(Path(root), [f"{split}/{name}" for name in names], short_side, on_error)

    def read(self, index: int) -> Sample:
        path = self.paths[index]
        files = _numbered(self.root / path)
        boxes, visible = _track(self.root / path, len(files), known=self.split != "test")
        chosen = slice(0, None if self.frames is None else self.frames * self.stride, self.stride)
        if self.frames is not None and len(files[chosen]) < self.frames:
            raise BrokenItem("too short", path, f"{len(files)} frames")
        pictures = [read_picture(file) for file in files[chosen]]
        if len({picture.shape for picture in pictures}) > 1:
            raise BrokenItem("broken file", path, "the frames differ in size")
        boxes, visible = boxes[chosen], visible[chosen]
        outside = (boxes[:, 2:] <= 0).any(1) | (boxes[:, :2] >= pictures[0].shape[2:0:-1]).any(1)
        if (outside & visible).any():
            raise BrokenItem("broken annotation", path, "a box of what is in view lies outside the picture")
        frames, source = np.concatenate(pictures), Path(path).name
        return Sample(frames, source, boxes=boxes, visible=visible, file=path, index=index)


def _numbered(place: Path) -> list[Path]:
    """The frames of a sequence in their order; raises ``BrokenItem`` where one is missing or there twice."""
    there = place.iterdir() if place.is_dir() else ()
    files = [f for f in there if f.suffix.lower() in (".jpg", ".jpeg") and f.stem.isdecimal()]
    files.sort(key=lambda file: int(file.stem))
    if not files:
        raise BrokenItem("missing file", place, "no sequence of JPEGs is there")
    for file, before in zip(files[1:], files, strict=False):
        if int(file.stem) == int(before.stem):
            raise BrokenItem("broken file", place, f"{before.name} and {file.name} are one frame")
        if int(file.stem) > int(before.stem) + 1:
            raise BrokenItem("missing file", place, f"no frame lies between {before.name} and {file.name}")
    if int(files[0].stem) > 1:
        raise BrokenItem("missing file", place, f"the first frame is {files[0].name}")
    return files


def _track(path: Path, count: int, known: bool) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (T, 4) of a sequence of ``count`` frames, and in which they count (T,); raises ``BrokenItem``."""
    boxes = _numbers(path / "groundtruth.txt", 4)
    boxes[~(boxes[:, 2:] > 0).all(1)] = np.nan
    boxes[:, 2:] += boxes[:, :2]
    if not known:
        boxes = np.concatenate([boxes[:1], np.full((count - 1, 4), np.nan, np.float32)])
        return boxes, np.isfinite(boxes).all(1)
    absent, cover = _numbers(path / "absence.label", 1)[:, 0], _numbers(path / "cover.label", 1)[:, 0]
    if not len(boxes) == len(absent) == len(cover) == count:
        why = f"{count} frames, {len(boxes)} boxes, {len(absent)} absences, {len(cover)} covers"
        raise BrokenItem("broken annotation", path, why)
    if not (np.isin(absent, (0, 1)).all() and np.isin(cover, range(9)).all()):
        raise BrokenItem("broken annotation", path, "absences are 0 or 1, covers 0 to 8")
    return boxes, (absent == 0) & (cover > 0) & np.isfinite(boxes).all(1)


def _numbers(path: Path, columns: int) -> np.ndarray:
    """float32 (lines, columns); a column alone may lie in one line."""
    try:
        lines = text_of(path).rstrip().splitlines()
        # Where a semicolon parts the numbers, a comma may stand for the point.
        rows = [re.split(r"[;\s]+" if ";" in line else r"[,\s]+", line.strip(" \t,;")) for line in lines]
        if columns == 1:
            rows = [[word] for row in rows for word in row]
        table = np.array([[float(word.replace(",", ".")) for word in row] for row in rows], np.float32)
    except FileNotFoundError:
        raise BrokenItem("missing annotation", path) from None
    except (OSError, ValueError) as error:
        raise BrokenItem("broken annotation", path, str(error)) from error
    if table.ndim != 2 or table.shape[1] != columns:
        wide = table.shape[1] if table.ndim == 2 else "no"
        raise BrokenItem("broken annotation", path, f"{wide} columns in place of {columns}")
    return table
