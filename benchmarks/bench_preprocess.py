"""What preprocessors cost: MAC per pixel, frames per second and memory at 720p and 1080p; the parts of refinement.

Those for clips are timed on a frame in the middle of one: with everything that they remember of the frames before.

    python benchmarks/bench_preprocess.py --threads 1 --repeats 3

Multiply-accumulates are those of convolutions and matrix products, counted by torch; blurs, resampling and
activations come on top in the times. Times are the processor's over all threads, which other programs on the machine
disturb less than the clock, and the least of the repeats. Memory is what a process of its own took at most, above what
it held before the first frame.
"""

import os
import re
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
from jsonargparse import auto_cli
from torch.utils.flop_counter import FlopCounterMode

from mvlib import load_preprocessor
from mvlib.codecs import RealCodec
from mvlib.datasets import Photos
from mvlib.preprocess import (
    NPP,
    AdaptiveFilter,
    AdaptiveFilterConfig,
    Compact,
    CompactVideo,
    Filter,
    NPPConfig,
    Preprocessor,
    Refinement,
    VideoPreprocessor,
    ZhaoPreprocessor,
)
from mvlib.training.network import with_trunk

QP, BATCH = 37.0, 4
REFINED = "refined:x265:efficientnet_lite0:2:precision=float32:views=false"
ONE_STEP = REFINED.replace(":2:", ":1:")
NETWORKS: dict[str, Callable[[], Preprocessor]] = {
    "Filter": Filter,
    "AdaptiveFilter": lambda: with_trunk(AdaptiveFilter()),
    "AdaptiveFilter, contrast alone": lambda: AdaptiveFilter(AdaptiveFilterConfig(trunk="")),
    "Compact": Compact,
    "NPP": NPP,
    "NPP, skip, group norm": lambda: NPP(NPPConfig(skip=True, norm="group")),
    "CompactVideo": CompactVideo,
    "ZhaoPreprocessor": ZhaoPreprocessor,
    "refined, 2 steps": lambda: load_preprocessor(REFINED),
    "refined, 2 steps, real x265": lambda: load_preprocessor(f"{REFINED}:real=x265"),
    "contrast, then 1 step": lambda: load_preprocessor(f"{ONE_STEP}:after=contrast"),
    "contrast, then 2 steps": lambda: load_preprocessor(f"{REFINED}:after=contrast"),
}
SIZES = {"720p": (720, 1280), "1080p": (1080, 1920)}


def mac_per_pixel(net: Preprocessor, device: str, side: int = 256) -> float:
    """Multiply-accumulates per pixel of a picture of side × side, which needs no padding."""
    run = one_frame(net, torch.rand(1, 3, side, side, device=device))
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        run()
    return counter.get_total_flops() / 2 / side**2


@torch.inference_mode()
def one_frame(net: Preprocessor, x: torch.Tensor) -> Callable[[], torch.Tensor]:
    """A call of ``net`` on the frame ``x`` (1, 3, H, W); for clips, on that frame after another like it."""
    if not isinstance(net, VideoPreprocessor) or net.takes_pictures:
        return lambda: net(x, QP)
    _, state = net.stream(x[:, None], QP)
    return lambda: net.stream(x[:, None], QP, state)[0]


def milliseconds(
    run: Callable[[], object], repeats: int, device: str = "cpu", warm: Callable[[], object] | None = None
) -> float:
    """Least time of the processor (GPU: by the clock) over ``repeats`` calls, after one of ``warm``, or of ``run``."""
    clock, times = time.process_time if device == "cpu" else time.perf_counter, []
    (warm or run)()
    for _ in range(repeats):
        start = clock()
        run()
        if device != "cpu":
            torch.cuda.synchronize()
        times.append(clock() - start)
    return 1e3 * min(times)


def frame_cost(
    name: str, size: tuple[int, int], threads: int, repeats: int, device: str
) -> tuple[float, float]:
    """Milliseconds for a frame of ``size``, and MiB; in a process of its own."""
    torch.set_num_threads(threads)
    net = NETWORKS[name]().eval().to(device, memory_format=torch.channels_last)
    with torch.inference_mode():
        run = one_frame(net, torch.rand(1, 3, *size, device=device))
        before = forget_peak()
        spent = milliseconds(run, repeats, device, one_frame(net, torch.rand(1, 3, 64, 64, device=device)))
    peak = mebibytes("VmHWM") - before
    return spent, torch.cuda.max_memory_allocated() / 2**20 if device != "cpu" else peak


def forget_peak() -> float:
    """Let the most memory that this process ever took be what it takes now, in MiB (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")
    return mebibytes("VmRSS")


def mebibytes(field: str) -> float:
    """A line of what Linux tells about this process, in MiB."""
    return int(re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024


def parts(net: Refinement, x: torch.Tensor, repeats: int) -> dict[str, float]:
    """Where two steps on ``x`` (1, 3, H, W) spend their milliseconds, beside NPP and two steps that share nothing."""
    objective, qp, kept = net.pictures, torch.full((len(x),), QP), net.pictures.begin()
    x = x.clone().requires_grad_()

    def coded(choices: list | None, back: bool) -> None:
        bpp, decoded = objective.coded(x, qp, "x265", choices)
        if back:
            torch.autograd.grad(bpp.sum() + decoded.square().sum(), x)

    def seen(back: bool) -> None:
        lost = objective.losses(x.detach(), x if back else x.detach(), known=kept.references)
        if back:
            torch.autograd.grad(sum(lost.values()).sum(), x)

    def unshared() -> None:
        for _ in range(2):
            torch.autograd.grad(objective(x.detach(), x, qp, "x265")["loss"], x)

    objective(x.detach(), x, qp, "x265", kept=kept)
    choices, npp, real = kept.choices["x265"], NPP().eval(), RealCodec("x265", gop="intra")
    frames = (x.detach() * 255).byte().permute(0, 2, 3, 1).numpy()
    cases = {
        "codec, forward, choosing": lambda: coded(None, False),
        "codec, forward, choices kept": lambda: coded(choices, False),
        "codec, forward and back, choices kept": lambda: coded(choices, True),
        "analyser, forward": lambda: seen(False),
        "analyser, forward and back": lambda: seen(True),
        "the real x265, for its values": lambda: real(frames, qp=QP),
        "two steps": lambda: net(x.detach(), QP),
        "two steps that share nothing": unshared,
        "NPP": lambda: torch.no_grad()(npp)(x.detach(), QP),
    }
    return {name: milliseconds(run, repeats) for name, run in cases.items()}


def seconds_each(net: Preprocessor, x: torch.Tensor, repeats: int) -> float:
    """Seconds by the clock for each of ``BATCH`` pictures refined at a time, on all cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1)
    pictures, spent = x.expand(BATCH, -1, -1, -1).clone(), []
    net(pictures, QP)
    for _ in range(repeats):
        start = time.perf_counter()
        net(pictures, QP)
        spent.append(time.perf_counter() - start)
    torch.set_num_threads(threads)
    return min(spent) / BATCH


def main(threads: int = 1, repeats: int = 3, device: str = "cpu") -> None:
    """Print the cost of every preprocessor.

    Args:
        threads: of the CPU.
        repeats: timed calls; the least counts.
        device: "cpu" or "cuda".
    """
    torch.set_num_threads(threads)
    where = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {threads} thread(s)"
    print(f"torch {torch.__version__}, {where}, float32\n")
    x = Photos("val", 224, crop="centre", flip=False)[0][None]
    spent = parts(load_preprocessor(REFINED), x, repeats)
    print("| refinement of a picture of 224x224 | ms of the processor | share of NPP |\n|---|---:|---:|")
    for name, ms in spent.items():
        print(f"| {name} | {ms:.0f} | {ms / spent['NPP']:.2f} |")
    print(f"\nseconds a picture by the clock, {BATCH} at a time, {os.cpu_count()} cores:")
    for name in ("refined, 2 steps", "contrast, then 1 step", "contrast, then 2 steps"):
        print(f"{name}: {seconds_each(NETWORKS[name](), x, repeats):.3f}")
    columns = " | ".join(f"frames per second, {size} | MiB" for size in SIZES)
    print(
        f"\n| preprocessor | kMAC per pixel | parameters | {columns} |\n|---|---:|---:|{'---:|' * 2 * len(SIZES)}"
    )
    for name, make in NETWORKS.items():
        net = make().eval().to(device, memory_format=torch.channels_last)
        own = 0 if isinstance(net, Refinement) else sum(p.numel() for p in net.parameters())
        cells = [f"{mac_per_pixel(net, device) / 1e3:.1f}", f"{own:,}"]
        for size in SIZES.values():
            # A process for each: the system tells no more than the most that one ever took.
            with ProcessPoolExecutor(1, get_context("spawn")) as alone:
                ms, memory = alone.submit(frame_cost, name, size, threads, repeats, device).result()
            cells += [f"{1e3 / ms:.2f}", f"{memory:.0f}"]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    auto_cli(main)
