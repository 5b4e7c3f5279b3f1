"""Somebody's own material: reader | data set | arrays, with what is known of each → random squares, targets alike.

A target may be anything. Boxes, of a reader or under "boxes" of a dict, are moved with the square that is cut out.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mvlib.datasets import Squares, reader_of
from mvlib.errors import InputError
from mvlib.samples import Sample


class OwnMaterial:
    """Random squares of somebody's own pictures or clips, as ``batches.Material``.

    Args:
        data: see ``mvlib.datasets.reader_of``.
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
