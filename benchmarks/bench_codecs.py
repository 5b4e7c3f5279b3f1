"""How fast the real codecs are: photographs → (one call, workers, one subprocess per picture) → ms and ratios.

    python benchmarks/bench_codecs.py            # prints tables; --json FILE writes them too

Three questions, each answered by ratios within one run on one machine:

* ``call``: one picture encoded and decoded in this process, per codec, at 224×224 and 512×384. A slider waits for this.
* ``workers``: pictures per second with 1, 2, ... worker processes.
* ``naive``: the same pictures, encoder, preset and QP the way a shell script does it: Pillow writes a PNG, the
  ``ffmpeg`` program encodes it to MP4 and decodes that to PNG, Pillow reads it.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from mvlib.codecs import ENCODERS, RealCodec, versions
from mvlib.pool import cores

DATA = Path(__file__).resolve().parents[1] / "data"
QP = 32
SIZES = {"224x224": (224, 224), "512x384": (512, 384)}  # width, height


def pictures(count: int, size: tuple[int, int]) -> list[np.ndarray]:
    """``count`` photographs (1, H, W, 3), resized; the manifest's again from the start if it has fewer."""
    with (DATA / "photos.csv").open(newline="") as file:
        paths = [DATA / row["file"] for row in csv.DictReader(file)]
    return [
        np.asarray(Image.open(paths[i % len(paths)]).convert("RGB").resize(size))[None] for i in range(count)
    ]


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def per_call(names: list[str], repeats: int) -> list[dict]:
    """Median, over different pictures, of one intra picture's encoding and decoding."""
    rows = []
    for name in names:
        row = {"codec": name}
        codec = RealCodec(name, gop="intra")
        for label, size in SIZES.items():
            items = pictures(repeats + 1, size)
            codec(items[0], qp=QP)  # the first call loads what the later ones share
            times = [seconds(partial(codec, x, qp=QP)) for x in items[1:]]
            row[f"{label} ms"] = round(1e3 * statistics.median(times), 1)
        rows.append(row)
    return rows


def scaling(names: list[str], count: int) -> list[dict]:
    """Pictures per second with 1, 2, ... worker processes, up to one per core; rounds take turns, the best counts."""
    rows = []
    for name in names:
        codec, items = RealCodec(name, gop="intra"), pictures(count, SIZES["224x224"])
        codec.map(items, QP, workers=cores())  # start the processes
        best = dict.fromkeys(range(1, cores() + 1), float("inf"))
        for _ in range(4):
            for workers in best:
                work = partial(codec.map, items, QP, workers=workers)
                best[workers] = min(best[workers], seconds(work))
        row = {"codec": name, "n": count}
        for workers, time_taken in best.items():
            row[f"{workers} workers /s"] = round(count / time_taken, 1)
            row[f"{workers} workers speed-up"] = round(best[1] / time_taken, 2)
        rows.append(row)
    return rows


def naive(program: str, library: str, picture: np.ndarray, folder: Path) -> np.ndarray:
    """One picture through files and two runs of the ``ffmpeg`` program."""
    source, coded, decoded = (folder / name for name in ("in.png", "coded.mp4", "out.png"))
    Image.fromarray(picture[0]).save(source)
    quiet = [program, "-y", "-loglevel", "error", "-nostdin"]
    flags = ["-x265-params", f"qp={QP}:log-level=none"] if library == "libx265" else ["-qp", str(QP)]
    encode = [
        *quiet,
        "-i",
        source,
        "-c:v",
        library,
        "-preset",
        "medium",
        *flags,
        "-pix_fmt",
        "yuv420p",
        coded,
    ]
    subprocess.run(encode, check=True)
    subprocess.run([*quiet, "-i", coded, decoded], check=True)
    return np.asarray(Image.open(decoded).convert("RGB"))


def against_naive(names: list[str], count: int) -> list[dict]:
    """Throughput of ``RealCodec.map`` over that of the naive way, on the same pictures; rounds take turns."""
    program = shutil.which("ffmpeg")
    if program is None:
        raise SystemExit(
            "the naive way needs the ffmpeg program (Debian: apt-get install ffmpeg); none was found"
        )
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            codec, items = RealCodec(name), pictures(count, SIZES["224x224"])
            library = ENCODERS[name].library
            naive(program, library, items[0], Path(folder))
            codec.map(items[: 2 * cores()], QP)
            slow = fast = 0.0
            for turn in range(3):
                part = items[turn::3]
                slow += seconds(lambda p=part, lib=library: [naive(program, lib, x, Path(folder)) for x in p])
                fast += seconds(partial(codec.map, part, QP))
            rates = {
                "naive /s": round(count / slow, 2),
                "map /s": round(count / fast, 1),
                "ratio": round(slow / fast, 1),
            }
            rows.append({"codec": name, "n": count, **rates})
    return rows


def program_version() -> str:
    """The first line that the ffmpeg program says about itself."""
    return subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True).stdout.split("\n")[0]


def show(title: str, rows: list[dict]) -> None:
    """Print rows of equal keys as a table."""
    cells = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    print(f"\n{title}")
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def main() -> None:
    """Run, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=60, help="pictures for workers and naive")
    parser.add_argument("--repeats", type=int, default=9, help="pictures for call")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    result = {"qp": QP, "cores": cores(), "load before": os.getloadavg()[0], "versions": versions()}
    print(
        f"{cores()} cores, load {result['load before']:.1f} before the start (others' work slows all of this)"
    )
    result["call"] = per_call(list(ENCODERS), args.repeats)
    show("One intra picture, encode and decode, median (preset medium)", result["call"])
    result["workers"] = scaling(["x264", "x265", "jpeg"], args.count)
    show("Pictures of 224x224 per second", result["workers"])
    result["naive"] = against_naive(["x264", "x265"], args.count)
    result["versions"]["ffmpeg program"] = program_version()
    show(f"One subprocess after another per picture of 224x224 ({program_version()})", result["naive"])
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
