"""What the missing B frames of the virtual codec cost: real x265 and x264 with and without them, on films.

    python benchmarks/compare_b_frames.py --out data/results/films_b_frames.json

The virtual codecs put P frames where stock encoders put B frames. So the question is whether savings without B frames
are those with them. All rows are measured in front of both, and it is printed what B frames save by luma PSNR.
"""

import shlex
import sys
from pathlib import Path

import numpy as np
from jsonargparse import auto_cli

import mvlib
from mvlib.codecs import RealCodec
from mvlib.evaluation.bdrate import bd_rate
from mvlib.evaluation.experiment import ANCHOR


def main(
    out: Path = Path("runs/b_frames.json"),
    material: str = "cameras",
    frames: int = 16,
    limit: int = 14,
    codecs: tuple[str, ...] = ("x265", "x264"),
    preprocessors: tuple[str, ...] = ("filter soft=filter_soft", "adaptive=adaptive"),
    baselines: tuple[str, ...] = ("blur 0.5", "blur 0.8"),
    analysers: tuple[str, ...] = ("efficientnet_lite0", "nanodet"),
    scores: tuple[str, ...] = ("kl", "divergence"),
    qps: tuple[int, ...] = (22, 28, 34, 40, 46),
    cells: Path = Path("runs/cells"),
) -> None:
    """Measure rows with B frames and without.

    Args:
        out: the result, as JSON.
        material: films of the test side: films or cameras.
        frames, limit: of each window, and how many windows.
    """
    coders = {name: RealCodec(name) for name in codecs}
    coders |= {f"{name} no B": RealCodec(name, options={"bframes": 0}) for name in codecs}
    report = mvlib.evaluate(
        mvlib.open_dataset(material, frames=frames),
        preprocessors,
        analysers,
        coders,
        qps,
        baselines=baselines,
        scores=scores,
        limit=limit,
        cells=cells,
    )
    report.result["command"] = f"python {shlex.join(sys.argv)}"
    report.save(out)
    print(report)
    alone = {
        curve["codec"]: np.stack([curve["results"]["bpp"], curve["results"]["psnr-y"]], 1)
        for curve in report.to_dict()["curves"]
        if curve["condition"] == ANCHOR
    }
    for name in codecs:
        saved = bd_rate(alone[f"{name} no B"], alone[name])
        print(f"{name}: B frames change the bits at equal luma PSNR by {float(saved):+.1f} %")


if __name__ == "__main__":
    auto_cli(main)
