"""Fit virtual codecs to real encoders: training photographs → levels and real bits → log-odds → weights.

    python -m mvlib.virtual.calibrate --codec x265

First the log-odds of every group of levels, by maximum likelihood; then one positive weight for each feature, so that
the sum follows the bits that the real encoder wrote (``fit.py``). Validation photographs are only looked at. JPEG's
bits are exact and need no fit; its levels' log-odds give the slope.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from mvlib._lock import alone

from .codec import I_OFFSET, VirtualCodec
from .colour import pad_planes, rgb_to_planes
from .fit import Pool, errors, fit_group, fit_weights, gather
from .fitted import FOLDER, store, store_rate
from .intra import code_i
from .jpeg import VirtualJpeg
from .quantise import hard
from .rate import Features, FrameRate, GroupRate, Levels, level_features
from .settings import settings_for


@dataclass(frozen=True)
class Material:
    """What a fit is made on: ``count`` squares of ``size`` of a split, each at ``per`` QPs drawn from 12..51."""

    split: str
    size: int
    count: int
    per: int


TRAIN = (Material("train", 224, 200, 4), Material("train", 128, 60, 3))
VALIDATION = (Material("val", 224, 40, 4),)


def pictures(material: Material, seed: int) -> tuple[list[np.ndarray], list[int]]:
    """Squares (1, size, size, 3) uint8 and a QP for each; a square comes once for each of its QPs."""
    from mvlib.datasets import Photos

    photos = Photos(material.split, material.size, crop="random", flip=False, seed=seed)
    rng = np.random.default_rng(seed)
    items, qps = [], []
    for i in np.linspace(0, len(photos) - 1, min(material.count, len(photos))).astype(int):
        square = (photos[int(i)] * 255).round().byte().permute(1, 2, 0).numpy()[None]
        items += [square] * material.per
        qps += [int(q) for q in rng.choice(np.arange(12, 52), material.per, replace=False)]
    return items, qps


def squares(parts: tuple[Material, ...]) -> tuple[list[np.ndarray], list[int]]:
    """The squares and QPs of several materials, one after the other."""
    each = [pictures(material, seed) for seed, material in enumerate(parts)]
    return [x for items, _ in each for x in items], [q for _, qps in each for q in qps]


@dataclass
class Coded:
    """Virtual I frames of one batch: levels, counts of modes, the frames' QP."""

    levels: list[Levels]
    modes: Features
    qp: Tensor


@torch.no_grad()
def code_virtually(
    codec: VirtualCodec, items: list[np.ndarray], qps: list[int], batch: int = 16
) -> list[Coded]:
    """Code the squares with hard rounding; shows its progress."""
    out = []
    for i in tqdm(range(0, len(items), batch), desc="virtual I frames"):
        for rgb, qp in _by_size(items[i : i + batch], qps[i : i + batch]):
            frame_qp = (qp + codec.qp_offset).clamp(min=0)
            planes = pad_planes(rgb_to_planes(rgb), codec.settings.multiple)
            frame = code_i(planes, frame_qp, codec.settings, hard)
            out.append(Coded(frame.levels, frame.modes, frame_qp))
    return out


def features_of(coded: list[Coded], groups: dict[str, GroupRate], grouped: bool) -> tuple[Features, Tensor]:
    """Features (n,) and QP (n,) of all squares."""
    with torch.no_grad():
        rows = [level_features(c.levels, len(c.qp), groups, grouped) | c.modes for c in coded]
    names = sorted(set().union(*rows))
    blank = [torch.zeros(len(c.qp)) for c in coded]
    merged = {n: torch.cat([r.get(n, z) for r, z in zip(rows, blank, strict=True)]) for n in names}
    return merged, torch.cat([c.qp for c in coded])


def fit_intra(
    name: str, gop: str, workers: int | None = None
) -> tuple[FrameRate, dict[str, dict[str, float]]]:
    """Fit the rate of I frames to ``RealCodec(name, gop=gop)``; errors on training and validation squares too."""
    from mvlib.codecs import RealCodec

    codec = VirtualCodec(settings_for(name, gop), {}, I_OFFSET[gop])
    grouped = codec.settings.standard == "h265"
    real = RealCodec(name, gop=gop)
    material = {"train": TRAIN, "val": VALIDATION}
    coded, bits = {}, {}
    for split, parts in material.items():
        items, qps = squares(parts)
        coded[split] = code_virtually(codec, items, qps)
        bits[split] = torch.tensor(
            [float(c.bits) for c in real.map(items, qps, workers=workers, progress=True)]
        )
    pools: dict[str, Pool] = {}
    for c in coded["train"]:
        gather(pools, c.levels, grouped)
    groups = {g: fit_group(pool) for g, pool in sorted(pools.items())}
    rate = fit_weights(*features_of(coded["train"], groups, grouped), bits["train"], groups, header=800.0)
    report = {}
    for split in material:
        features, qp = features_of(coded[split], groups, grouped)
        report[split] = errors(rate.bits(features, qp), bits[split], qp)
    return rate, report


def _by_size(items: list[np.ndarray], qps: list[int]) -> list[tuple[Tensor, Tensor]]:
    """Runs of squares of one size, in order, as tensors: pictures (B, 3, H, W) in [0, 1] and QPs (B,)."""
    pairs = groupby(zip(items, qps, strict=True), key=lambda pair: pair[0].shape)
    runs = [list(zip(*run, strict=True)) for _, run in pairs]
    return [
        (torch.from_numpy(np.concatenate(x)).permute(0, 3, 1, 2) / 255, torch.tensor(q).float())
        for x, q in runs
    ]


def fit_jpeg() -> None:
    """Store the log-odds of JPEG's levels and the table from QP to quality that ``RealCodec("jpeg")`` uses."""
    from mvlib.codecs.qp_scale import tables

    kinds = tables()["codecs"]["jpeg"]
    qualities = {"stock": kinds["still"]["native"], "intra": kinds["intra"]["native"]}
    codec = VirtualJpeg(qualities["stock"], FrameRate(defaultdict(GroupRate), {}, 0.0, (0.0, 0.0)))
    pools: dict[str, Pool] = {}
    items, qps = squares(TRAIN)
    with torch.no_grad():
        for rgb, qp in _by_size(items, qps):
            for some, at in zip(rgb.split(16), qp.split(16), strict=True):
                gather(pools, codec.levels(some, codec.quality(at)), grouped=False)
    groups = {g: fit_group(pool) for g, pool in sorted(pools.items())}
    store_rate("jpeg", "any", "I", FrameRate(groups, {}, 0.0, (0.0, 0.0)))
    store("jpeg", "quality_of_qp", qualities)


def calibrate(codec: Literal["x265", "x264", "jpeg"] = "x265", workers: int | None = None) -> None:
    """Refit a virtual codec's rate on the training photographs and clips and store it in mvlib/virtual/weights.

    Args:
        codec: which encoder to follow.
        workers: processes for the real encoder; default one per core.
    """
    from .calibrate_inter import fit_p_frames

    with alone(FOLDER / f"{codec}.json", "calibration"):
        if codec == "jpeg":
            fit_jpeg()
            return
        for gop in ("intra", "stock"):
            rate, report = fit_intra(codec, gop, workers)
            store_rate(codec, gop, "I", rate)
            _print(codec, gop, "I", report)
        for gop, report in fit_p_frames(codec, workers):
            _print(codec, gop, "P", report)


def _print(codec: str, gop: str, kind: str, report: dict[str, dict[str, float]]) -> None:
    for split, numbers in report.items():
        print(codec, gop, kind, split, " ".join(f"{k} {v:.4f}" for k, v in numbers.items()))


if __name__ == "__main__":
    from jsonargparse import auto_cli

    auto_cli(calibrate)
