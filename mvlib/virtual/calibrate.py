"""Fit a virtual codec's rate to a real encoder: training photographs → levels and real bits → log-odds → weights.

    python -m mvlib.virtual.calibrate --codec x265

Two steps, both convex or nearly so. First the log-odds of every group of levels, by maximum likelihood of the levels that
the virtual codec itself produces: that needs no real encoder. Then one positive weight for each feature, so that the
sum follows the bits that the real encoder wrote, by least squares of the log of the ratio, drawn softly towards
what an ideal coder would pay. Validation photographs are only looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .codec import I_OFFSET, VirtualCodec, pad_planes
from .colour import rgb_to_planes
from .fitted import store_rate
from .intra import code_i
from .quantise import hard
from .rate import (
    MORE,
    SIGNIFICANT,
    Features,
    FrameRate,
    GroupRate,
    Levels,
    default_weight,
    level_context,
    level_features,
    log_odds,
    sent_mask,
)
from .settings import SETTINGS

_SAMPLES = 400_000  # levels kept for a group's likelihood
_PULL = 0.003  # weight of (log of a weight's ratio to its ideal)², against squared log errors of bits


@dataclass
class Pool:
    """Levels of one group gathered for the likelihood: magnitudes, contexts and their places in the block, flat."""

    k: int
    magnitudes: list[Tensor]
    contexts: list[Tensor]
    places: list[Tensor]


def gather(pools: dict[str, Pool], levels: Sequence[Levels], grouped: bool) -> None:
    """Add the levels that would be sent to their groups' pools."""
    for item in levels:
        values = item.values.abs()
        k = round(values.shape[-1] ** 0.5)
        sent = sent_mask(item.values, grouped).nonzero(as_tuple=True)
        pool = pools.setdefault(item.group, Pool(k, [], [], []))
        pool.magnitudes.append(values[sent])
        pool.contexts.append(level_context(values)[sent])
        pool.places.append(sent[1])


def _terms(pool: Pool) -> tuple[Tensor, Tensor, Tensor]:
    """Magnitudes (n,), and the terms of both log-odds, (n, SIGNIFICANT) and (n, MORE), read off :func:`log_odds`."""
    m, context, place = (torch.cat(t) for t in (pool.magnitudes, pool.contexts, pool.places))
    keep = torch.randperm(len(m), generator=torch.Generator().manual_seed(0))[:_SAMPLES]
    m, context, place = m[keep], context[keep], place[keep]
    columns: list[list[Tensor]] = [[], []]
    for which, count in enumerate((SIGNIFICANT, MORE)):
        for i in range(count):
            unit = tuple(float(j == i) for j in range(count))
            zero = (0.0,) * (MORE if which == 0 else SIGNIFICANT)
            rate = GroupRate(unit, zero) if which == 0 else GroupRate(zero, unit)
            flat = log_odds(torch.zeros(1, pool.k**2), pool.k, rate)[which][0]
            slope = log_odds(torch.ones(1, pool.k**2), pool.k, rate)[which][0] - flat
            columns[which].append(flat[place] + slope[place] * context)
    return m, torch.stack(columns[0], 1), torch.stack(columns[1], 1)


def _minimise(loss: Callable[[Tensor], Tensor], start: Tensor) -> Tensor:
    x = start.double().requires_grad_()
    optimiser = torch.optim.LBFGS([x], max_iter=200, tolerance_change=1e-10, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        value = loss(x)
        value.backward()
        return value

    optimiser.step(closure)
    return x.detach()


def _logistic(terms: Tensor, outcome: Tensor, start: Sequence[float]) -> tuple[float, ...]:
    terms, outcome, start = terms.double(), outcome.double(), torch.tensor(start).double()

    def loss(x: Tensor) -> Tensor:
        bits = F.binary_cross_entropy_with_logits(terms @ x, outcome)
        return bits + 1e-4 * (x - start).square().sum()

    return tuple(round(v, 4) for v in _minimise(loss, start).tolist())


def fit_group(pool: Pool) -> GroupRate:
    """Maximum likelihood of both log-odds on the pooled levels; too few levels keep the defaults."""
    default = GroupRate()
    m, significant, more = _terms(pool)
    if len(m) < 200 or (m >= 1).sum() < 50:
        return default
    first = _logistic(significant, m >= 0.5, default.significant)
    some = m >= 0.5
    return GroupRate(first, _logistic(more[some], m[some] >= 1.5, default.more))


def fit_weights(
    features: Features, qp: Tensor, bits: Tensor, groups: dict[str, GroupRate], header: float
) -> FrameRate:
    """Fit positive weights of features (n,), the header and the curve over QP to real bits (n,)."""
    names = sorted(features)
    matrix = torch.stack([features[n] for n in names], 1).double()
    ideal = torch.tensor([default_weight(n) for n in names]).double()
    t, target = ((qp - 37) / 10).double(), bits.double().log()
    n = len(names)

    def loss(x: Tensor) -> Tensor:
        total = (matrix * (ideal * x[:n].exp())).sum(1) * torch.exp(x[n] * t + x[n + 1] * t * t)
        error = (total + header * x[n + 2].exp()).log() - target
        return error.square().mean() + _PULL * (x[:n].square().mean() + x[n + 2].square())

    x = _minimise(loss, torch.zeros(n + 3))
    weights = {name: round(w, 4) for name, w in zip(names, (ideal * x[:n].exp()).tolist(), strict=True)}
    curve = tuple(round(v, 5) for v in x[n : n + 2].tolist())
    return FrameRate(groups, weights, round(header * math.exp(x[n + 2]), 1), curve)


def errors(predicted: Tensor, real: Tensor, qp: Tensor) -> dict[str, float]:
    """How estimated bits follow real ones, all (n,): median relative error, Pearson of logs, least Spearman within a QP."""
    ratio = (predicted / real - 1).abs()
    pearson = torch.corrcoef(torch.stack([predicted.log(), real.log()]))[0, 1]
    ranks = []
    for value in qp.unique():
        at = qp == value
        if at.sum() > 2:
            pair = torch.stack([predicted[at], real[at]]).argsort(1).argsort(1).double()
            ranks.append(torch.corrcoef(pair)[0, 1].item())
    return {
        "median_relative_error": ratio.median().item(),
        "bias": (predicted / real).log().mean().exp().item() - 1,
        "pearson_log": pearson.item(),
        "spearman_least": min(ranks, default=float("nan")),
    }


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
    """Code the squares with hard rounding."""
    out = []
    for i in range(0, len(items), batch):
        rgb = torch.from_numpy(np.concatenate(items[i : i + batch])).permute(0, 3, 1, 2) / 255
        qp = (torch.tensor(qps[i : i + batch], dtype=torch.float32) + codec.qp_offset).clamp(min=0)
        planes = pad_planes(rgb_to_planes(rgb), codec.settings.multiple)
        frame = code_i(planes, qp, codec.settings, hard)
        out.append(Coded(frame.levels, frame.modes, qp))
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
    """Fit the rate of I frames to ``RealCodec(name, gop=gop)``; the errors on training and validation squares come along."""
    from mvlib.codecs import RealCodec

    codec = VirtualCodec(SETTINGS[name], {}, I_OFFSET[gop])
    grouped = codec.settings.standard == "h265"
    real = RealCodec(name, gop=gop)
    material = {"train": TRAIN, "val": VALIDATION}
    coded, bits = {}, {}
    for split, parts in material.items():
        items, qps = (sum(x, []) for x in zip(*(pictures(m, s) for s, m in enumerate(parts)), strict=True))
        coded[split] = sum((code_virtually(codec, *p) for p in _by_size(items, qps)), [])
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


def _by_size(items: list[np.ndarray], qps: list[int]) -> list[tuple[list[np.ndarray], list[int]]]:
    """Runs of squares of one size, in order."""
    runs: list[tuple[list[np.ndarray], list[int]]] = []
    for item, qp in zip(items, qps, strict=True):
        if not runs or runs[-1][0][0].shape != item.shape:
            runs.append(([], []))
        runs[-1][0].append(item)
        runs[-1][1].append(qp)
    return runs


def calibrate(codec: Literal["x265", "x264"] = "x265", workers: int | None = None) -> None:
    """Refit a virtual codec's rate on the training photographs and store it in mvlib/virtual/weights.

    Args:
        codec: which encoder to follow.
        workers: processes for the real encoder; default one per core.
    """
    for gop in ("intra", "stock"):
        rate, report = fit_intra(codec, gop, workers)
        path = store_rate(codec, gop, "I", rate)
        for split, numbers in report.items():
            print(codec, gop, split, " ".join(f"{k} {v:.4f}" for k, v in numbers.items()))
    print("written", path.name)


if __name__ == "__main__":
    from jsonargparse import auto_cli

    auto_cli(calibrate)
