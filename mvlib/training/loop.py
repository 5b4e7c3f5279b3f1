"""Joint training: picture or clip → preprocessor → virtual codec → analyser → rate + slope x task → gradient → weights.

Everything drawn at step s (pictures or clips, crops, QPs) is drawn from (seed, s) alone, so that a training that was
killed goes on from its last checkpoint as if nothing had happened. Started by ``accelerate launch``, each process
takes its part of the batch of every step, and gradients are summed: the batch, and so the training, stays the same.
"""

import math
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mvlib._precision import chosen
from mvlib._processes import Processes, seed_of
from mvlib.errors import InputError, UserError

from .batches import Steps, TrainingData
from .experiment import Training
from .loading import loaded
from .network import starting_network, with_trunk
from .objective import Objective
from .outline import Guarded, Outline
from .own_slope import virtual_slopes
from .resumable import Log, Resumable
from .slope import anchor_command

__all__ = ["Log", "NonFiniteLoss", "Objective", "Steps", "Trainer"]


OBJECTIVES: dict[str, type[Objective] | type[Outline]] = {"outline": Outline, "guarded": Guarded}


Tensors = tuple[Tensor, ...] | list[Tensor]


class NonFiniteLoss(UserError, RuntimeError):
    """The loss or its gradient is NaN or infinite; the weights were left as they were before this step."""


class Trainer(Resumable[Training]):
    """Weights, optimiser and moving average of one training, in a folder that it can be taken up from.

    Args:
        training: what is trained; what is given as an object besides is not built from it.
        model: called as a preprocessor, ``model(x, qp)``; it is what moves.
        material: where pictures or clips come from.
    """

    parts = ("model", "average", "optimiser", "schedule")

    def __init__(
        self,
        training: Training,
        folder: Path,
        *,
        model: nn.Module | None = None,
        material: TrainingData | None = None,
        objective: Objective | None = None,
    ):
        self.processes = Processes(training.device)
        super().__init__(training, folder, self.processes.alone)
        self._began = time.monotonic()
        self.part = self.processes.part(training.batch)
        if self.part.start == self.part.stop:
            raise InputError(
                f"a batch of {training.batch} does not go round {self.processes.count} processes"
            )
        if training.seconds is not None and self.processes.count > 1:
            raise InputError(
                f"seconds is {training.seconds:g}, but {self.processes.count} processes don't end at one step; "
                "set steps"
            )
        self.device = self.processes.device
        self.precision = chosen(training.precision, self.device)
        torch.manual_seed(training.seed)
        network = with_trunk(model or starting_network(training))
        self.model = self.processes.with_shared_statistics(network)
        self.model.to(self.device).to(memory_format=torch.channels_last)
        self.average = AveragedModel(self.model, multi_avg_fn=self._add, use_buffers=True)
        self.steps = Steps(training, self.part, material)
        made = objective or OBJECTIVES.get(training.task, Objective)(training)
        self.objective = made.to(self.device)
        if isinstance(self.objective, Objective) and self.objective.analysers and not self.objective.slopes:
            # Of all items, so that all processes agree.
            every = Steps(training, material=self.steps.material)
            self.objective.slopes = virtual_slopes(self.objective, every, self.device)
        for slope in self.objective.slopes.values():
            slope.check(training.qp_low, training.qp_high, anchor_command(training))
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=training.lr, weight_decay=training.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._rate)
        if training.compile:
            for network in (self.model, *self.objective.analysers.values()):
                network.compile()
        self.replica = self.processes.prepared(self.model)

    def _rate(self, step: int) -> float:
        t = self.training
        if step < t.warmup:
            return (step + 1) / t.warmup
        over = max((step - t.warmup) / max(1, t.steps - t.warmup), self._spent())
        return 0.5 * (1 + math.cos(math.pi * min(1, over)))

    def _spent(self) -> float:
        """The share of the time that is over; 0 where there is no limit."""
        seconds = self.training.seconds
        return 0.0 if seconds is None else (time.monotonic() - self._began) / max(seconds, 1e-9)

    def _add(self, averaged: Tensors, now: Tensors, count: Tensor | int) -> None:
        """Into the moving average, in place; after few steps it forgets faster, for it holds little but the start."""
        decay = min(self.training.ema, self.step / (self.step + 5))
        get_ema_multi_avg_fn(decay)(averaged, now, count)

    def update(self, x: Tensor, qp: Tensor, targets: list | None = None) -> dict[str, float]:
        """One step on pictures (B, 3, H, W) or clips (B, T, 3, H, W) at QPs (B,); the parts of the loss.

        Of several processes each is given its part of the batch, and returns what holds for the whole.
        """
        t = self.training
        torch.manual_seed(seed_of(t.seed, self.step, self.processes.rank))  # for what the codec draws
        codec = t.codecs[self.step % len(t.codecs)]
        known = {} if targets is None else {"targets": targets}
        parts = self.objective(x, self.preprocessed(x, qp), qp, codec, **known)
        share = len(x) / t.batch  # parts are means over this process's items, gradients means over processes
        self.optimiser.zero_grad(set_to_none=True)
        (parts["loss"] * (share * self.processes.count)).backward()
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

    def preprocessed(self, x: Tensor, qp: Tensor) -> Tensor:
        """What is given to the codec."""
        return self.replica(x[..., :3, :, :], qp)  # a mask may follow

    def batches(self) -> Generator[tuple, None, None]:
        """Batches of the steps that are left, as long as there is time, on the device."""
        t = self.training
        loading = loaded(
            self.steps,
            range(self.step, t.steps),
            t.workers,
            prefetch_factor=4 if t.workers else None,
            pin_memory=self.device.type == "cuda",
        )
        with closing(loading):  # its processes end even while an error's traceback holds this frame
            for x, qp, *targets in loading:
                if self._spent() >= 1:
                    return
                layout = torch.channels_last if x.ndim == 4 else torch.preserve_format
                yield (
                    x.to(self.device, memory_format=layout, non_blocking=True),
                    qp.to(self.device, non_blocking=True),
                    *targets,
                )

    def run(self, progress: bool = True) -> nn.Module:
        """Train to the end, from the checkpoint if there is one; the moving average of the network.

        Ctrl-C ends one process behind the step that it is in, which is kept; a second one, and several processes, at
        once. The KeyboardInterrupt says what is kept.
        """
        self._began = time.monotonic()
        with self.alone():
            self.resume()
            self.processes.wait()  # all have read the checkpoint before one writes the next
            if self.processes.is_main:
                with self.kept_when_stopped():
                    self.go_through("training", progress)
            else:
                for batch in self.batches():
                    self.update(*batch)
            if self.processes.is_main and self.step > self._saved:  # time was over between two checkpoints
                self.save()
        return self.average.module.eval()

    def record(self, row: dict[str, float], log: Log) -> None:
        log.write({"step": self.step, **row})

    @contextmanager
    def whole_step(self) -> Iterator[None]:
        if self.processes.count == 1:
            with super().whole_step():
                yield
        else:  # they cannot agree on the step to end behind
            self._torn = True
            yield
