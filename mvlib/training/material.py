"""Somebody's own material: reader | data set | arrays, with what is known of each → random squares, targets alike.

A target may be anything. Boxes, of a reader or under "boxes" of a dict, are moved with the square that is cut out.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mvlib._planes import to_frames
from mvlib.datasets import Squares, open_dataset
from mvlib.datasets.readers import Reader
from mvlib.errors import InputError, InputTypeError
from mvlib.samples import Sample


class OwnMaterial:
    """Random squares of somebody's own pictures or clips, as ``batches.Material``.

    Args:
        data: see ``reader_of``.
        batch: items of a step.
        size: side of the squares; None is the shorter side of the first item, at most 224.
        seed: what a step shows is drawn from (seed, step) alone.
    """

    def __init__(self, data: Any, batch: int, size: int | None = None, seed: int = 0) -> None:
        self.reader, self.batch = reader_of(data), batch
        self.size = size or min(224, *self._sample(0).frames.shape[1:3])
        self.squares = Squares(self.reader, self.size, seed=seed)

    @property
    def is_video(self) -> bool:
        """Whether the items are clips."""
        return self.reader.is_video

    def draw(self, step: int, rng: np.random.Generator, part: slice) -> tuple[Tensor, list] | tuple[Tensor]:
        """Pictures or clips of a ``part`` of a step, (B, [T,] 3, size, size), and their targets if any is known."""
        self.squares.set_epoch(step)
        chosen = rng.choice(len(self.reader), self.batch, replace=self.batch > len(self.reader))[part]
        drawn = [self._cut(int(index)) for index in chosen]
        x, targets = torch.stack([square for square, _ in drawn]), [target for _, target in drawn]
        return (x,) if all(target is None for target in targets) else (x, targets)

    def _sample(self, index: int) -> Sample:
        sample = self.reader[index]
        if sample is None:
            raise InputError(
                f"item {index} of the data is broken and skipped; open it with on_error='replace'"
            )
        return sample

    def _cut(self, index: int) -> tuple[Tensor, Any]:
        sample = self._sample(index)
        square, box, mirrored = self.squares.placed(sample, index)
        return square, _moved(target_of(sample), box, self.size, mirrored)


class _Items(Dataset):
    """Items of anybody's as samples: pictures or clips, or pairs of one and its target."""

    def __init__(self, items: Sequence) -> None:
        self.items = items
        self.is_video = _frames(self._item(0)[0]).ndim == 4

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        picture, target = self._item(index)
        frames = _frames(picture)
        if (frames.ndim == 4) != self.is_video:
            raise InputError(f"item {index} has shape {frames.shape}; give pictures alone, or clips alone")
        frames = frames if self.is_video else frames[None]
        return Sample(frames, str(index), index=index, target=target)

    def _item(self, index: int) -> tuple[Any, Any]:
        item = self.items[index]
        return tuple(item) if isinstance(item, tuple | list) and len(item) == 2 else (item, None)

    def set_epoch(self, epoch: int) -> None:
        """Nothing is drawn here."""


def reader_of(data: Any, frames: int | None = None) -> Reader | _Items:
    """Whatever holds pictures or clips, as a reader.

    Args:
        data: what ``mvlib.open_dataset`` gives; a folder of pictures or clips; or a sequence, or map-style Dataset,
            whose items are pictures or clips, or pairs of one and its target. Pictures are uint8 (H, W, 3), or float
            tensors (3, H, W) in [0, 1]; clips have one more dimension in front.
        frames: of a folder, so many of each clip; None reads pictures.

    Raises ValueError or TypeError for what is none of these.
    """
    if isinstance(data, str | os.PathLike):
        return open_dataset("folder", Path(data), frames=frames)
    if isinstance(data, Reader | _Items):
        return data
    if not hasattr(data, "__getitem__") or not hasattr(data, "__len__"):
        raise InputTypeError(
            f"data is a {type(data).__name__}; give a data set, a folder, or a list of pictures"
        )
    if not len(data):
        raise InputError("data holds no item; a training needs at least one picture or clip")
    return data if isinstance(data[0], Sample) and hasattr(data, "is_video") else _Items(data)


def _frames(picture: Any) -> np.ndarray:
    """A picture (H, W, 3) or clip (T, H, W, 3) as uint8."""
    if isinstance(picture, Tensor) and picture.is_floating_point():
        if picture.ndim not in (3, 4) or picture.shape[-3] != 3:
            raise InputError(
                f"an item has shape {tuple(picture.shape)}; give tensors (3, H, W) or (T, 3, H, W)"
            )
        low, high = (v.item() for v in picture.aminmax())
        if not (low >= 0 and high <= 1):
            raise InputError(f"an item spans {low:.4g}..{high:.4g}; float tensors lie in [0, 1]")
        return to_frames(picture)
    if isinstance(picture, np.ndarray) and picture.dtype == np.uint8:
        if picture.ndim not in (3, 4) or picture.shape[-1] != 3:
            raise InputError(f"an item has shape {picture.shape}; give arrays (H, W, 3) or (T, H, W, 3)")
        return picture
    kind = getattr(picture, "dtype", type(picture).__name__)
    raise InputTypeError(
        f"an item is {kind}; give uint8 arrays (H, W, 3), or float tensors (3, H, W) in [0, 1]"
    )


def target_of(sample: Sample) -> Any:
    """What is known of a sample: its own target or label, or {"boxes": float32 (n, 4), "labels": int64 (n,)}."""
    if sample.objects is not None:
        counted = ~sample.objects.ignored
        return {
            "boxes": torch.from_numpy(sample.objects.boxes[counted]),
            "labels": torch.from_numpy(sample.objects.labels[counted]),
        }
    return sample.label if sample.target is None else sample.target


def _moved(target: Any, box: tuple[int, int, int, int], size: int, mirrored: bool) -> Any:
    """``target`` of a square (left, top, right, bottom) that became ``size`` pixels wide; boxes outside it go."""
    if not isinstance(target, Mapping) or "boxes" not in target:
        return target
    left, top, right, bottom = box
    boxes = torch.as_tensor(target["boxes"], dtype=torch.float32).reshape(-1, 4)
    scale = torch.tensor([size / (right - left), size / (bottom - top)] * 2)
    boxes = ((boxes - torch.tensor([left, top, left, top])) * scale).clamp(0, size)
    if mirrored:
        boxes = torch.stack([size - boxes[:, 2], boxes[:, 1], size - boxes[:, 0], boxes[:, 3]], 1)
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    moved = {"boxes": boxes[inside]}
    if "labels" in target:
        moved["labels"] = torch.as_tensor(target["labels"])[inside]
    return {**target, **moved}
