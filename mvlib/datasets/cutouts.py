"""Photographic cut-outs to build scenes from: WebP with alpha → uint8 RGBA (kept) → name, category, COCO class.

They come from real photographs of one thing each, at most 160 px long, so that whoever pastes them somewhere
knows class, box and outline exactly. ``data/README.md`` names their source.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ._manifest import maybe, number, some
from ._root import Item, read_manifest
from ._split import Split

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


class Cutouts(Split[Cutout]):
    """The cut-outs of one split, in the order of the manifest.

    Args:
        split: "train", "val" or "test"; split by the thing shown.
        coco: only those with a COCO class.

    Raises ValueError for an unknown split, and OSError naming the file if one is missing or damaged.
    """

    kind = "cut-out"

    def __init__(self, split: str = "train", coco: bool = False) -> None:
        meta = read_manifest("cutouts.csv", split, columns=_COLUMNS)
        super().__init__(split, [item for item in meta if item.row["coco"] or not coco])

    def __getitem__(self, index: int) -> Cutout:
        """Return cut-out ``index``; it is decoded once, then kept."""
        return self._whole(index)

    def decode(self, item: Item) -> Cutout:
        rgba, row = item.pixels(lambda path: np.array(Image.open(path).convert("RGBA"))), item.row
        return Cutout(
            rgba, row["name"], row["category"], row["coco"], item.source_id, float(row["asymmetry"])
        )
