"""Two steps with guides that look at smaller pictures: what it saves in time, and what it costs in bits.

    python benchmarks/light_guides.py --out data/results/images_light_guides_val.json

Guides take more than half of the time of two steps. Shrunk to 160 pixels a side in place of 224, a picture costs the
classifier half; NanoDet enlarges a picture to 416 pixels. Each row is *refined after contrast*, with guides that see
pictures of the sides in its title; the table counts analysers at their own sides. The times are the processor's for a
picture of 224x224, the least of some calls, all rows in turn in one run.
"""

import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from jsonargparse import auto_cli

import mvlib
from mvlib.preprocess import Refinement

ROWS = ("lite0 224", "lite0 160", "lite0 128", "lite0 224 nanodet 416", "lite0 224 nanodet 224")
GUIDES = {"lite0": "efficientnet_lite0", "nanodet": "nanodet"}


def refined(row: str) -> Refinement:
    """Refinement with guides that see pictures of these sides in pixels: "lite0 160", "lite0 224 nanodet 224"."""
    words = row.split()
    sides = {GUIDES[name]: int(side) for name, side in zip(words[::2], words[1::2], strict=True)}
    made = mvlib.load_preprocessor(
        f"refined:x265:{'+'.join(sides)}:2:views=false:after=contrast:precision=float32"
    )
    for name, side in sides.items():
        made.pictures.analysers[name].input_size = (side, side)
    return made


def least_seconds(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Processor's time of each of ``calls``, which take turns."""
    taken: dict[str, list[float]] = {title: [] for title in calls}
    for _ in range(repeats):
        for title, call in calls.items():
            begun = time.process_time()
            call()
            taken[title].append(time.process_time() - begun)
    return {title: min(times) for title, times in taken.items()}


def main(
    out: Path = Path("runs/light_guides.json"),
    rows: tuple[str, ...] = ROWS,
    split: str = "val",
    limit: int = 24,
    qps: tuple[int, ...] = (22, 32, 42),
    analysers: tuple[str, ...] = ("efficientnet_lite0", "efficientnet_lite2", "nanodet", "mobilenetv2"),
    scores: tuple[str, ...] = ("kl", "divergence", "features"),
    repeats: int = 5,
    cells: Path = Path("runs/cells"),
) -> None:
    """Measure rows with x265 intra, and time them.

    Args:
        out: the result, as JSON.
        rows: guides, each with the side of what it sees in pixels; times are told as shares of the first too.
        split, limit: photographs.
    """
    made = {row: refined(row) for row in rows}
    photos = mvlib.open_dataset("photos", split=split)
    x = torch.from_numpy(photos[0].frames).permute(0, 3, 1, 2).float() / 255
    seconds = least_seconds({title: lambda net=net: net(x, 37.0) for title, net in made.items()}, repeats)
    first = seconds[rows[0]]
    for title, taken in seconds.items():
        print(f"{title}: {taken:.3f} s of the processor's time, {taken / first:.2f} of the first")
    report = mvlib.evaluate(
        photos,
        made,
        analysers,
        ["x265"],
        qps,
        baselines=[],
        scores=scores,
        cells=cells,
        limit=limit,
        workers=1,
    )
    report.result["command"] = f"python {shlex.join(sys.argv)}"
    report.save(out)
    print(report)


if __name__ == "__main__":
    auto_cli(main)
