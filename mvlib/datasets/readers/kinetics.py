"""Kinetics-400: class folders or a CSV of video files → window of frames by seeking → clips with labels."""

import csv
from pathlib import Path

import numpy as np
from torchvision.datasets.folder import find_classes, make_dataset
from torchvision.models.video import R3D_18_Weights

from mvlib.errors import InputError

from ..window import TooShort, read_window
from .reader import BrokenItem, Reader, folder
from .sample import Sample

EXTENSIONS = (".mp4", ".avi", ".mkv", ".webm")
KINETICS_400: tuple[str, ...] = tuple(R3D_18_Weights.DEFAULT.meta["categories"])


class Kinetics400(Reader):
    """Kinetics-400 (600 and 700 alike): short clips of human actions.

    Two layouts: class folders, ``root/val/abseiling/*.mp4``, as torchvision's reader expects them; or a CSV file,
    either the official one with the columns label, youtube_id, time_start, time_end (of which the file name
    ``ID_000012_000022.mp4`` is made) or lines of "path,label" (or "path label") below ``root``. Labels may be names
    or numbers. Names are numbered as the published networks number Kinetics-400, however many of its classes are
    on disk, and in alphabetical order where they are not of Kinetics-400.

    Args:
        root: the folder that holds the splits' folders.
        split: "train", "val" or "test": the folder below ``root``, and which rows of a CSV count.
        listed: the CSV file; None reads class folders.
        frames, stride: the window: T frames, every ``stride``-th.
        window: "centre" or "random" (from seed, epoch and index alone).
        seed: of the random windows.
        short_side, on_error: see ``Reader``; a video that is shorter than the window counts as "too short".
    """

    is_video = True

    def __init__(
        self, root: str | Path, split: str = "val", listed: str | Path | None = None, frames: int = 16,
        stride: int = 4, window: str = "centre", seed: int = 0, short_side: int | None = None,
        on_error: str = "stop",
    ) -> None:  # fmt: skip
        if window not in ("centre", "random"):
            raise InputError(f"window={window!r} does not exist, choose centre or random")
        if frames < 1 or stride < 1:
            raise InputError(f"frames={frames} and stride={stride} must be at least 1")
        self.frames, self.stride, self.window, self.seed = frames, stride, window, seed
        root = folder(Path(root), "give the folder that holds Kinetics' train, val and test")
        rows = _from_folders(root / split) if listed is None else _from_csv(Path(listed), split)
        self.split = split
        self.classes, self.labels = _numbered([label for _, label in rows])
        super().__init__(root, [path for path, _ in rows], short_side, on_error)

    def read(self, index: int) -> Sample:
        path, at = self.paths[index], 0.5
        if self.window == "random":
            at = float(np.random.default_rng((self.seed, self._epoch.value, index)).random())
        if self.labels[index] is None:
            raise BrokenItem("missing annotation", path)
        try:
            frames = read_window(self._place(path, index), self.frames, self.stride, at).frames
        except FileNotFoundError:
            raise BrokenItem("missing file", path) from None
        except TooShort as error:
            raise BrokenItem("too short", path, str(error)) from error
        except OSError as error:
            why = (
                getattr(error.__cause__, "strerror", None) or error
            )  # PyAV's own words, without the path again
            raise BrokenItem("broken file", path, str(why)) from error
        return Sample(frames, path, Path(path).stem, index, label=self.labels[index])

    def _place(self, path: str, index: int) -> Path:
        """Where a listed file lies: below the root, below the split's folder, or in its class's folder there."""
        name, top = self.classes[self.labels[index]], self.root / self.split
        tries = [folder / path for folder in (self.root, top, top / name, top / name.replace(" ", "_"))]
        return next((place for place in tries if place.is_file()), tries[0])


def _numbered(labels: list[str]) -> tuple[tuple[str, ...], list[int | None]]:
    """Class names, and the index of each label; None where there is none."""
    labels = [label.replace("_", " ") for label in labels]
    names = sorted({label for label in labels if not label.isdigit()} - {""})
    highest = max((int(label) for label in labels if label.isdigit()), default=-1)
    if set(names) <= set(KINETICS_400) and highest < len(KINETICS_400):
        names = list(KINETICS_400)
    names += [f"class {k}" for k in range(len(names), highest + 1)]
    index_of = {name: k for k, name in enumerate(names)}
    return tuple(names), [int(label) if label.isdigit() else index_of.get(label) for label in labels]


def _from_folders(top: Path) -> list[tuple[str, str]]:
    folder(top, "it should hold a folder a class; or give the CSV file that lists the videos")
    names, index_of = find_classes(top)
    found = make_dataset(top, index_of, EXTENSIONS, allow_empty=True)
    return [(str(Path(path).relative_to(top.parent)), names[k]) for path, k in found]


def _from_csv(path: Path, split: str) -> list[tuple[str, str]]:
    """(file, label) of each row of ``split``; an empty label is a missing one."""
    folder(path, "it should list the videos: the official CSV, or lines of path,label")
    with path.open(newline="", encoding="utf-8") as file:
        head = file.readline()
        file.seek(0)
        if "youtube_id" in head:
            rows = [row for row in csv.DictReader(file) if row.get("split", split) in (split, "validate")]
            return [(_official_name(row, path), row.get("label") or "") for row in rows]
        rows = [line.strip().rsplit("," if "," in line else None, 1) for line in file if line.strip()]
    if rows and rows[0][-1].strip().lower() in ("label", "class"):
        rows = rows[1:]
    return [(row[0].strip(), row[1].strip().strip('"') if len(row) > 1 else "") for row in rows]


def _official_name(row: dict[str, str], path: Path) -> str:
    try:
        begin, end = int(float(row["time_start"])), int(float(row["time_end"]))
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"{path} has no time_start and time_end for {row.get('youtube_id')!r}; give the official CSV"
        ) from None
    return f"{row['youtube_id']}_{begin:06d}_{end:06d}.mp4"
