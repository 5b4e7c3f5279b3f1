"""Training a recogniser: generated clips → augmented batches → network → cross-entropy → weights with their card.

The loop is plain, every step is drawn from (seed, step) alone, and a run that was killed goes on from its checkpoint.
"""

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvlib._interruption import stopping
from mvlib._precision import chosen, computing_in
from mvlib._weights import write_weights
from mvlib.analysers.actions import ACTION_CLASSES, MEAN, STD, LocatedNet, build_network
from mvlib.errors import InputError

from .action_clips import Batches, Shards, cached_clips
from .action_experiment import ActionTraining
from .loading import loaded
from .resumable import Log, Resumable


class ActionTrainer(Resumable[ActionTraining]):
    """Network, optimiser and schedule of one training, in a folder that it can be taken up from."""

    parts = ("network", "optimiser", "schedule")

    def __init__(self, training: ActionTraining, folder: Path):
        super().__init__(training, folder)
        self.precision = chosen(training.precision)
        torch.manual_seed(training.seed)
        self.network = build_network(training.network)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=training.lr, weight_decay=training.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, training.lr, total_steps=training.steps + 1, pct_start=0.1
        )
        self._recent: list[tuple[float, float]] = []
        """Losses and accuracies since the last row of the log."""
        self._validated: float | None = None
        """Accuracy on the validation side at the last checkpoint."""

    def facts(self) -> dict[str, Any]:
        return super().facts() | {"recent": self._recent}

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        self._recent = state["recent"]

    def side(self, step: int) -> int:
        """Side in pixels of the clips at a step: coarse ones teach the same at a third of the cost."""
        grown = min(1.0, max(0.0, (step / self.training.steps - 0.5) / 0.25))
        return round(self.training.coarse + grown * (self.network.side - self.training.coarse))

    def shards(self, split: str, count: int) -> Shards:
        """What the network is shown of ``count`` clips of a split."""
        return cached_clips(self.training.cache, split, count, self.training.workers)

    def update(self, clip: Tensor, action: Tensor) -> dict[str, float]:
        """One step on clips with masks (B, T, 4, h, w) in [0, 1], classes (B,): loss in nats, the batch's accuracy."""
        assert isinstance(self.network, LocatedNet)
        self.network.train()
        with computing_in(self.precision):
            logits, score = self.network.look((clip[:, :, :3] - MEAN) / STD)
        place = self.training.place * place_loss(score.float(), clip[:, :, 3])
        return self.stepped(logits.float(), action, place)

    def stepped(self, logits: Tensor, action: Tensor, place: Tensor | float = 0.0) -> dict[str, float]:
        """One step of the optimiser by the network's logits, classes (B,), and another part of the loss."""
        loss = F.cross_entropy(logits, action, label_smoothing=self.training.smoothing) + place
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        if not torch.isfinite(norm):
            raise InputError(
                f"step {self.step}: the gradient isn't finite; try a smaller lr than {self.training.lr}"
            )
        self.optimiser.step()
        self.schedule.step()
        self.step += 1
        return {"loss": float(loss.detach()), "train": float((logits.argmax(1) == action).float().mean())}

    @torch.no_grad()
    def accuracy(self, shards: Shards, batch: int = 32) -> float:
        """Share of the clips in all ``shards`` (see ``cached_clips``) whose likeliest action is the right one."""
        self.network.eval()
        right = 0
        for shown, actions in shards:
            for k in range(0, len(shown), batch):
                likeliest = self.logits(shown[k : k + batch]).argmax(1).numpy()
                right += int((likeliest == actions[k : k + batch]).sum())
        return right / sum(len(actions) for _, actions in shards)

    def logits(self, shown: np.ndarray) -> Tensor:
        """The network's logits for some clips of a shard."""
        x = torch.tensor(shown[..., :3]).permute(0, 1, 4, 2, 3).float() / 255
        with computing_in(self.precision):
            return self.network((x - MEAN) / STD)

    def run(self, progress: bool = True) -> float:
        """Train to the end, from the checkpoint if there is one; the accuracy on the validation side.

        Ctrl-C ends it behind the step that it is in, which is kept; a second one at once.
        """
        t = self.training
        with self.alone():
            self.resume()
            with stopping(
                "stopped; whole files of generated clips are kept: the same command goes on from there"
            ):
                self._shards = self.shards("train", t.clips)
                self._check = self.shards("val", t.check)
            with self.kept_when_stopped():
                self.go_through(t.network, progress)
                return self.accuracy(self._check) if self._validated is None else self._validated

    def batches(self) -> Generator[tuple[Tensor, Tensor], None, None]:
        """Clips with masks and their classes, for the steps that are left; see ``update``."""
        t = self.training
        steps = Batches(self._shards, t.batch, [self.side(step) for step in range(t.steps)], t.seed)
        return loaded(steps, range(self.step, t.steps), t.workers)

    def record(self, row: dict[str, float], log: Log) -> None:
        self._recent.append((row["loss"], row["train"]))

    @property
    def due(self) -> bool:
        t = self.training
        return bool(self._recent) and (self.step % t.checkpoint_every == 0 or self.step == t.steps)

    def checkpointed(self, log: Log) -> None:
        """A row in the log, with the accuracy on the validation side, and the checkpoint."""
        self._validated = self.accuracy(self._check)
        loss, train = np.mean(self._recent, axis=0)
        with self.whole_step():
            self._recent = []
            row = {"loss": f"{loss:.4f}", "train": f"{train:.3f}", "val": f"{self._validated:.4f}"}
            log.write({"step": self.step, **row})
            log.flush()
            self.save()


def place_loss(score: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy in nats of scores (B, T, h, w) against the share of the actor (mask (B, T, H, W)) in each cell."""
    share = F.adaptive_avg_pool2d(mask, (score.shape[-2], score.shape[-1])).flatten(0, 1).flatten(1)
    there = share.sum(1) > 0
    share = share[there] / share[there].sum(1, keepdim=True)
    return F.cross_entropy(score.flatten(0, 1).flatten(1)[there], share)


def save_recogniser(trainer: ActionTrainer, path: Path, *, command: str, accuracy: float) -> Path:
    """Write a trained network and its card, both or neither; ``path`` (….safetensors) is returned.

    Args:
        command: what trained it, to be typed again.
        accuracy: on the validation side, as ``run`` returns it.
    """
    t = trainer.training
    card = {
        "name": t.network,
        "architecture": type(trainer.network).__name__,
        "parameters": sum(p.numel() for p in trainer.network.parameters()),
        "classes": list(ACTION_CLASSES),
        "command": command,
        "data": f"{t.clips} generated clips, split train; mirrored and played backwards",
        "seed": t.seed,
        "steps": t.steps,
        "batch": t.batch,
        "precision": trainer.precision,
        "accuracy": {
            "clips": f"{t.check} generated clips of {trainer.network.side} px, split val, clean",
            "top1": round(accuracy, 4),
        },
        "licence": "Apache-2.0",
    }
    return write_weights(path, trainer.network.state_dict(), card)
