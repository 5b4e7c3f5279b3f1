"""Squares out of pictures and clips of any size: where to cut → crop, resize, flip → float [0, 1].

Every random choice is drawn from (seed, epoch, index) alone, so that it does not matter which worker process
loads an item, in which order, or how often.
"""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as TF

from mvlib.errors import InputError, choose
from mvlib.samples import Sample, Samples

from ._root import Epoch

CROPS = ("random", "centre", "whole")
Box = tuple[int, int, int, int]


def square_box(shape: Sequence[int], size: int, crop: str, rng: np.random.Generator) -> Box:
    """Which part of a picture of ``shape`` (height, width) becomes the square: left, top, right, bottom in pixels.

    "random" draws a side between ``size`` and the shorter side, anywhere; "centre" takes the largest centred
    square; "whole" everything. Where the shorter side is below ``size``, a random square is as large as it gets.
    """
    height, width = shape
    if crop == "whole":
        return 0, 0, width, height
    side = min(height, width)
    if crop == "centre":
        left, top = (width - side) // 2, (height - side) // 2
        return left, top, left + side, top + side
    side = int(rng.integers(min(size, side), side + 1))
    left, top = int(rng.integers(0, width - side + 1)), int(rng.integers(0, height - side + 1))
    return left, top, left + side, top + side


def cut_square(picture: np.ndarray, size: int, crop: str, rng: np.random.Generator) -> np.ndarray:
    """The square of a picture uint8 (H, W, 3), see ``square_box``, by antialiased Lanczos: uint8 (size, size, 3)."""
    part = Image.fromarray(picture).crop(square_box(picture.shape[:2], size, crop, rng))
    return np.array(part.resize((size, size), Image.Resampling.LANCZOS))


class Squares(Dataset):
    """Squares of the pictures or clips of a reader, to train on: float32 in [0, 1], RGB.

    An item is (3, size, size) where the reader gives pictures, (T, 3, size, size) where it gives clips, all frames
    cut alike. Boxes are not kept.

    Args:
        reader: what ``open_dataset`` gives; with on_error="replace" a broken file does not end an epoch.
        size: side of the square in pixels; a smaller picture is enlarged, which small data sets of the web need.
        crop: see ``square_box``; resized with an antialiased bicubic filter.
        flip: mirror left to right with probability 1/2.
        seed: together with the epoch (``set_epoch``) and the index it fixes every random choice.
    """

    def __init__(
        self, reader: Samples, size: int, crop: str = "random", flip: bool = True, seed: int = 0
    ) -> None:
        choose("crop", crop, CROPS)
        if size < 1:
            raise InputError(f"size={size} must be at least 1 pixel")
        self.reader, self.size, self.crop, self.flip, self.seed = reader, size, crop, flip, seed
        self._epoch = Epoch()

    def __len__(self) -> int:
        return len(self.reader)

    def __getitem__(self, index: int) -> Tensor | None:
        """Square ``index``; None where the reader skips a broken item."""
        sample = self.reader[index]
        return None if sample is None else self.cut(sample, index % len(self))

    def cut(self, sample: Sample, index: int = 0) -> Tensor:
        """The square of ``sample``, drawn as item ``index``."""
        return self.placed(sample, index)[0]

    def placed(self, sample: Sample, index: int = 0) -> tuple[Tensor, Box, bool]:
        """The square of ``sample``, drawn as item ``index``, where it was cut out, and whether it was mirrored."""
        rng = np.random.default_rng((self.seed, self._epoch.value, index))
        left, top, right, bottom = square_box(sample.frames.shape[1:3], self.size, self.crop, rng)
        cut = torch.from_numpy(sample.frames[:, top:bottom, left:right].transpose(0, 3, 1, 2).copy())
        out = TF.resize(cut, [self.size, self.size], InterpolationMode.BICUBIC, antialias=True)
        mirrored = self.flip and rng.random() < 0.5
        out = (out.flip(3) if mirrored else out).contiguous().float() / 255
        square = out if self.reader.is_video else out[0]  # a clip may have one frame
        return square, (left, top, right, bottom), mirrored

    def set_epoch(self, epoch: int) -> None:
        """Draw other squares (and windows of clips) from now on, in running worker processes too."""
        self._epoch.value = epoch
        self.reader.set_epoch(epoch)
