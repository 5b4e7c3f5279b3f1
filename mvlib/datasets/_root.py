"""Find data/ and read its manifests: MVLIB_DATA or the checkout → rows → one ``Item`` a file → those of a split.

And epochs that running worker processes see.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch
from torch.utils.data import Dataset, get_worker_info

from mvlib._planes import to_frames
from mvlib.errors import InputError, MissingFile, choose
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
    choose("split", split, splits)
    root = data_root()
    manifest = root / name
    columns = {"file": inside(root), "split": one_of(splits), "source_id": some, **(columns or {})}
    rows = read_rows(manifest, columns)
    times = Counter(row["file"] for row in rows)
    if twice := next((file for file, n in times.items() if n > 1), None):
        raise InputError(f"{manifest} lists {twice} more than once: {RESTORE}")
    return [
        Item(root / row["file"], row["source_id"], tuple(map(int, row.get("label", "").split())), row)
        for row in rows
        if row["split"] == split
    ]


T = TypeVar("T")


class Epoch:
    """A counter in shared memory: set in the main process, it is seen by worker processes that already run.

    What a worker process sets itself is its own from then on: others may be at another step at the same time.
    """

    def __init__(self) -> None:
        self._shared = torch.zeros((), dtype=torch.int64).share_memory_()
        self._own: int | None = None

    @property
    def value(self) -> int:
        return int(self._shared) if self._own is None else self._own

    @value.setter
    def value(self, epoch: int) -> None:
        if epoch < 0:
            raise InputError(f"epoch={epoch} must be 0 or more")
        if get_worker_info() is None:
            self._shared.fill_(int(epoch))
        else:
            self._own = int(epoch)


class Split(Dataset, Generic[T]):
    """The items of one split of a manifest, whose random choices follow from seed, epoch and index.

    Attributes:
        kind: what an error calls one.
        meta: an ``Item`` for each.
    """

    kind = "item"

    def __init__(self, split: str, meta: list[Item]) -> None:
        self.split, self.meta, self._epoch = split, meta, Epoch()
        self._decoded: dict[str, T] = {}

    def __len__(self) -> int:
        return len(self.meta)

    @property
    def epoch(self) -> int:
        """The epoch that random choices are drawn for."""
        return self._epoch.value

    def set_epoch(self, epoch: int) -> None:
        """Draw other crops and flips from now on, in running worker processes too."""
        self._epoch.value = epoch

    def item(self, index: int) -> Item:
        """Return file, source, labels, author and licence of item ``index``, or of the file that it is cut from."""
        return self.meta[self._checked(index)]

    def evenly(self, count: int | None = None) -> list[np.ndarray]:
        """Pictures or clips as uint8 (T, H, W, 3): all, or ``count`` at most, evenly from the first to the last."""
        many = len(self) if count is None else min(count, len(self))
        items = [to_frames(self[int(i)]) for i in np.linspace(0, len(self) - 1, many)]
        return [item.reshape(-1, *item.shape[-3:]) for item in items]

    def decode(self, item: Item) -> T:
        """Read the file of ``item``."""
        raise NotImplementedError

    def _whole(self, index: int) -> T:
        """The whole file of item ``index``, decoded once, then kept."""
        item = self.item(index)
        if item.file not in self._decoded:
            self._decoded[item.file] = self.decode(item)
        return self._decoded[item.file]

    def _checked(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self.kind} {index} does not exist, {self.split!r} holds 0..{len(self) - 1}")
        return index % len(self)
