"""What a frame of a clip costs the virtual codec: clips of 1 to 16 frames, frames of four sizes → ms and ratios.

    python benchmarks/bench_inter.py             # prints tables; --json FILE writes them too

Forward plus backward of a photograph under a pan with a patch moving against it. Each round times all cases in turn and
the table holds medians of the ratios within a round, so that a busy machine slows numerator and denominator alike.
Peak memory is that of the whole process, measured for each case in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from mvlib.datasets import Photos
from mvlib.virtual.codec import VirtualCodec

QP = 32.0
FRAMES = (1, 2, 4, 8, 16)
SIDES = (112, 224, 448, 896)


def panning_clip(frames: int, side: int) -> torch.Tensor:
    """(1, T, 3, side, side) in [0, 1]."""
    photos = Photos("train", 224, crop="centre", flip=False)
    back = F.interpolate(photos[3][None], size=(side + 2 * frames,) * 2, mode="bicubic").clamp(0, 1)[0]
    patch = F.interpolate(photos[40][None], size=(side // 4,) * 2, mode="area")[0]
    out = []
    for t in range(frames):
        frame = back[:, t : t + side, 2 * t : 2 * t + side].clone()
        left = side // 2 - 3 * t
        frame[:, side // 3 : side // 3 + side // 4, left : left + side // 4] = patch
        out.append(frame)
    return torch.stack(out)[None]


def seconds(codec: VirtualCodec, clip: torch.Tensor) -> float:
    """Wall time of one forward and backward pass."""
    clip = clip.clone().requires_grad_()
    start = time.perf_counter()
    out = codec(clip, QP)
    (out.bits.sum() * 1e-6 + out.frames.square().mean()).backward()
    return time.perf_counter() - start


def rounds(codec: VirtualCodec, cases: dict[str, torch.Tensor], repeats: int) -> list[dict[str, float]]:
    """Milliseconds of every case, in turn, after one round that warms up."""
    out = [{name: 1000 * seconds(codec, clip) for name, clip in cases.items()} for _ in range(repeats + 1)]
    return out[1:]


def _high_water() -> float:
    """Largest resident memory of this process since the mark was last lowered, in MiB (Linux)."""
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _peak(name: str, frames: int, side: int, queue: multiprocessing.Queue) -> None:
    torch.set_num_threads(1)
    codec, clip = VirtualCodec.like(name, "ippp"), panning_clip(frames, side)
    seconds(codec, panning_clip(2, 64))
    Path("/proc/self/clear_refs").write_text("5")  # lowers the mark to what is resident now
    before = _high_water()
    seconds(codec, clip)
    queue.put(_high_water() - before)


def peak_mebibytes(name: str, frames: int, side: int) -> float:
    """Memory that one forward and backward pass adds to a process, in MiB."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_peak, args=(name, frames, side, queue))
    process.start()
    value = queue.get()
    process.join()
    return value


def measure(name: str, repeats: int) -> dict:
    """All tables of one codec."""
    codec = VirtualCodec.like(name, "ippp")
    by_frames = rounds(codec, {str(t): panning_clip(t, 224) for t in FRAMES}, repeats)
    by_side = rounds(codec, {str(s): panning_clip(3, s) for s in SIDES}, max(2, repeats // 3))
    rows = []
    for t in FRAMES:
        ratio = statistics.median(r[str(t)] / r["1"] for r in by_frames)
        ms = statistics.median(r[str(t)] for r in by_frames)
        rows.append({"frames": t, "side": 224, "ms": round(ms, 1), "ratio_to_i_frame": round(ratio, 2)})
    for s in SIDES:
        ratio = statistics.median(r[str(s)] / r["224"] for r in by_side)
        ms = statistics.median(r[str(s)] for r in by_side)
        rows.append(
            {"frames": 3, "side": s, "ms": round(ms, 1), "ratio_per_sample": round(ratio * (224 / s) ** 2, 2)}
        )
    memory = [
        {"frames": t, "side": 224, "peak_mebibytes": round(peak_mebibytes(name, t, 224))} for t in (1, 4, 8)
    ]
    return {
        "codec": name,
        "qp": QP,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "rows": rows + memory,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--codec", choices=("x265", "x264"), default="x265")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    result = measure(args.codec, args.repeats)
    for row in result["rows"]:
        print("  ".join(f"{k} {v}" for k, v in row.items()))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
