"""The speed of a training, and where its time goes: trainer → free-running steps → steps with a stopwatch → seconds."""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from mvlib.errors import InputError

from .loop import Trainer


@dataclass(frozen=True)
class Speed:
    """The cost of a step of a training on one machine."""

    device: str
    """Name of the GPU, or of the CPU's architecture with the number of threads."""
    items: int
    """Pictures or clips in a step, over all processes."""
    pixels: int
    """Pixels of all frames in a step."""
    seconds: float
    """Of a step that runs freely, by the clock."""
    processor: float
    """Seconds of the processor in such a step, all threads of this process: other programs disturb it less."""
    stages: dict[str, float]
    """Seconds of each stage of a step. The GPU is waited for after each, so they may sum to more than ``seconds``."""

    @property
    def per_second(self) -> float:
        """Pictures or clips per second."""
        return self.items / self.seconds


class _Stopwatch:
    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: dict[str, float] = {}

    def now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def around(self, stage: str, function: Callable) -> Callable:
        """``function``, whose time is added to ``stage``."""

        # A clock cannot be read inside a compiled graph: what it watches is compiled by itself.
        @partial(torch.compiler.disable, recursive=False)
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = self.now()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + self.now() - start

        return timed


def measure_speed(trainer: Trainer, steps: int = 4, warm_up: int = 2) -> Speed:
    """Run ``warm_up`` + 2 · ``steps`` steps of ``trainer``, one more if it is compiled, and time them.

    The trainer is spent: its weights have moved, and it goes slower from now on.
    """
    compiled = int(trainer.training.compile)
    left, taken = trainer.training.steps - trainer.step, warm_up + 2 * steps + compiled
    if left < taken:
        raise InputError(f"{left} steps are left; timing {steps} after {warm_up} takes {taken}")
    batches, watch = trainer.batches(), _Stopwatch(trainer.device)
    pixels = 0
    for _ in range(warm_up):
        x, *rest = next(batches)
        trainer.update(x, *rest)
        pixels = x.numel() // 3 // len(x) * trainer.training.batch
    start = watch.now(), time.process_time()
    for _ in range(steps):
        trainer.update(*next(batches))
    free, processor = (watch.now() - start[0]) / steps, (time.process_time() - start[1]) / steps
    watched = [("preprocessor", trainer.model, "forward"), ("codec", trainer.objective, "code")]
    watched += [("analysers", analyser, "forward") for analyser in trainer.objective.analysers.values()]
    for stage, of, method in watched:
        setattr(of, method, watch.around(stage, getattr(of, method)))
    for _ in range(compiled):  # under the stopwatch it is compiled anew
        trainer.update(*next(batches))
        watch.seconds.clear()
    fetch, update = watch.around("waiting for material", next), watch.around("step", trainer.update)
    for _ in range(steps):
        update(*fetch(batches))
    stages = {name: seconds / steps for name, seconds in watch.seconds.items()}
    step = stages.pop("step")
    stages["backward and update"] = step - sum(stages.get(k, 0.0) for k in FORWARD)
    if trainer.device.type == "cuda":
        device = torch.cuda.get_device_name(trainer.device)
    else:
        device = f"CPU ({platform.machine()}, {torch.get_num_threads()} threads)"
    return Speed(device, trainer.training.batch, pixels, free, processor, stages)


FORWARD = ("preprocessor", "codec", "analysers")
