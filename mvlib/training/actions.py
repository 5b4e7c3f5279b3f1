"""Training a recogniser: generated clips → augmented batches → network → cross-entropy → weights with their card.

The loop is plain, every step is drawn from (seed, step) alone, and a run that was killed goes on from its checkpoint.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from mvlib._files import replace_when_done
from mvlib._precision import chosen, computing_in
from mvlib._weights import write_weights
from mvlib.analysers.actions import ACTION_CLASSES, MEAN, SIDE, STD, build_network
from mvlib.errors import InputError

from .action_clips import Batches, cached_clips
from .action_experiment import ActionTraining
from .log import Log


class ActionTrainer:
    """Network, optimiser and schedule of one training, in a folder that it can be taken up from."""

    def __init__(self, training: ActionTraining, folder: Path):
        self.training, self.folder = training, Path(folder)
        self.precision = chosen(training.precision)
        torch.manual_seed(training.seed)
        self.network = build_network(training.network)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=training.lr, weight_decay=training.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, training.lr, total_steps=training.steps + 1, pct_start=0.1
        )
        self.step = 0

    @property
    def checkpoint(self) -> Path:
        """Where the state lies that a killed training goes on from."""
        return self.folder / "checkpoint.pt"

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        parts = {name: getattr(self, name).state_dict() for name in ("network", "optimiser", "schedule")}
        with replace_when_done(self.checkpoint) as temporary:
            torch.save({"step": self.step, "training": self._options(), **parts}, temporary)

    def resume(self) -> None:
        """Go on from the checkpoint if there is one; it must be of the same training."""
        if not self.checkpoint.is_file():
            return
        state = torch.load(self.checkpoint, weights_only=True)
        if state["training"] != self._options():
            raise InputError(
                f"{self.checkpoint} belongs to another training: {state['training']}, asked for {self._options()}; "
                "choose another folder or remove it"
            )
        for name in ("network", "optimiser", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        self.step = state["step"]

    def _options(self) -> str:
        # Where clips are kept and how many processes make them changes nothing that is learnt.
        return str(asdict(replace(self.training, cache=Path(), workers=0)))

    def side(self, step: int) -> int:
        """Side in pixels of the clips at a step: coarse ones teach the same at a third of the cost."""
        grown = min(1.0, max(0.0, (step / self.training.steps - 0.5) / 0.25))
        return round(self.training.coarse + grown * (SIDE - self.training.coarse))

    def update(self, clip: Tensor, action: Tensor) -> tuple[float, float]:
        """One step on clips with masks (B, T, 4, h, w) in [0, 1], classes (B,): loss in nats, the batch's accuracy."""
        self.network.train()
        with computing_in(self.precision):
            logits, score = self.network.look((clip[:, :, :3] - MEAN) / STD)
        logits = logits.float()
        loss = F.cross_entropy(logits, action, label_smoothing=self.training.smoothing)
        loss = loss + self.training.place * place_loss(score.float(), clip[:, :, 3])
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        if not torch.isfinite(norm):
            raise RuntimeError(
                f"step {self.step}: the gradient isn't finite; try a smaller lr than {self.training.lr}"
            )
        self.optimiser.step()
        self.schedule.step()
        self.step += 1
        return float(loss.detach()), float((logits.argmax(1) == action).float().mean())

    @torch.no_grad()
    def accuracy(self, shards: Sequence[tuple[np.ndarray, np.ndarray]], batch: int = 32) -> float:
        """Share of the clips in all ``shards`` (see ``cached_clips``) whose likeliest action is the right one."""
        self.network.eval()
        right = 0
        for frames, actions in shards:
            for k in range(0, len(frames), batch):
                x = torch.tensor(frames[k : k + batch, ..., :3]).permute(0, 1, 4, 2, 3).float() / 255
                with computing_in(self.precision):
                    likeliest = self.network((x - MEAN) / STD).argmax(1).numpy()
                right += int((likeliest == actions[k : k + batch]).sum())
        return right / sum(len(frames) for frames, _ in shards)

    def run(self, progress: bool = True) -> float:
        """Train to the end, from the checkpoint if there is one; the accuracy on the validation side."""
        t = self.training
        shards = cached_clips(t.cache, "train", t.clips, t.workers)
        check = cached_clips(t.cache, "val", t.check, t.workers)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.resume()
        bar = tqdm(total=t.steps, initial=self.step, disable=None if progress else True, desc=t.network)
        steps = Batches(shards, t.batch, [self.side(step) for step in range(t.steps)], t.seed)
        loader = DataLoader(steps, batch_size=None, sampler=range(self.step, t.steps), num_workers=t.workers)
        recent, accuracy = [], self.accuracy(check) if self.step >= t.steps else 0.0
        with Log(self.folder / "log.csv", self.step) as log:
            for clip, action in loader:
                recent.append(self.update(clip, action))
                bar.update()
                if self.step % t.checkpoint_every == 0 or self.step == t.steps:
                    accuracy = self.accuracy(check)
                    loss, train = np.mean(recent, axis=0)
                    recent = []
                    row = {"loss": f"{loss:.4f}", "train": f"{train:.3f}", "val": f"{accuracy:.4f}"}
                    log.write({"step": self.step, **row})
                    log.flush()
                    self.save()
        bar.close()
        return accuracy


def place_loss(score: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy in nats of scores (B, T, h, w) against the share of the actor (mask (B, T, H, W)) in each cell."""
    share = F.adaptive_avg_pool2d(mask, score.shape[-2:]).flatten(0, 1).flatten(1)
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
            "clips": f"{t.check} generated clips of {SIDE} px, split val, clean",
            "top1": round(accuracy, 4),
        },
        "licence": "Apache-2.0",
    }
    return write_weights(path, trainer.network.state_dict(), card)
