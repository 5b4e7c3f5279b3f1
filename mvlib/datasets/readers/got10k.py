"""GOT-10k: a folder a sequence of numbered JPEGs → frames with box, absence and cover of one object."""

from pathlib import Path

import numpy as np

from mvlib.errors import InputError

from .reader import BrokenItem, Reader, folder, read_picture
from .sample import Sample, Track

SPLITS = ("train", "val", "test")


class GOT10k(Reader):
    """GOT-10k: ``root/val/GOT-10k_Val_000001/{00000001.jpg, …, groundtruth.txt, absence.label, cover.label}``.

    groundtruth.txt holds "x,y,w,h" a line; the test split gives it for the first frame only and has no absence and
    cover: the other boxes are NaN there, as its results are scored by the data set's server.

    Args:
        root: the folder that holds train, val and test.
        split: one of them.
        frames: the first so many frames of each sequence; None: all, which at 1080p is 6 MB a frame.
        stride: every ``stride``-th frame.
        short_side, on_error: see ``Reader``.
    """

    is_video = True

    def __init__(
        self, root: str | Path, split: str = "val", frames: int | None = None, stride: int = 1,
        short_side: int | None = None, on_error: str = "stop",
    ) -> None:  # fmt: skip
        if split not in SPLITS:
            raise InputError(f"split={split!r} does not exist, choose one of {', '.join(SPLITS)}")
        if stride < 1 or (frames is not None and frames < 1):
            raise InputError(f"frames={frames} and stride={stride} must be at least 1")
        top = folder(Path(root) / split, f"give the folder that holds GOT-10k's {', '.join(SPLITS)}")
        self.split, self.frames, self.stride = split, frames, stride
        if (top / "list.txt").is_file():
            names = (top / "list.txt").read_text().split()
        else:
            names = sorted(path.name for path in top.iterdir() if path.is_dir())
        super().__init__(Path(root), [f"{split}/{name}" for name in names], short_side, on_error)

    def read(self, index: int) -> Sample:
        path = self.paths[index]
        files = sorted((self.root / path).glob("*.jpg"))
        if not files:
            raise BrokenItem("missing file", path, "no sequence of JPEGs is there")
        track = _track(self.root / path, len(files), known=self.split != "test")
        chosen = slice(0, None if self.frames is None else self.frames * self.stride, self.stride)
        if self.frames is not None and len(files[chosen]) < self.frames:
            raise BrokenItem("too short", path, f"{len(files)} frames")
        pictures = [read_picture(file) for file in files[chosen]]
        if len({picture.shape for picture in pictures}) > 1:
            raise BrokenItem("broken file", path, "the frames differ in size")
        track = Track(track.boxes[chosen], track.absent[chosen], track.cover[chosen])
        return Sample(np.concatenate(pictures), path, Path(path).name, index, track=track)


def _track(path: Path, count: int, known: bool) -> Track:
    """The annotation of a sequence of ``count`` frames; raises ``BrokenItem``."""
    boxes = _numbers(path / "groundtruth.txt", 4)
    boxes[:, 2:] += boxes[:, :2]
    if not known:
        boxes = np.concatenate([boxes[:1], np.full((count - 1, 4), np.nan, np.float32)])
        return Track(boxes, np.zeros(count, bool), np.full(count, 8))
    absent, cover = _numbers(path / "absence.label", 1)[:, 0], _numbers(path / "cover.label", 1)[:, 0]
    if not len(boxes) == len(absent) == len(cover) == count:
        why = f"{count} frames, {len(boxes)} boxes, {len(absent)} absences, {len(cover)} covers"
        raise BrokenItem("broken annotation", path, why)
    return Track(boxes, absent.astype(bool), cover.astype(np.int64))


def _numbers(path: Path, columns: int) -> np.ndarray:
    """float32 (lines, columns)."""
    try:
        rows = np.loadtxt(path, np.float32, delimiter=",", ndmin=2)
    except FileNotFoundError:
        raise BrokenItem("missing annotation", path) from None
    except (OSError, ValueError) as error:
        raise BrokenItem("broken annotation", path, str(error)) from error
    if not rows.size or rows.shape[1] != columns:
        raise BrokenItem("broken annotation", path, f"{rows.shape[1]} columns in place of {columns}")
    return rows
