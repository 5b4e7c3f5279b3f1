"""The rate of I frames, fitted: training photographs → levels and real bits → log-odds → weights.

First the log-odds of every group of levels, by maximum likelihood; then one positive weight for each feature, so that
the sum follows the bits that the real encoder wrote (``fit.py``). Validation photographs are only looked at. JPEG's
bits are exact and need no fit; its levels' log-odds give the slope.
"""

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from mvlib._planes import to_pictures
from mvlib.virtual.codec import frame_features, frame_qps
from mvlib.virtual.colour import pad_planes, rgb_to_planes
from mvlib.virtual.intra import IFrame, code_i
from mvlib.virtual.jpeg import VirtualJpeg
from mvlib.virtual.quantise import hard
from mvlib.virtual.rate import Features, FrameRate, GroupRate
from mvlib.virtual.settings import Settings, settings_for, store, store_rate

from .fit import aligned, errors, fit_groups, fit_weights

_BATCH = 16  # squares coded at a time


@dataclass(frozen=True)
class FitSquares:
    """The pictures of a fit: ``count`` squares of ``size`` of a split, each at ``per`` QPs drawn from 12..51."""

    split: str
    size: int
    count: int
    per: int


TRAIN = (FitSquares("train", 224, 200, 4), FitSquares("train", 128, 60, 3))
VALIDATION = (FitSquares("val", 224, 40, 4),)


def squares(parts: tuple[FitSquares, ...]) -> tuple[list[np.ndarray], list[int]]:
    """Squares (1, size, size, 3) uint8 and a QP for each; a square comes once for each of its QPs."""
    from mvlib.datasets import Photos

    items, qps = [], []
    for seed, part in enumerate(parts):
        photos = Photos(part.split, part.size, crop="random", flip=False, seed=seed)
        rng = np.random.default_rng(seed)
        for square in photos.evenly(part.count):
            items += [square] * part.per
            qps += [int(q) for q in rng.choice(np.arange(12, 52), part.per, replace=False)]
    return items, qps


@torch.no_grad()
def code_virtually(
    settings: Settings, items: list[np.ndarray], qps: list[int]
) -> list[tuple[IFrame, Tensor]]:
    """Batches of the squares as I frames with hard rounding, and the frames' QP; shows its progress."""
    out = []
    for i in tqdm(range(0, len(items), _BATCH), desc="virtual I frames"):
        for rgb, qp in _by_size(items[i : i + _BATCH], qps[i : i + _BATCH]):
            frame_qp = frame_qps(qp, settings)["I"]
            planes = pad_planes(rgb_to_planes(rgb), settings.multiple)
            out.append((code_i(planes, frame_qp, settings, hard), frame_qp))
    return out


def features_of(
    coded: list[tuple[IFrame, Tensor]], groups: dict[str, GroupRate], settings: Settings
) -> tuple[Features, Tensor]:
    """Features (n,) and QP (n,) of all squares."""
    with torch.no_grad():
        rows = [frame_features(frame, groups, settings) for frame, _ in coded]
    parts = aligned(rows, [len(qp) for _, qp in coded])
    return {name: torch.cat(part) for name, part in parts.items()}, torch.cat([qp for _, qp in coded])


def fit_intra(
    name: str, gop: str, workers: int | None = None
) -> tuple[FrameRate, dict[str, dict[str, float]]]:
    """Fit the rate of I frames to ``RealCodec(name, gop=gop)``; errors on training and validation squares too."""
    from mvlib.codecs import RealCodec

    settings, real = settings_for(name, gop), RealCodec(name, gop=gop)
    coded, bits = {}, {}
    for split, parts in {"train": TRAIN, "val": VALIDATION}.items():
        items, qps = squares(parts)
        coded[split] = code_virtually(settings, items, qps)
        written = real.map(items, qps, workers=workers, progress=True)
        bits[split] = torch.tensor([float(c.bits) for c in written])
    groups = fit_groups((frame.levels for frame, _ in coded["train"]), settings.standard == "h265")
    rate = fit_weights(*features_of(coded["train"], groups, settings), bits["train"], groups, header=800.0)
    report = {}
    for split, frames in coded.items():
        features, qp = features_of(frames, groups, settings)
        report[split] = errors(rate.bits(features, qp), bits[split], qp)
    return rate, report


def _by_size(items: list[np.ndarray], qps: list[int]) -> list[tuple[Tensor, Tensor]]:
    """Runs of squares of one size, in order, as tensors: pictures (B, 3, H, W) in [0, 1] and QPs (B,)."""
    pairs = groupby(zip(items, qps, strict=True), key=lambda pair: pair[0].shape)
    runs = [list(zip(*run, strict=True)) for _, run in pairs]
    return [(to_pictures(np.concatenate(x)), torch.tensor(q).float()) for x, q in runs]


def fit_jpeg() -> None:
    """Store the log-odds of JPEG's levels and the table from QP to quality that ``RealCodec("jpeg")`` uses."""
    from mvlib.codecs.qp_scale import tables

    kinds = tables()["codecs"]["jpeg"]
    qualities = {"stock": kinds["still"]["native"], "intra": kinds["intra"]["native"]}
    codec = VirtualJpeg(qualities["stock"], FrameRate(defaultdict(GroupRate), {}, 0.0, (0.0, 0.0)))
    with torch.no_grad():
        levels = [
            codec.levels(some, codec.quality(at))
            for rgb, qp in _by_size(*squares(TRAIN))
            for some, at in zip(rgb.split(_BATCH), qp.split(_BATCH), strict=True)
        ]
    groups = fit_groups(levels, grouped=False)
    store_rate("jpeg", "any", "I", FrameRate(groups, {}, 0.0, (0.0, 0.0)))
    store("jpeg", "quality_of_qp", qualities)
