"""The encoder's own way to look where it matters: a detector's boxes → regions of interest → x265 in CRF mode.

    python benchmarks/compare_regions.py --out runs/regions.json --split train --count 24 --offsets '[-3, -6, -9]'
    python benchmarks/compare_regions.py --material cameras --split test --count 7 --scores '[divergence]'

The rival that a practitioner would take: FFmpeg's filter addroi marks what NanoDet finds in the picture, and x265
codes that finer. It obeys only with adaptive quantisation and at a constant rate factor, so the anchor has both. Rows:
the codec alone, regions with each offset, preprocessors, both; x265 without its psychovisual choices; and all but the
same boxes blurred, which is what a network that knew where things are could do. Pasted pictures and scenes have exact
boxes; NanoDet finds the regions.
"""

import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
import torch
from jsonargparse import auto_cli

from mvlib import load_analyser
from mvlib.codecs import RealCodec, Stream, video
from mvlib.codecs.encoders import ENCODERS, Encoder
from mvlib.evaluation.conditions import Condition, condition, gaussian_blur, row_of
from mvlib.evaluation.experiment import ANCHOR, Experiment
from mvlib.evaluation.material import load_material
from mvlib.evaluation.protocol import measure
from mvlib.evaluation.report import make_report
from mvlib.evaluation.result import Report

Boxes = list[tuple[int, int, int, int]]  # left, top, right, bottom in pixels
CELL = 16  # x265 moves the quantiser by squares of so many pixels
CRF_TO_QP = 4
"""At constant rate factor r a clip has about the mean QP of one at constant QP r + 4.5 (notebook 04)."""


def _crf(native: int, gop: str) -> dict[str, str]:
    return {"crf": str(native)}


class Regions(RealCodec):
    """x265 at a constant rate factor; inside of what ``find`` finds, the QP moves by ``offset``.

    Args:
        offset: 0 is the anchor, which looks for nothing.
        find: a picture uint8 (H, W, 3) → boxes.  found: how, in words, for results.
        gop, options: as of ``RealCodec``.
    """

    def __init__(
        self,
        offset: float = 0,
        find: Callable[[np.ndarray], Boxes] | None = None,
        found: str = "",
        gop: str = "intra",
        options: dict | None = None,
    ):
        super().__init__("x265", gop=gop, options={"aq-mode": 2} | (options or {}))
        self.offset, self.find, self.found = offset, find, found

    @property
    def encoder(self) -> Encoder:
        return replace(ENCODERS["x265"], quantiser=_crf)

    def identity(self, native: int, count: int) -> list:
        return [*super().identity(native, count), self.offset, self.found if self.offset else ""]

    def encode(self, frames: np.ndarray, native: int) -> Stream:
        def mark(frame: av.VideoFrame, i: int) -> av.VideoFrame:
            return marked(frame, self.find(frames[i]), self.offset)

        settings = self.settings(native, len(frames))
        return video.encode(self.encoder, frames, settings, mark if self.offset else None)


def marked(frame: av.VideoFrame, boxes: Boxes, offset: float) -> av.VideoFrame:
    """``frame`` with its QP moved by ``offset`` inside ``boxes``."""
    graph = av.filter.Graph()
    last = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    steps = [
        graph.add("addroi", f"x={left}:y={top}:w={right - left}:h={bottom - top}:qoffset={offset / 51:.5f}")
        for left, top, right, bottom in boxes
    ]
    for step in [*steps, graph.add("buffersink")]:
        last.link_to(step)
        last = step
    graph.configure()
    graph.push(frame)
    return graph.pull()


def nanodet_boxes(margin: int, score: float = 0.3) -> Callable[[np.ndarray], Boxes]:
    """Picture uint8 (H, W, 3) → NanoDet's boxes, ``margin`` pixels larger, out to whole cells."""
    detector = load_analyser("nanodet")

    @lru_cache(maxsize=4096)
    def found(data: bytes, height: int, width: int) -> Boxes:
        picture = torch.frombuffer(bytearray(data), dtype=torch.uint8).view(1, height, width, 3)
        (objects,) = detector.detect(picture.permute(0, 3, 1, 2) / 255, score=score)
        low = ((objects.boxes[:, :2] - margin) // CELL * CELL).clamp(min=0)
        high = -((-objects.boxes[:, 2:] - margin) // CELL) * CELL
        high = torch.minimum(high, torch.tensor([width, height]))
        return [tuple(map(int, box)) for box in torch.cat([low, high], 1)]

    return lambda picture: found(picture.tobytes(), *picture.shape[:2])


def blur_outside(
    find: Callable[[np.ndarray], Boxes], sigma: float
) -> Callable[[np.ndarray, float], np.ndarray]:
    """(frames uint8 (T, H, W, 3), qp) → the same, blurred by ``sigma`` pixels outside of what ``find`` finds."""

    def prepare(frames: np.ndarray, qp: float) -> np.ndarray:
        blurred = gaussian_blur(frames, sigma=sigma)
        for picture, smooth in zip(frames, blurred, strict=True):
            for left, top, right, bottom in find(picture):
                smooth[top:bottom, left:right] = picture[top:bottom, left:right]
        return blurred

    return prepare


def main(
    out: Path = Path("runs/regions.json"),
    material: str = "pasted",
    split: str = "val",
    count: int = 24,
    groups: int = 12,
    offsets: tuple[float, ...] = (-6.0,),
    margin: int = 16,
    preprocessors: tuple[str, ...] = (),
    blurs: tuple[float, ...] = (),
    qps: tuple[int, ...] = (27, 34, 41, 47),
    analysers: tuple[str, ...] = ("nanodet", "centernet"),
    scores: tuple[str, ...] = ("divergence", "ap"),
    cells: Path = Path("runs/cells"),
) -> None:
    """Measure regions of interest on pasted pictures, or on clips with x265's usual settings.

    Args:
        out: the result, as JSON.
        material: pasted, or of clips acting (16 frames), films or cameras (8 frames).
        count: pictures or clips.  groups: of pasted pictures, which share neither photograph nor cut-out.
        offsets: of the QP inside the boxes.  margin: pixels around NanoDet's boxes.
        preprocessors: "title=name" as for load_preprocessor, for one more row each, alone and with each offset.
        blurs: standard deviations, in pixels, of a blur outside the boxes; a row for each.
        qps: values of CRF.
    """
    stills = material == "pasted"
    kind, gop, frames = (
        ("pictures", "intra", 1) if stills else ("clips", "stock", 16 if material == "acting" else 8)
    )
    find, how = nanodet_boxes(margin), f"nanodet 0.3, margin {margin}"
    codecs = {"": Regions(gop=gop)} | {f"regions {o:+g}": Regions(o, find, how, gop) for o in offsets}
    experiment = Experiment(
        kind=kind, codecs=("x265",), analysers=analysers, scores=scores, qps=qps, conditions=(ANCHOR,), gop=gop,
        preprocessors=preprocessors, material=material, split=split, limit=count, frames=frames,
        reader={"groups": groups} if stills else {},
    )  # fmt: skip
    known = load_material(experiment)
    common = {"cells": cells, "workers": 1, "material": known}
    rows = [told(condition(row, qps), 0 if stills else CRF_TO_QP) for row in experiment.rows]
    measured, sources = measure(experiment, codecs=codecs, rows=rows, **common)
    alone = {"": codecs[""]}
    if not stills:  # of pictures coded intra they are off
        off = {"psy-rd": 0, "psy-rdoq": 0}
        measured |= measure(
            experiment, codecs={"psy off": Regions(gop=gop, options=off)}, rows=rows[:1], **common
        )[0]
    if blurs:
        outside = [row_of(f"blur {s:g} outside", blur_outside(find, s), qps, "cpu") for s in blurs]
        measured |= measure(experiment, codecs=alone, rows=outside, **common)[0]
    joined = {("x265 crf", _title(codec, row)): values for (codec, row), values in measured.items()}
    options = {
        "material": material, "offsets": offsets, "margin": margin, "preprocessors": preprocessors, "blurs": blurs,
        "groups": groups if stills else None, "count": count, "split": split, "qps": qps, "against": ANCHOR,
        "draws": experiment.draws, "seed": experiment.seed, "anchor": f"{codecs['']!r} at constant rate factor",
        "found": how,
    }  # fmt: skip
    command = shlex.join(["python", "benchmarks/compare_regions.py", *sys.argv[1:]])
    result = make_report(experiment, joined, sources, command, known, options, workers=1)
    report = Report(result, joined, sources)
    report.save(out)
    print(report)


def told(row: Condition, more: float) -> Condition:
    """``row`` whose preprocessor is told a QP that is ``more`` than the rate factor."""
    return (
        row
        if row.untouched
        else replace(
            row,
            prepare=lambda frames, qp: row.prepare(frames, qp + more),
            weights=f"{row.identity} {more:+g}",
        )
    )


def _title(codec: str, row: str) -> str:
    return row if not codec else codec if row == ANCHOR else f"{row}, {codec}"


if __name__ == "__main__":
    auto_cli(main)
