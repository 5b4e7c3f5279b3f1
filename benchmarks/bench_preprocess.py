"""What a preprocessor costs: network → MAC per pixel, parameters, milliseconds for a 1080p frame.

Those for clips are timed on a frame in the middle of one: with everything that they remember of the frames before.

    python benchmarks/bench_preprocess.py --threads 1 --repeats 5

Multiply-accumulates are those of convolutions and matrix products, counted by torch; blurs, resampling and
activations come on top in the times. Both times are the least of the repeats: by the clock, and that of the
processor over all threads, which other programs on the machine disturb less.
"""

import time
from collections.abc import Callable

import torch
from jsonargparse import auto_cli
from torch.utils.flop_counter import FlopCounterMode

from mvlib.preprocess import (
    NPP,
    Compact,
    CompactVideo,
    NPPConfig,
    Preprocessor,
    VideoPreprocessor,
    ZhaoPreprocessor,
)

NETWORKS: dict[str, Callable[[], Preprocessor]] = {
    "NPP": NPP,
    "NPP, skip, group norm": lambda: NPP(NPPConfig(skip=True, norm="group")),
    "Compact": Compact,
    "ZhaoPreprocessor": ZhaoPreprocessor,
    "CompactVideo": CompactVideo,
}


def mac_per_pixel(net: Preprocessor, device: str, side: int = 256) -> float:
    """Multiply-accumulates per pixel of a picture of side × side, which needs no padding."""
    run = one_frame(net, torch.rand(1, 3, side, side, device=device))
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        run()
    return counter.get_total_flops() / 2 / side**2


@torch.inference_mode()
def one_frame(net: Preprocessor, x: torch.Tensor) -> Callable[[], torch.Tensor]:
    """A call of ``net`` on the frame ``x`` (1, 3, H, W); for clips, on that frame after another like it."""
    if not isinstance(net, VideoPreprocessor):
        return lambda: net(x, 37)
    _, state = net.stream(x[:, None], 37)
    return lambda: net.stream(x[:, None], 37, state)[0]


@torch.inference_mode()
def milliseconds(net: Preprocessor, x: torch.Tensor, repeats: int) -> tuple[float, float]:
    """Least time by the clock and of the processor over ``repeats`` calls, after one that warms up."""
    times, run = [], one_frame(net, x)
    for _ in range(repeats + 1):
        start = time.perf_counter(), time.process_time()
        run()
        if x.is_cuda:
            torch.cuda.synchronize()
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    clock, processor = (1e3 * min(column) for column in zip(*times[1:], strict=True))
    return clock, processor


def main(
    height: int = 1080, width: int = 1920, threads: int = 1, repeats: int = 3, device: str = "cpu"
) -> None:
    """Print the cost of every preprocessor.

    Args:
        height: rows of the frame that is timed.
        width: columns of the frame that is timed.
        threads: of the CPU.
        repeats: timed calls; the least counts.
        device: "cpu" or "cuda".
    """
    torch.set_num_threads(threads)
    where = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {threads} thread(s)"
    print(f"torch {torch.__version__}, {where}, float32\n")
    print(f"| network | kMAC per pixel | parameters | ms for {width}x{height} | of the processor |")
    print("|---|---:|---:|---:|---:|")
    for name, make in NETWORKS.items():
        net = make().eval().to(device, memory_format=torch.channels_last)
        x = torch.rand(1, 3, height, width, device=device)
        kmac, parameters = mac_per_pixel(net, device) / 1e3, sum(p.numel() for p in net.parameters())
        clock, processor = milliseconds(net, x, repeats)
        print(f"| {name} | {kmac:.1f} | {parameters:,} | {clock:.0f} | {processor:.0f} |", flush=True)


if __name__ == "__main__":
    auto_cli(main)
