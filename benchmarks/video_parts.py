"""What the parts of *CompactVideo* do: the shipped weights with one option of the network changed, not trained anew.

    python benchmarks/video_parts.py --out data/results/clips_ablation.json

* *first frame alone*: the first frame of a clip goes out before the second is there, so nothing tells what moves;
* *no past*: every frame by itself;
* *no motion*: the last output is taken where it lies, not moved along;
* *with the finest band*: without the fixed low-pass, a blur of 0.7 pixels.
"""

import shlex
import sys
from dataclasses import replace
from pathlib import Path

from jsonargparse import auto_cli

import mvlib
from mvlib.preprocess import CompactVideo

CHANGED = {
    "first frame alone": {"opening": False},
    "no past": {"temporal": False},
    "no motion": {"motion": False},
    "with the finest band": {"finest": True},
}


def main(
    out: Path = Path("runs/clips_ablation.json"),
    split: str = "val",
    limit: int = 64,
    codecs: tuple[str, ...] = ("x265", "x264"),
    analysers: tuple[str, ...] = ("action_resnet3d", "action_shift", "action_recurrent"),
    qps: tuple[int, ...] = (30, 35, 40, 45, 50),
    cells: Path = Path("runs/cells"),
) -> None:
    """Compare the network's variants with the network as it ships, on generated scenes at equal KL.

    Args:
        out: the result, as JSON.
        split, limit: of the scenes, and how many.
    """
    shipped = mvlib.load_preprocessor("video")
    rows: dict[str, CompactVideo] = {"CompactVideo": shipped}
    for row, options in CHANGED.items():
        rows[row] = CompactVideo(replace(shipped.config, **options)).eval()
        rows[row].load_state_dict(shipped.state_dict())
    scenes = mvlib.open_dataset("scenes", split=split, count=limit)
    options = {"baselines": [], "against": "CompactVideo", "scores": ["kl"], "cells": cells, "workers": 1}
    report = mvlib.evaluate(scenes, rows, analysers, list(codecs), qps, **options)
    report.result["command"] = f"python {shlex.join(sys.argv)}"
    report.save(out)
    print(report)


if __name__ == "__main__":
    auto_cli(main)
