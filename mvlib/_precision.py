"""Precision of networks: "auto" → one tiny convolution both ways, timed → "bf16" or "float32" → autocast."""

import functools
import time
from math import inf

import torch
from torch.nn import functional as F

# A CPU with instructions for bfloat16 takes about 0.6 of the time, one without them 2.4 to 30 times as long.
CLEARLY = 0.85


def chosen(precision: str, device: str | torch.device = "cpu") -> str:
    """``precision`` ("float32" or "bf16"), or for "auto" the faster of the two where networks run on ``device``.

    Tried once per process, on CPUs alone: on a GPU, auto is float32. What either way gives agrees to what 8 bits allow.
    """
    if precision != "auto":
        return precision
    return faster_on_cpu() if torch.device(device).type == "cpu" else "float32"


def computing_in(precision: str, device: str | torch.device = "cpu") -> torch.autocast:
    """The context in which networks on ``device`` compute in ``precision``, as ``chosen`` reads it."""
    half = chosen(precision, device) == "bf16"
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=half)


@functools.cache
def faster_on_cpu() -> str:
    """Which one takes a convolution forward and back in less time; a CPU's flags don't tell, so it is tried."""
    least, threads = {"float32": inf, "bf16": inf}, torch.get_num_threads()
    torch.set_num_threads(1)  # where others run too, threads wait for one another
    try:
        for _ in range(10):  # in turn, so that what else runs disturbs both; the first time kernels are made
            for precision in least:
                least[precision] = min(least[precision], seconds_of_a_trial(precision))
    finally:
        torch.set_num_threads(threads)
    return "bf16" if least["bf16"] < CLEARLY * least["float32"] else "float32"


def seconds_of_a_trial(precision: str) -> float:
    # No random numbers: whoever set a seed finds it as it was. The caller may be without gradients.
    with torch.inference_mode(False), torch.enable_grad():
        x = torch.ones(1, 64, 28, 28, requires_grad=True)
        weight = torch.full((64, 64, 3, 3), 1e-3)
        start = time.perf_counter()
        with computing_in(precision):
            y = F.conv2d(x, weight, padding=1)
        y.sum().backward()
        return time.perf_counter() - start
