"""What the virtual codec costs: 8 pictures of 224×224, forward and backward, beside kornia's differentiable JPEG.

    python benchmarks/bench_virtual.py              # prints a table; --json FILE writes it too

Each round times all cases in turn, and the table holds medians of the ratios within a round, so that a busy machine
slows numerator and denominator alike. The time is the processor's, on one thread unless OMP_NUM_THREADS says more.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from kornia.enhance.jpeg import jpeg_codec_differentiable

from mvlib._planes import to_frames
from mvlib.codecs import RealCodec
from mvlib.datasets import Photos
from mvlib.fidelity.measuring import plane_psnr
from mvlib.virtual import VirtualCodec

QP, QUALITY, COUNT = 32.0, 70.0, 8
PEER = "kornia JPEG"


def cases() -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
    """Name -> pictures (B, 3, H, W) to a scalar that needs all of the case's work."""

    def ours(codec) -> Callable[[torch.Tensor], torch.Tensor]:
        def loss(x: torch.Tensor) -> torch.Tensor:
            out = codec(x[:, None], QP)
            return out.frames.square().mean() + 1e-6 * out.bits.sum()

        return loss

    def kornia(x: torch.Tensor) -> torch.Tensor:
        return jpeg_codec_differentiable(x, torch.full((len(x),), QUALITY)).square().mean()

    codecs = {
        f"virtual {name}": ours(VirtualCodec.like(name, gop="intra")) for name in ("jpeg", "x264", "x265")
    }
    return {PEER: kornia} | codecs


def luma_gaps(x: torch.Tensor) -> dict[str, float]:
    """Name -> luma PSNR in dB above that of libjpeg at the same quality, mean over pictures (B, 3, H, W)."""
    frames = to_frames(x)
    real = RealCodec("jpeg", gop="intra")(frames, native=int(QUALITY)).frames
    decoded = {
        PEER: jpeg_codec_differentiable(x, torch.full((len(x),), QUALITY)),
        "virtual jpeg": VirtualCodec.like("jpeg", gop="intra")(x[:, None], quality=QUALITY).frames[:, 0],
    }
    return {
        name: float(
            np.mean(
                [
                    plane_psnr(a[None], c[None])[0] - plane_psnr(b[None], c[None])[0]
                    for a, b, c in zip(to_frames(y), real, frames, strict=True)
                ]
            )
        )
        for name, y in decoded.items()
    }


def seconds(loss: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> float:
    """Processor time of one forward and backward pass."""
    x = x.clone().requires_grad_()
    start = time.process_time()
    loss(x).backward()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    photos = Photos("train", 224, crop="centre", flip=False)
    x = torch.stack([photos[9 * i] for i in range(COUNT)])
    table = cases()
    rounds = [{n: seconds(loss, x) for n, loss in table.items()} for _ in range(args.rounds + 1)][1:]
    result = {
        name: {
            "ms": round(1000 * statistics.median(r[name] for r in rounds), 1),
            "ratio": round(statistics.median(r[name] / r[PEER] for r in rounds), 2),
        }
        for name in table
    }
    for name, gap in luma_gaps(x).items():
        result[name]["luma PSNR above libjpeg's, dB"] = round(gap, 2)
        print(f"{name:<14} {gap:+.2f} dB of luma PSNR beside libjpeg at quality {QUALITY:g}")
    for name, row in result.items():
        print(f"{name:<14} {row['ms']:8.1f} ms   {row['ratio']:.2f} times {PEER}")
    if args.json:
        args.json.write_text(
            json.dumps({"name": "bench_virtual", "torch": torch.__version__, "results": result}, indent=1)
        )


if __name__ == "__main__":
    main()
