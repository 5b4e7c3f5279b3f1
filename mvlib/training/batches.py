"""Batches by step number: seed, step → pictures or clips, crops, QPs, always the same."""

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mvlib.datasets import ActingCutouts, Clips, Photos, open_dataset
from mvlib.datasets.opening import has_splits
from mvlib.datasets.outlined import OutlinedCutouts
from mvlib.errors import InputError

from .experiment import OUTLINED, Training, VideoTraining
from .material import OwnMaterial

_SCENES = 2**31
SCENE = 16
"""Frames of the scenes whose excerpts a training on outlines sees."""


class Steps(Dataset):
    """Batches by step number: ``steps[s]`` is always the same pictures (or clips), crops and QPs.

    Args:
        part: which items of every batch to load; the others are another process's.
        material: what has ``draw``; None is what ``training`` names.
    """

    def __init__(self, training: Training, part: slice = slice(None), material: "Material | None" = None):
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


class Material(Protocol):
    """Where the pictures or clips of a training come from."""

    def draw(self, step: int, rng: np.random.Generator, part: slice) -> tuple[Tensor] | tuple[Tensor, list]:
        """Pictures or clips of a ``part`` of a step, (B, [T,] 3, size, size), and what is known of each, if it is."""


def material_of(training: Training) -> Material:
    """Where the pictures or clips of a training come from."""
    if training.dataset is not None:
        return PublicData(training.dataset, training)
    if isinstance(training, VideoTraining):
        return Scenes(training)
    return Outlined(training) if training.task in OUTLINED else Photographs(training)


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


class Photographs:
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


class Scenes:
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
