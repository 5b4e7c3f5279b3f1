"""The tables of ``qp_tables.json``: photographs, clips → x265's luma PSNR per qp ↔ each encoder's per native → table.

    python -m mvlib.calibration qp_tables

For every qp the table holds the native value at which an encoder's mean luma PSNR (BT.709 luma of the RGB pictures,
dB, mean over pictures) is x265's (medium) at that qp:

* ``intra``: photographs, every frame at a fixed quantiser, against x265 with gop="intra". Also used for ``ippp``.
* ``still``: photographs, a clip of one picture in a stock GOP, against x265 with gop="stock", which gives its I
  pictures a finer quantiser. Still codecs and Motion JPEG have this for every frame of a stock GOP.
* ``stock``: clips in a stock GOP, mean over all frames, against x265 with gop="stock".

Luma, since its distortion follows the quantiser step, while chroma has offsets of each encoder's own and a floor
that 4:2:0 sets.
"""

import json
from pathlib import Path

import av
import numpy as np
from PIL import Image

from mvlib._files import alone, write_json
from mvlib._numbers import psnr_of
from mvlib._packaged import packaged
from mvlib.codecs.codec import RealCodec, versions
from mvlib.codecs.encoders import ENCODERS, QP_MAX
from mvlib.colour import COLOURS
from mvlib.datasets._root import read_manifest

SIDE = 224  # of the crops from the middle
FRAMES = 17  # of a clip: a whole mini-GOP of 16 after the first frame
STEP = 3  # between measured native values; PSNR is close to linear in between
_LUMA = COLOURS["bt709"].weights.astype(np.float32)
TARGET = {"intra": "intra", "still": "stock", "stock": "stock"}  # kind -> gop
KINDS = list(TARGET)
OUT = packaged("codecs", "qp_tables.json")


def middle(frames: np.ndarray) -> np.ndarray:
    """The (T, SIDE, SIDE, 3) middle of (T, H, W, 3), or less where a clip is smaller."""
    top, left = (max(0, (n - SIDE) // 2) for n in frames.shape[1:3])
    return frames[:, top : top + SIDE, left : left + SIDE]


def files(manifest: str, count: int) -> list[Path]:
    """``count`` files of the train split, evenly spread over the manifest's order."""
    items = read_manifest(manifest, "train")
    return [items[i].path for i in np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)]


def photographs(count: int) -> list[np.ndarray]:
    """Photographs as clips of one frame."""
    return [middle(np.asarray(Image.open(path).convert("RGB"))[None]) for path in files("photos.csv", count)]


def excerpts(count: int) -> list[np.ndarray]:
    """The first frames of clips, in the colours that the codecs' own decoder gives: the tables were measured so."""
    found = []
    for path in files("clips.csv", count):
        with av.open(str(path)) as container:
            frames = [
                f.to_ndarray(format="rgb24")
                for f, _ in zip(container.decode(video=0), range(FRAMES), strict=False)
            ]
        found.append(middle(np.stack(frames)))
    return found


def luma_psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Mean over frames of the luma PSNR in dB, at most 60; a, b: uint8 (T, H, W, 3)."""
    error = ((a.astype(np.float32) - b.astype(np.float32)) @ _LUMA) ** 2
    return float(np.mean([min(60.0, psnr_of(mse)) for mse in error.mean(axis=(1, 2))]))


def curve(name: str, gop: str, items: list[np.ndarray], natives: np.ndarray, workers: int) -> np.ndarray:
    """Mean luma PSNR in dB for each native value."""
    codec = RealCodec(name, gop=gop)
    means = []
    for native in natives:
        coded = codec.map(items, natives=int(native), workers=workers)
        means.append(np.mean([luma_psnr(c.frames, x) for c, x in zip(coded, items, strict=True)]))
    return np.array(means)


def spaced(low: int, high: int) -> np.ndarray:
    """low, low + STEP, ... and high."""
    return np.unique([*range(low, high + 1, STEP), high])


def invert(natives: np.ndarray, quality: np.ndarray, target: np.ndarray) -> tuple[list[float], list[int]]:
    """Native values with the target's quality, and the first and last qp at which the scale reaches it."""
    if quality[0] > quality[-1]:
        natives, quality = natives[::-1], quality[::-1]
    rising = np.maximum.accumulate(quality)  # a dent would make the table go back
    inside = np.flatnonzero((target >= rising[0]) & (target <= rising[-1]))
    return np.interp(target, rising, natives).round(2).tolist(), [int(inside[0]), int(inside[-1])]


def measure(kind: str, names: list[str], items: list[np.ndarray], workers: int) -> dict:
    """One kind of table for each named codec."""
    gop = TARGET[kind]
    qps = spaced(0, QP_MAX)
    target = np.interp(np.arange(QP_MAX + 1), qps, curve("x265", gop, items, qps, workers))
    made = {}
    for name in names:
        low, high = ENCODERS[name].native
        # VP9's 0 is lossless, a jump that no straight line follows
        natives = spaced(1 if name == "vp9" else low, high)
        native, reached = invert(natives, curve(name, gop, items, natives, workers), target)
        made[name] = {"native": native, "reached": reached, "n": len(items)}
        some = [native[qp] for qp in (22, 27, 32, 37, 42, 47)]
        print(kind, name, f"qp {reached[0]}..{reached[1]}", some, flush=True)
    return made


def make_tables(
    photos: int = 32, clips: int = 12, workers: int = 1, kinds: list[str] = KINDS, out: Path = OUT
) -> None:
    """Measure the native value of every encoder that has x265's luma PSNR at each QP, and write the tables.

    Args:
        photos, clips: how many of each.
        workers: processes for the encoders.
        kinds: which tables: intra, still, stock.
        out: file of the tables; those of other kinds stay.
    """
    with alone(out, "measurement"):
        found = json.loads(out.read_text())["codecs"] if out.exists() else {}
        own_scale = [name for name in ENCODERS if name not in ("x264", "x265")]
        sources: list[str] | str
        for kind in kinds:
            if kind == "stock":
                items, names = excerpts(clips), ["svtav1", "vp9"]
                sources = [path.name for path in files("clips.csv", clips)]
            else:
                items, names, sources = photographs(photos), own_scale, "photos"
            for name, table in measure(kind, names, items, workers).items():
                found.setdefault(name, {})[kind] = table | {"sources": sources}
        result = {
            "name": "qp-tables",
            "description": "native value of each encoder (preset medium) whose mean luma PSNR is x265's at qp 0..51",
            "command": "python -m mvlib.calibration qp_tables",
            "side": SIDE,
            "frames": {"intra": 1, "still": 1, "stock": FRAMES},
            "versions": versions(),
            "codecs": found,
        }
        write_json(out, result)
