"""Kinetics-400: class folders or a CSV of video files → window of frames by seeking → clips with labels."""

import logging
import os
import re
from collections import Counter
from pathlib import Path

from torchvision.models.video import R3D_18_Weights

from mvlib.errors import MissingFile, choose
from mvlib.samples import Sample

from .files import CLIPS, ClipReader, class_folders, media_files
from .kinetics_csv import ListedVideo, once, read_csv, same_split
from .reader import BrokenItem, folder

log = logging.getLogger("mvlib.datasets")
KINETICS_400: tuple[str, ...] = tuple(R3D_18_Weights.DEFAULT.meta["categories"])
NUMBERINGS = ("auto", "kinetics400", "alphabet")


class Kinetics400(ClipReader):
    """Kinetics-400 (600 and 700 alike): short clips of human actions.

    Two layouts: class folders, ``root/val/abseiling/*.mp4``, as torchvision's reader expects them; or a CSV file,
    see ``read_csv``: the official one, whose videos may lie anywhere below ``root/val``, with time stamps in
    their names (``ID_000012_000022.mp4``) or without; or lines of "path,label" (or "path label") below ``root``.

    Args:
        root: the folder that holds the splits' folders.
        split: "train", "val" or "test": the folder below ``root``, and which rows of a CSV count.
        listed: the CSV file; None reads class folders.
        frames, stride, window, seed: see ``ClipReader``.
        numbering: "kinetics400" numbers classes as the published networks do, however many of them are on disk, and
            leaves out folders and rows of another name; "alphabet" numbers whatever names there are in their order;
            "auto" takes the former where most names are of Kinetics-400, all but two or a quarter of them.
        short_side, on_error: see ``Reader``.
    """

    gives = ("label",)

    def __init__(
        self, root: str | Path, split: str = "val", listed: str | Path | None = None, frames: int = 16,
        stride: int = 4, window: str = "centre", seed: int = 0, numbering: str = "auto",
        short_side: int | None = None, on_error: str = "stop",
    ) -> None:  # fmt: skip
        choose("numbering", numbering, NUMBERINGS)
        root = folder(Path(root), "give the folder that holds Kinetics' train, val and test")
        top = next((root / name for name in same_split(split) if (root / name).is_dir()), root / split)
        passed: Counter = Counter()
        rows = (
            _from_folders(root, top, passed) if listed is None else _from_csv(Path(listed), split, root, top)
        )
        self.top = top
        self.classes, self.labels = _numbered([row.label for row in rows], numbering)
        if listed is None:  # a folder that is no class isn't of the data set; a row of a list is broken
            rows = self._without_strays(rows, passed)
        self._rows = rows
        paths = [row.path for row in rows]
        super().__init__(root, paths, frames, stride, window, seed, short_side, on_error, passed)

    def _without_strays(self, rows: list[ListedVideo], passed: Counter) -> list[ListedVideo]:
        """Those of ``rows``, and of their labels, that lie in the folder of a class."""
        strays = Counter(row.label for row, label in zip(rows, self.labels, strict=True) if label is None)
        for name, count in strays.items():
            log.warning(
                "Kinetics400 leaves out %d videos in %s: no class of Kinetics-400 is called so; "
                "numbering=alphabet takes every folder as a class",
                count, self.top / name,
            )  # fmt: skip
            passed[f"in {name}, which is no class"] += count
        kept = [row for row, label in zip(rows, self.labels, strict=True) if label is not None]
        self.labels = [label for label in self.labels if label is not None]
        return kept

    def read(self, index: int) -> Sample:
        path, row, label = self.paths[index], self._rows[index], self.labels[index]
        if row.wrong:
            raise BrokenItem("broken annotation", path, row.wrong)
        if label is None:
            why = f"{row.label!r} is no class" if row.label else ""
            raise BrokenItem("broken annotation" if row.label else "missing annotation", path, why)
        # Windows of one video are not independent.
        source = re.sub(r"_\d{6}_\d{6}$", "", Path(path).stem)
        frames = self.clip(index, self._place(path, self.classes[label]))
        return Sample(frames, source, (label,), file=path, index=index)

    def _place(self, path: str, name: str) -> Path:
        """Where a listed file lies: below the root, below the split's folder, or in its class's folder there."""
        folders = (self.root, self.top, self.top / name, self.top / name.replace(" ", "_"))
        return next((place / path for place in folders if os.path.isfile(place / path)), self.root / path)


def _key(name: str) -> str:
    """The same for all spellings of a class: folders have "_" for a blank, and lose apostrophes."""
    return re.sub(r"[\s_]+", " ", re.sub(r"['’\"]", "", name)).strip().casefold()


_INDEX = {_key(name): k for k, name in enumerate(KINETICS_400)}


def _numbered(labels: list[str], numbering: str) -> tuple[tuple[str, ...], list[int | None]]:
    """Class names, and the index of each label; None where it has none."""
    names = {_key(label): label.replace("_", " ").strip() for label in sorted(labels, reverse=True)}
    names = {key: name for key, name in names.items() if key and not key.isdecimal()}
    highest = max((int(label) for label in labels if label.isdecimal() and len(label) < 5), default=-1)
    strays = len(names.keys() - _INDEX.keys())
    if numbering == "auto":
        few = 2 * strays <= len(names) and strays <= max(2, len(names) // 4)
        numbering = "kinetics400" if few and highest < len(KINETICS_400) else "alphabet"
    if numbering == "kinetics400":
        classes, index_of, most = KINETICS_400, _INDEX, len(KINETICS_400)
    else:
        order = sorted(names, key=names.__getitem__)
        classes = tuple(names[key] for key in order)
        classes += tuple(f"class {k}" for k in range(len(classes), highest + 1))
        index_of, most = {key: k for k, key in enumerate(order)}, len(classes)
    numbers = [int(label) if label.isdecimal() else index_of.get(_key(label)) for label in labels]
    return classes, [k if k is not None and k < most else None for k in numbers]


def _from_folders(root: Path, top: Path, passed: Counter) -> list[ListedVideo]:
    folder(top, "it should hold a folder a class; or give the CSV file that lists the videos")
    rows: list[ListedVideo] = []
    for name, files in class_folders(top, CLIPS, passed):
        rows += [ListedVideo(path.relative_to(root).as_posix(), name) for path in files]
    if not rows and media_files(top, CLIPS)[0]:
        raise MissingFile(
            f"{top} holds videos but no class folders; give the CSV file with their labels, or read the clips as "
            "dataset folder, which needs none"
        )
    return rows


def _from_csv(listed: Path, split: str, root: Path, top: Path) -> list[ListedVideo]:
    """The rows of ``split``, those of the official CSV with the path that their video has below ``root``."""
    folder(listed, "it should list the videos: the official CSV, or lines of path,label")
    rows = read_csv(listed, split)
    if not any(row.stems for row in rows):
        return once(listed, rows)
    for place in (top, root):  # root is the larger, and only needed where the split has no folder of its own
        there: dict[str, list[Path]] = {}
        for path in media_files(place, CLIPS)[0] if place.is_dir() else ():
            there.setdefault(path.stem, []).append(path)
        if any(stem in there for row in rows for stem in row.stems):
            break
    return once(listed, [row.found(there, root, _key) for row in rows])
