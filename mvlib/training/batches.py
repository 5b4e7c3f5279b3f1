"""Batches by step number: seed, step → pictures or clips, crops, QPs, always the same.

Of somebody's own data the targets go along. They may be anything; boxes, of a reader or under "boxes" of a dict, are
moved with the square that is cut out.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mvlib.datasets import ActingCutouts, Clips, Photos, Squares, open_dataset, reader_of
from mvlib.datasets.opening import has_splits
from mvlib.datasets.outlined import OutlinedCutouts
from mvlib.errors import InputError
from mvlib.samples import Sample

from .experiment import OUTLINED, Training, VideoTraining

_SCENES = 2**31
SCENE = 16
"""Frames of the scenes whose excerpts a training on outlines sees."""


class Steps(Dataset):
    """Batches by step number: ``steps[s]`` is always the same pictures (or clips), crops and QPs.

    Args:
        part: which items of every batch to load; the others are another process's.
        material: what has ``draw``; None is what ``training`` names.
    """

    def __init__(self, training: Training, part: slice = slice(None), material: "TrainingData | None" = None):
        self.training, self.part = training, part
        self.material = material or material_of(training)

    def __len__(self) -> int:
        return self.training.steps

    @property
    def broken(self) -> dict[str, str]:
        """Files of a public data set that could not be read so far, with the kind of damage."""
        return getattr(getattr(self.material, "reader", None), "broken", {})

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor] | tuple[Tensor, Tensor, list]:
        """Pictures (B, 3, size, size) or clips (B, T, 3, size, size) in [0, 1], QPs (B,), and targets if known."""
        t, rng = self.training, np.random.default_rng((self.training.seed, step))
        drawn = self.material.draw(step, rng, self.part)
        qp = torch.from_numpy(rng.integers(t.qp_low, t.qp_high + 1, t.batch)[self.part]).float()
        return (drawn[0], qp) if len(drawn) == 1 else (drawn[0], qp, drawn[1])


class TrainingData(Protocol):
    """Where the pictures or clips of a training come from."""

    def draw(self, step: int, rng: np.random.Generator, part: slice) -> tuple[Tensor] | tuple[Tensor, list]:
        """Pictures or clips of a ``part`` of a step, (B, [T,] 3, size, size), and what is known of each, if it is."""


def material_of(training: Training) -> TrainingData:
    """Where the pictures or clips of a training come from."""
    if training.dataset is not None:
        return PublicData(training.dataset, training)
    if isinstance(training, VideoTraining):
        return ScenesAndFilms(training)
    return Outlined(training) if training.task in OUTLINED else PhotoCrops(training)


class OwnMaterial:
    """Random squares of somebody's own pictures or clips, a ``TrainingData``.

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


class PublicData(OwnMaterial):
    """Random squares of the pictures, or of random windows of the clips, of a public data set.

    A broken file is named in the log, counted in ``reader.broken`` and stood in for by the next.
    """

    def __init__(self, dataset: str, training: Training):
        options: dict[str, Any] = {"on_error": "replace"}
        options |= {"split": "train"} if has_splits(dataset) else {}
        if isinstance(training, VideoTraining):
            options |= {"frames": training.frames, "window": "random", "seed": training.seed}
        reader = open_dataset(dataset, training.root, **(options | training.reader))
        if reader.is_video != isinstance(training, VideoTraining):
            raise InputError(f"{dataset} gives {'clips' if reader.is_video else 'pictures'}; choose another")
        super().__init__(reader, training.batch, training.size, training.seed)

    def draw(self, step: int, rng: np.random.Generator, part: slice) -> tuple[Tensor]:
        """The pictures or clips of a ``part`` of a step: (B, [T,] 3, size, size); no loss by name asks for labels."""
        return super().draw(step, rng, part)[:1]


class PhotoCrops:
    """Random crops of the training photographs."""

    def __init__(self, training: Training):
        self.batch = training.batch
        self.photos = Photos("train", size=training.size, crop="random", flip=True, seed=training.seed)

    def draw(self, step: int, rng: np.random.Generator, part: slice) -> tuple[Tensor]:
        """The pictures of a ``part`` of a step: (B, 3, size, size)."""
        self.photos.set_epoch(step)
        chosen = rng.choice(len(self.photos), self.batch, replace=self.batch > len(self.photos))
        return (torch.stack([self.photos[int(i)] for i in chosen[part]]),)


class Outlined:
    """Photographs of the training side with pasted cut-outs, and the mask of these."""

    def __init__(self, training: Training):
        self.batch = training.batch
        self.pictures = OutlinedCutouts("train", training.size, training.seed)

    def draw(self, step: int, rng: np.random.Generator, part: slice) -> tuple[Tensor]:
        """The pictures of a ``part`` of a step, RGB and mask: (B, 4, size, size)."""
        return (torch.stack([self.pictures[step * self.batch + i] for i in range(self.batch)[part]]),)


class ScenesAndFilms:
    """Generated scenes and excerpts of real films of the training side, ``training.excerpts`` of the latter."""

    def __init__(self, training: VideoTraining):
        t = self.training = training
        # A scene acts itself out within its frames, and needs four of them. Outlines are the same in an excerpt, and
        # that moves as fast as the scenes that are tested; what a recogniser sees must be whole.
        whole = max(SCENE if t.task in OUTLINED else 4, t.frames)
        self.scenes = ActingCutouts("train", _SCENES, t.size, whole, seed=t.seed)
        self.films = Clips("train", t.frames, t.size, seed=t.seed) if t.excerpts else None

    def draw(self, step: int, rng: np.random.Generator, part: slice) -> tuple[Tensor]:
        """The clips of a ``part`` of a step: (B, T, 3, size, size)."""
        if self.films is not None:
            self.films.set_epoch(step)
        chosen = [
            (rng.random() < self.training.excerpts, rng.integers(_SCENES)) for _ in range(self.training.batch)
        ]
        return (torch.stack([self.clip(film, int(index)) for film, index in chosen[part]]),)

    def clip(self, film: bool, index: int) -> Tensor:
        """An excerpt of a film or a scene, by a number that is larger than there are films: (T, 3, size, size).

        With a task by outlines a scene comes with the actor's mask, as a fourth channel.
        """
        if film and self.films is not None:
            return self.films[index % len(self.films)]
        scene, shown = self.scenes[index], self.training.frames
        first = index % (self.scenes.frames - shown + 1)  # the same excerpt whenever this scene is drawn
        frames = torch.from_numpy(scene.frames[first : first + shown]).permute(0, 3, 1, 2).float() / 255
        if self.training.task not in OUTLINED:
            return frames
        mask = torch.from_numpy(scene.masks[first : first + shown]).float()
        return torch.cat([frames, mask[:, None]], 1)


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
