"""Photographs, and cut-outs to build scenes from: file → uint8 picture (kept) → crop, resize, flip → float [0, 1].

Every random choice is drawn from (seed, epoch, index) alone, so that it does not matter which worker process loads a
picture, in which order, or how often. ``data/README.md`` names their sources.
"""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mvlib.errors import InputError, choose

from ._manifest import count, labels, maybe, number, some
from ._root import Item, Split, read_manifest
from .squares import CROPS, cut_square


class Photos(Split[np.ndarray]):
    """The photographs of one split as float tensors (3, size, size) in [0, 1], RGB.

    Args:
        split: "train", "val" or "test"; split by original picture, so no original is in two of them.
        size: side of the square that comes out, in pixels.
        crop: "random" takes a square whose side is drawn between ``size`` and the shorter side of the
            picture, anywhere in it; "centre" takes the largest centred square; "whole" squeezes the whole
            picture into the square, border included. All three are then resized to ``size`` with an
            antialiased Lanczos filter.
        flip: mirror left to right with probability 1/2; None means for "train" only.
        seed: together with the epoch (``set_epoch``) and the index it fixes every random choice.

    Raises ValueError for an unknown split or crop, or if ``size`` exceeds the shorter side of a picture
    (nothing is enlarged), and OSError naming the file if one is missing or damaged.
    """

    kind = "picture"

    def __init__(
        self,
        split: str = "train",
        size: int = 224,
        crop: str = "random",
        flip: bool | None = None,
        seed: int = 0,
    ) -> None:
        choose("crop", crop, CROPS)
        columns = {"width": count, "height": count, "label": labels}
        meta = read_manifest("photos.csv", split, columns=columns)
        smallest = min((m.shorter_side for m in meta), default=size)
        if not 1 <= size <= smallest:
            raise InputError(
                f"size={size} is outside 1..{smallest}, the shortest side of a photograph in {split!r}: "
                "enlarging would give the codec pixels that no camera saw"
            )
        super().__init__(split, meta)
        self.size, self.crop, self.seed = size, crop, seed
        self.flip = split == "train" if flip is None else flip

    def __getitem__(self, index: int) -> Tensor:
        """Return picture ``index``, cropped and perhaps mirrored: float32 (3, size, size) in [0, 1]."""
        index = self._checked(index)
        picture = self.uint8(index)
        rng = np.random.default_rng((self.seed, self.epoch, index))
        square = cut_square(picture, self.size, self.crop, rng)
        out = torch.from_numpy(square).permute(2, 0, 1)  # (3, size, size), uint8
        if self.flip and rng.random() < 0.5:
            out = out.flip(2)
        return out.contiguous().float() / 255

    def uint8(self, index: int) -> np.ndarray:
        """Return the whole picture ``index`` as stored: uint8 (H, W, 3). It is decoded once, then kept."""
        return self._whole(index)

    def decode(self, item: Item) -> np.ndarray:
        return item.pixels(lambda path: np.array(Image.open(path).convert("RGB")))


_COLUMNS = {"name": some, "category": some, "coco": maybe, "asymmetry": number}


@dataclass(frozen=True)
class Cutout:
    """A photograph of one thing with alpha, so that whoever pastes it somewhere knows class, box and outline exactly.

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
