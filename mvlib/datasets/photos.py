"""Photographs for training and testing: file → uint8 picture (kept) → crop, resize, flip → float [0, 1].

Every random choice is drawn from (seed, epoch, index) alone, so that it does not matter which worker
process loads a picture, in which order, or how often.
"""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mvlib.errors import InputError, MissingFile
from mvlib.media import Unreadable

from ._manifest import count, labels
from ._root import RESTORE, Item, Split, read_manifest
from .crops import check_crop, square_box


class Photos(Split):
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
        check_crop(crop)
        columns = {"width": count, "height": count, "label": labels}
        self.meta: list[Item] = read_manifest("photos.csv", split, columns=columns)
        smallest = min((min(int(m.row["width"]), int(m.row["height"])) for m in self.meta), default=size)
        if not 1 <= size <= smallest:
            raise InputError(
                f"size={size} is outside 1..{smallest}, the shortest side of a photograph in {split!r}: "
                "enlarging would give the codec pixels that no camera saw"
            )
        super().__init__(split)
        self.size, self.crop, self.seed = size, crop, seed
        self.flip = split == "train" if flip is None else flip
        self._decoded: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.meta)

    def __getitem__(self, index: int) -> Tensor:
        """Return picture ``index``, cropped and perhaps mirrored: float32 (3, size, size) in [0, 1]."""
        index = self._checked(index)
        picture = self.uint8(index)
        rng = np.random.default_rng((self.seed, self.epoch, index))
        box = square_box(*picture.shape[:2], self.size, self.crop, rng)
        square = Image.fromarray(picture).crop(box).resize((self.size, self.size), Image.Resampling.LANCZOS)
        out = torch.from_numpy(np.array(square)).permute(2, 0, 1)  # (3, size, size), uint8
        if self.flip and rng.random() < 0.5:
            out = out.flip(2)
        return out.contiguous().float() / 255

    def item(self, index: int) -> Item:
        """Return file, source, labels, author and licence of picture ``index``."""
        return self.meta[self._checked(index)]

    def uint8(self, index: int) -> np.ndarray:
        """Return the whole picture ``index`` as stored: uint8 (H, W, 3). It is decoded once, then kept."""
        index = self._checked(index)
        if index not in self._decoded:
            self._decoded[index] = _decode(self.meta[index])
        return self._decoded[index]


def _decode(item: Item) -> np.ndarray:
    item.check()
    try:
        with Image.open(item.path) as picture:
            pixels = np.array(picture.convert("RGB"))
    except FileNotFoundError:
        raise MissingFile(f"{item.path} is in the manifest but not on disk: {RESTORE}") from None
    except (OSError, SyntaxError) as why:
        raise Unreadable(f"{item.path} cannot be decoded ({why}): {RESTORE}") from why
    pixels.flags.writeable = False  # it is shared between calls
    return pixels
