"""Find data/ and read its manifests: MVLIB_DATA or the checkout → manifest rows → one ``Item`` a file."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mvlib.errors import InputError, MissingFile
from mvlib.media import TooShort, Unreadable

from ._manifest import RESTORE, Check, check_content, inside, one_of, read_rows, some

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Item:
    """One row of a manifest: where the file is, what it came from, what it shows.

    ``labels`` holds every ImageNet-1k index that counts as right (empty: nobody knows), ``source_id`` is the
    same for all files cut from one original, and ``row`` is the whole row with author and licence.
    """

    path: Path
    source_id: str
    labels: tuple[int, ...]
    row: dict[str, str]

    @property
    def file(self) -> str:
        """Path below data/, as the manifest writes it."""
        return self.row["file"]

    @property
    def label(self) -> int | None:
        """The first acceptable ImageNet index, or None where the picture has no label."""
        return self.labels[0] if self.labels else None

    @property
    def shorter_side(self) -> int:
        """Of a picture or film, in pixels, as the manifest says."""
        return min(int(self.row["width"]), int(self.row["height"]))

    def pixels(self, read: Callable[[Path], np.ndarray]) -> np.ndarray:
        """What ``read`` makes of the file, read-only, for it is shared between calls.

        Raises FileNotFoundError if it is missing, OSError if it is damaged or not the one that the manifest means.
        """
        if sha256 := self.row.get("sha256", ""):
            check_content(self.path, sha256)
        try:
            pixels = read(self.path)
        except FileNotFoundError:
            raise MissingFile(f"{self.path} is in the manifest but not on disk: {RESTORE}") from None
        except (OSError, SyntaxError, TooShort) as why:
            raise Unreadable(f"{self.path} cannot be decoded ({why}): {RESTORE}") from why
        pixels.flags.writeable = False
        return pixels


def data_root() -> Path:
    """Return the folder that holds photos.csv and clips.csv.

    The environment variable ``MVLIB_DATA`` wins; otherwise it is ``data/`` beside the package, where an
    editable install from a checkout has it. Raises FileNotFoundError if neither is there.
    """
    named = os.environ.get("MVLIB_DATA")
    root = Path(named) if named else Path(__file__).resolve().parents[2] / "data"
    if (root / "photos.csv").is_file() or (root / "clips.csv").is_file():
        return root
    raise MissingFile(
        f"no photos.csv or clips.csv in {root}"
        + (" (from MVLIB_DATA)" if named else "")
        + ": photographs and clips lie in data/ of the project's repository and don't come with an installed "
        "package. Get a checkout and install it with `pip install -e .`, or set MVLIB_DATA to its data/ or to a "
        "folder made by its `python data/build_data.py --out FOLDER`"
    )


def read_manifest(
    name: str, split: str, splits: tuple[str, ...] = SPLITS, columns: Mapping[str, Check] | None = None
) -> list[Item]:
    """Read the rows of one split from ``data/<name>``, in the order of the file.

    Args:
        columns: those that there must be besides file, split and source_id, and what their values are.

    Raises ValueError for an unknown split and a value that is not what it should be, FileNotFoundError for a missing
    manifest.
    """
    if split not in splits:
        raise InputError(f"split={split!r} does not exist, choose one of {', '.join(splits)}")
    root = data_root()
    manifest = root / name
    if not manifest.is_file():
        raise MissingFile(f"{manifest} is missing: {RESTORE}")
    columns = {"file": inside(root), "split": one_of(splits), "source_id": some, **(columns or {})}
    rows = read_rows(manifest, columns)
    if len({row["file"] for row in rows}) < len(rows):
        files = [row["file"] for row in rows]
        twice = next(file for file in files if files.count(file) > 1)
        raise InputError(f"{manifest} lists {twice} more than once: {RESTORE}")
    return [_item(root, row) for row in rows if row["split"] == split]


def _item(root: Path, row: dict[str, str]) -> Item:
    labels = tuple(int(k) for k in row.get("label", "").split())
    return Item(root / row["file"], row["source_id"], labels, row)
