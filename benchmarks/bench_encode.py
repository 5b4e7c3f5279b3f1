"""Peak memory and speed of ``mvlib encode``: films of 200 and of 2,000 frames, 1080p, and a picture of 4K.

    python benchmarks/bench_encode.py                         # about 10 minutes on two cores
    python benchmarks/bench_encode.py --only qp               # what finding the QP costs, and how near it comes

Each line is a process of its own; memory is its peak, Python and torch (about 350 MiB) included.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from mvlib.datasets import data_root
from mvlib.media import open_clip

FILMS = ("bigbuckbunny_0", "vtest_0", "bikes_0", "box_0")


def film(path: Path, count: int, width: int, height: int) -> Path:
    """``count`` frames: clips of the test data one after another, again and again, at that size."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "12", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        written = 0
        while written < count:
            for name in FILMS:
                for pixels in open_clip(data_root() / "clips" / f"{name}.mp4").frames():
                    if written == count:
                        break
                    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                    frame = frame.reformat(width, height, "yuv420p")
                    frame.pts, frame.time_base = written, Fraction(1, 25)
                    out.mux(stream.encode(frame))
                    written += 1
        out.mux(stream.encode(None))
    return path


def picture(path: Path, width: int, height: int) -> Path:
    """Noise, smoothed: as large as is asked for."""
    small = np.random.default_rng(0).integers(0, 256, (height // 16, width // 16, 3), np.uint8)
    Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


def run(file: Path, out: str, *options: str) -> tuple[dict, int, float]:
    """What the command tells of itself, its peak memory in MiB, and the seconds it took."""
    numbers = file.with_suffix(".json")
    command = [sys.executable, "-m", "mvlib", "encode", str(file), str(file.with_name(out)), "--overwrite"]
    command += ["--json", str(numbers), *options]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(said)
    return json.loads(numbers.read_text()), used.ru_maxrss // 1024, time.perf_counter() - began


def lengths(folder: Path, counts: list[int], size: tuple[int, int]) -> None:
    """Peak memory against length."""
    width, height = size
    for name in ("image", "video"):
        for count in counts:
            file = film(folder / f"{count}.mkv", count, width, height)
            told, peak, took = run(file, "out.mp4", "--preprocessor", name)
            speed = told["frames per second"]
            print(
                f"{told['frames']:5} frames {width}x{height}, {name:5}: {peak:5} MiB, {speed:6.1f} frames/s, "
                f"{took:.0f} s in all"
            )


def sizes(folder: Path) -> None:
    """Peak memory against size."""
    file = film(folder / "hd.mkv", 32, 1920, 1080)
    for options in (
        ("--sample", "0"),
        ("--preprocessor", "image", "--sample", "0"),
        ("--preprocessor", "image", "--sample", "8"),
    ):
        told, peak, took = run(file, "out.mp4", *options)
        print(
            f"   32 frames 1920x1080, {' '.join(options)}: {peak} MiB, "
            f"{told['frames per second']} frames/s, {took:.0f} s"
        )
    file = picture(folder / "4k.png", 3840, 2160)
    for options in (
        ("--sample", "0"),
        ("--preprocessor", "image", "--sample", "0"),
        ("--preprocessor", "image"),
    ):
        _, peak, took = run(file, "out.jpg", *options)
        print(f"picture 3840x2160, {' '.join(options)}: {peak} MiB, {took:.0f} s")


def qp(folder: Path, count: int, size: tuple[int, int]) -> None:
    """The QP that is found beforehand, against the one that the encoder chose over the whole film."""
    file = film(folder / "film.mkv", count, *size)
    for codec, wish in (
        ("x264", ("--crf", "28")), ("x265", ("--crf", "28")), ("svtav1", ("--crf", "40")), ("vp9", ("--crf", "40")),
        ("x264", ("--bitrate", "60k")), ("x265", ("--bitrate", "60k")), ("svtav1", ("--bitrate", "60k")),
        ("vp9", ("--bitrate", "60k")),
    ):  # fmt: skip
        told, _, _ = run(file, "out.mp4", "--codec", codec, "--preprocessor", "image", "--sample", "0", *wish)
        work = told["frames"] / told["frames per second"]
        print(
            f"{codec:6} {' '.join(wish):15}: given {told['preprocessor qp']:.1f}, chosen {told['qp']:.1f}; "
            f"{told['bits'] / told['seconds'] / 1000:.0f} kbit/s; "
            f"found in {told['seconds to find the qp']:.1f} s, written in {work:.1f} s"
        )


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=("length", "size", "qp"))
    parser.add_argument("--frames", type=int, nargs="+", default=[200, 2000])
    parser.add_argument("--size", type=int, nargs=2, default=[128, 96])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.only in (None, "length"):
            lengths(Path(folder), options.frames, options.size)
        if options.only in (None, "size"):
            sizes(Path(folder))
        if options.only in (None, "qp"):
            qp(Path(folder), 400, options.size)


if __name__ == "__main__":
    main()
