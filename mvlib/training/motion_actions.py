"""Training the recogniser of motion: generated clips → what moves in them, once → batches → network → weights.

All before the last layers is fixed, so what it finds in a clip is computed once, and a training takes a minute.
"""

from collections.abc import Generator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mvlib.analysers.actions import MEAN, STD, MotionNet, fit_frames, motion, motion_statistics

from .action_clips import BACKWARDS, MIRRORED, Seen, Shards, cached_clips
from .action_experiment import ActionTraining
from .actions import ActionTrainer
from .loading import loaded

# Signs of the nine statistics in a mirror, and played backwards.
_MIRROR = torch.tensor([1, -1, 1, 1, 1, -1, 1, 1, -1.0])
_REVERSE = torch.tensor([1, 1, 1, 1, 1, -1, -1, -1, -1.0])


class _Statistics(Seen):
    """Statistics of motion in generated clips: float32 (moments - 1, 9)."""

    side, shape, dtype = MotionNet.side, (MotionNet.frames - 1, motion.STATISTICS), np.dtype(np.float32)
    modules = (motion,)

    @torch.inference_mode()
    def __getitem__(self, index: int) -> Tensor:
        pixels = torch.from_numpy(self.clips[index].frames).permute(0, 3, 1, 2)[None].float() / 255
        return motion_statistics((fit_frames(pixels, MotionNet.frames, self.side) - MEAN) / STD)[0]


class _Batches(Dataset):
    """Statistics (B, moments - 1, 9) and classes (B,) by step, mirrored and played backwards."""

    def __init__(self, shards: Shards, batch: int, seed: int):
        self.batch, self.seed = batch, seed
        self.statistics = torch.cat([torch.tensor(found) for found, _ in shards])
        self.actions = torch.cat([torch.tensor(actions) for _, actions in shards])

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, step))
        chosen = torch.from_numpy(rng.integers(0, len(self.actions), self.batch))
        found, action = self.statistics[chosen], self.actions[chosen]
        mirrored, backwards = torch.from_numpy(rng.random((2, self.batch)) < 0.5)
        found = torch.where(mirrored[:, None, None], found * _MIRROR, found)
        action = torch.where(mirrored, MIRRORED[action], action)
        found = torch.where(backwards[:, None, None], found.flip(1) * _REVERSE, found)
        return found, torch.where(backwards, BACKWARDS[action], action)


class MotionTrainer(ActionTrainer):
    """The training of a ``MotionNet``; no mask is looked at."""

    network: MotionNet

    def __init__(self, training: ActionTraining, folder: Path):
        super().__init__(training, folder)
        self.precision = "float32"  # what is left to compute is tiny

    def shards(self, split: str, count: int) -> Shards:
        return cached_clips(self.training.cache, split, count, self.training.workers, _Statistics)

    def batches(self) -> Generator[tuple[Tensor, Tensor], None, None]:
        """Statistics and classes, for the steps that are left."""
        steps = _Batches(self._shards, self.training.batch, self.training.seed)
        return loaded(steps, range(self.step, self.training.steps), 0)

    def update(self, clip: Tensor, action: Tensor) -> dict[str, float]:
        """One step on statistics (B, moments - 1, 9) and classes (B,)."""
        self.network.train()
        return self.stepped(self.network.named(clip), action)

    def logits(self, shown: np.ndarray) -> Tensor:
        return self.network.named(torch.tensor(shown))
