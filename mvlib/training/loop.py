"""Joint training: picture or clip → preprocessor → virtual codec → analyser → rate + slope x task → gradient → weights.

Everything drawn at step s (pictures or clips, crops, QPs) is drawn from (seed, s) alone, so that a training that was
killed goes on from its last checkpoint as if nothing had happened. Started by ``accelerate launch``, each process
takes its part of the batch of every step, and gradients are summed: the batch, and so the training, stays the same.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from mvlib._files import replace_when_done
from mvlib._precision import chosen
from mvlib._processes import Processes, seed_of
from mvlib.errors import InputError

from .experiment import Training
from .log import Log
from .objective import LOST, Objective
from .outline import Guarded, Outline
from .slope import anchor_command
from .start import starting_network
from .steps import Steps

__all__ = ["LOST", "Log", "NonFiniteLoss", "Objective", "Steps", "Trainer"]


OBJECTIVES = {"outline": Outline, "guarded": Guarded}

# Options that say how a machine does it, not what is trained: a training may go on elsewhere.
OF_THE_MACHINE = ("workers", "device", "compile", "checkpoint_every", "root")


class NonFiniteLoss(RuntimeError):
    """The loss or its gradient is NaN or infinite; the weights were left as they were before this step."""


class Trainer:
    """Weights, optimiser and moving average of one training, in a folder that it can be taken up from."""

    def __init__(self, training: Training, folder: Path):
        self.training, self.folder = training, Path(folder)
        self.processes = Processes(training.device)
        self.part = self.processes.part(training.batch)
        if self.part.start == self.part.stop:
            raise InputError(
                f"a batch of {training.batch} does not go round {self.processes.count} processes"
            )
        self.device = self.processes.device
        self.precision = chosen(training.precision, self.device)
        torch.manual_seed(training.seed)
        self.model = self.processes.with_shared_statistics(starting_network(training))
        self.model.to(self.device, memory_format=torch.channels_last)
        self.average = AveragedModel(self.model, multi_avg_fn=self._add, use_buffers=True)
        self.steps = Steps(training, self.part)
        self.objective = OBJECTIVES.get(training.task, Objective)(training).to(self.device)
        for slope in self.objective.slopes.values():
            slope.check(training.qp_low, training.qp_high, anchor_command(training))
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=training.lr, weight_decay=training.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._rate)
        self.step = 0
        if training.compile:
            for network in (self.model, *self.objective.analysers.values()):
                network.compile()

    def _rate(self, step: int) -> float:
        t = self.training
        if step < t.warmup:
            return (step + 1) / t.warmup
        return 0.5 * (1 + math.cos(math.pi * (step - t.warmup) / max(1, t.steps - t.warmup)))

    def _add(self, averaged: list[Tensor], now: list[Tensor], count: Tensor | int) -> None:
        """Into the moving average, in place; after few steps it forgets faster, for it holds little but the start."""
        decay = min(self.training.ema, self.step / (self.step + 5))
        get_ema_multi_avg_fn(decay)(averaged, now, count)

    @property
    def checkpoint(self) -> Path:
        """Where the state lies that a killed training goes on from."""
        return self.folder / "checkpoint.pt"

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        parts = {
            name: getattr(self, name).state_dict() for name in ("model", "average", "optimiser", "schedule")
        }
        with replace_when_done(self.checkpoint, durable=True) as temporary:
            torch.save(
                {"step": self.step, "training": json.dumps(asdict(self.training), default=str), **parts},
                temporary,
            )

    def resume(self) -> bool:
        """Go on from the checkpoint if there is one; it must be of the same training."""
        if not self.checkpoint.is_file():
            return False
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        asked = json.loads(json.dumps(asdict(self.training), default=str))
        its = asked | json.loads(state["training"])  # an option that it did not know yet is as it is now
        its |= {name: asked[name] for name in OF_THE_MACHINE}
        if its != asked:
            other = {k: (v, asked.get(k)) for k, v in its.items() if v != asked.get(k)}
            raise InputError(
                f"{self.checkpoint} belongs to another training, (its, asked): {other}; "
                "choose another folder or remove it"
            )
        for name in ("model", "average", "optimiser", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        self.step = state["step"]
        return True

    def update(self, x: Tensor, qp: Tensor) -> dict[str, float]:
        """One step on pictures (B, 3, H, W) or clips (B, T, 3, H, W) at QPs (B,); the parts of the loss.

        Of several processes each is given its part of the batch, and returns what holds for the whole.
        """
        t = self.training
        torch.manual_seed(seed_of(t.seed, self.step, self.processes.rank))  # for what the codec draws
        codec = t.codecs[self.step % len(t.codecs)]
        parts = self.objective(x, self.model(x[..., :3, :, :], qp), qp, codec)  # a mask may follow
        share = len(x) / t.batch  # parts are means over this process's items
        self.optimiser.zero_grad(set_to_none=True)
        (parts["loss"] * share).backward()
        self.processes.sum_gradients(list(self.model.parameters()))
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), t.clip)
        values = self.processes.sum(torch.stack([v.detach().float() * share for v in parts.values()]))
        row = dict(zip(parts, values.tolist(), strict=True)) | {"codec": codec, "gradient norm": float(norm)}
        if not math.isfinite(row["loss"] + row["gradient norm"]):
            raise NonFiniteLoss(
                f"step {self.step}: loss {row['loss']}, gradient norm {row['gradient norm']}; try a smaller lr "
                f"(now {t.lr}), or another rounding (now {t.rounding!r})"
            )
        self.optimiser.step()
        self.schedule.step()
        self.average.update_parameters(self.model)
        self.step += 1
        return row

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of the steps that are left, on the device."""
        t = self.training
        loader = DataLoader(
            self.steps,
            batch_size=None,
            sampler=range(self.step, t.steps),
            num_workers=t.workers,
            prefetch_factor=4 if t.workers else None,
            pin_memory=self.device.type == "cuda",
        )
        for x, qp in loader:
            layout = torch.channels_last if x.ndim == 4 else torch.preserve_format
            yield (
                x.to(self.device, memory_format=layout, non_blocking=True),
                qp.to(self.device, non_blocking=True),
            )

    def run(self, progress: bool = True) -> nn.Module:
        """Train to the end, from the checkpoint if there is one; the moving average of the network."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.resume()
        self.processes.wait()  # all have read the checkpoint before one writes the next
        if not self.processes.is_main:
            for x, qp in self.batches():
                self.update(x, qp)
            return self.average.module.eval()
        bar = tqdm(total=self.training.steps, initial=self.step, disable=not progress, desc="training")
        with Log(self.folder / "log.csv", self.step) as log:
            for x, qp in self.batches():
                row = self.update(x, qp)
                log.write({"step": self.step, **row})
                bar.update()
                bar.set_postfix(
                    {k: f"{v:.3f}" for k, v in row.items() if isinstance(v, float)}, refresh=False
                )
                if self.step % self.training.checkpoint_every == 0 or self.step == self.training.steps:
                    log.flush()
                    self.save()
        bar.close()
        return self.average.module.eval()
