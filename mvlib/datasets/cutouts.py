"""Photographic cut-outs to build scenes from: WebP with alpha → uint8 RGBA (kept) → name, category, COCO class.

They come from real photographs of one thing each, at most 160 px long, so that whoever pastes them somewhere
knows class, box and outline exactly. ``data/README.md`` names their source.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from torch.utils.data import Dataset

from mvlib.errors import MissingFile
from mvlib.media import Unreadable

from ._manifest import maybe, number, some
from ._root import RESTORE, Item, read_manifest

_COLUMNS = {"name": some, "category": some, "coco": maybe, "asymmetry": number}


@dataclass(frozen=True)
class Cutout:
    """One cut-out.

    Attributes:
        rgba: uint8 (H, W, 4), straight (not premultiplied) alpha, read-only, at most 160 px a side.
        name: what it shows, such as "rubberduck".
        category: animals, birds, food, plants, things or vehicles.
        coco: name of its COCO class, or "" where none fits.
        source_id: the same for all pictures of one thing; no source is in two splits.
        asymmetry: how visible a turn is: near 0 for a plain ball, about 1 and more for most things.
    """

    rgba: np.ndarray
    name: str
    category: str
    coco: str
    source_id: str
    asymmetry: float


class Cutouts(Dataset):
    """The cut-outs of one split, in the order of the manifest.

    Args:
        split: "train", "val" or "test"; split by the thing shown.
        coco: only those with a COCO class.

    Raises ValueError for an unknown split, and OSError naming the file if one is missing or damaged.
    """

    def __init__(self, split: str = "train", coco: bool = False) -> None:
        self.split = split
        self.meta: list[Item] = [
            m for m in read_manifest("cutouts.csv", split, columns=_COLUMNS) if m.row["coco"] or not coco
        ]
        self._decoded: dict[int, Cutout] = {}

    def __len__(self) -> int:
        return len(self.meta)

    def __getitem__(self, index: int) -> Cutout:
        """Return cut-out ``index``; it is decoded once, then kept."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"cut-out {index} does not exist, {self.split!r} holds 0..{len(self) - 1}")
        index %= len(self)
        if index not in self._decoded:
            self._decoded[index] = _decode(self.meta[index])
        return self._decoded[index]

    def item(self, index: int) -> Item:
        """Return file, source, author and licence of cut-out ``index``."""
        return self.meta[index]


def _decode(item: Item) -> Cutout:
    item.check()
    try:
        with Image.open(item.path) as picture:
            rgba = np.array(picture.convert("RGBA"))
    except FileNotFoundError:
        raise MissingFile(f"{item.path} is in the manifest but not on disk: {RESTORE}") from None
    except (OSError, SyntaxError) as why:
        raise Unreadable(f"{item.path} cannot be decoded ({why}): {RESTORE}") from why
    rgba.flags.writeable = False  # it is shared between calls
    row = item.row
    return Cutout(rgba, row["name"], row["category"], row["coco"], item.source_id, float(row["asymmetry"]))
