"""Fit the rate of P frames: training clips → chain of virtual frames and real bits per frame → log-odds → weights.

    python -m mvlib.virtual.calibrate --codec x265          # I frames, then these

The two steps of ``calibrate.py``, on the frames after the first. Against the plain reference ("ippp") every virtual
frame stands beside a real one, and the fit is per frame. The stock encoder orders its frames otherwise and codes most
of them as B frames; there the fit is on a clip's mean, so that clips and QPs are ranked as the encoder ranks them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from .calibrate import Pool, errors, fit_group, fit_weights, gather
from .codec import pad_planes
from .colour import rgb_to_planes
from .inter import PFrame
from .quantise import hard
from .rate import Features, FrameRate
from .sequence import CHAINS, Chain, code_chain, frame_features, frame_qps
from .settings import SETTINGS, Settings

_HEADER = 80.0  # bits of a P frame that says nothing, before the fit
_BATCH = 8


@dataclass
class Clip:
    """A clip, the QP asked for, and the bits that the real encoder wrote for each of its frames."""

    frames: np.ndarray  # uint8 (T, H, W, 3)
    qp: int
    bits: list[int]


def code_clips(clips: list[Clip], chain: Chain, settings: Settings) -> list[list[PFrame]]:
    """Code clips of one size with hard rounding: for each batch of them, its P frames in order."""
    out = []
    for i in range(0, len(clips), _BATCH):
        part = clips[i : i + _BATCH]
        rgb = torch.from_numpy(np.stack([c.frames for c in part])).movedim(-1, 2) / 255
        qp = torch.tensor([float(c.qp) for c in part])
        frames = [pad_planes(rgb_to_planes(f), settings.multiple) for f in rgb.unbind(1)]
        with torch.no_grad():
            out.append([f for f in code_chain(frames, qp, chain, settings, hard) if isinstance(f, PFrame)])
    return out


def table(
    coded: list[list[PFrame]], clips: list[Clip], chain: Chain, settings: Settings, groups: dict, whole: bool
) -> tuple[Features, Tensor, Tensor]:
    """Features, QP and real bits: of every P frame (n·(T - 1),), or of every clip's mean P frame (n,) if ``whole``."""
    rows, qps, bits = [], [], []
    for i, frames in enumerate(coded):
        part = clips[i * _BATCH : (i + 1) * _BATCH]
        with torch.no_grad():
            each = [frame_features(f, groups, settings, chain.tools) for f in frames]
        real = torch.tensor([c.bits[1:] for c in part]).float()  # (n, T - 1)
        qp = frame_qps(torch.tensor([float(c.qp) for c in part]), chain)[1]
        names = set().union(*each)
        blank = torch.zeros(len(part))
        grid = {n: torch.stack([e.get(n, blank) for e in each], 1) for n in names}
        if whole:
            grid, real = {n: v.mean(1, keepdim=True) for n, v in grid.items()}, real.mean(1, keepdim=True)
        rows.append({n: v.flatten() for n, v in grid.items()})
        qps.append(qp.repeat_interleave(real.shape[1]))
        bits.append(real.flatten())
    names = sorted(set().union(*rows))
    merged = {
        n: torch.cat([r.get(n, torch.zeros(len(q))) for r, q in zip(rows, qps, strict=True)]) for n in names
    }
    return merged, torch.cat(qps), torch.cat(bits)


def fit_inter(
    name: str, gop: str, training: list[Clip], validation: list[Clip]
) -> tuple[FrameRate, dict[str, dict[str, float]]]:
    """Fit the rate of P frames to coded clips; errors on both sets come along, over clips' sums of P frames' bits."""
    settings, chain, whole = SETTINGS[name], CHAINS[name][gop], gop != "ippp"
    coded = {"train": code_clips(training, chain, settings), "val": code_clips(validation, chain, settings)}
    pools: dict[str, Pool] = {}
    for frames in coded["train"]:
        for frame in frames:
            gather(pools, frame.levels, settings.standard == "h265")
    groups = {g: fit_group(pool) for g, pool in sorted(pools.items())}
    rate = fit_weights(*table(coded["train"], training, chain, settings, groups, whole), groups, _HEADER)
    report = {}
    for split, clips in (("train", training), ("val", validation)):
        if clips:
            features, qp, bits = table(coded[split], clips, chain, settings, groups, True)
            report[split] = errors(rate.bits(features, qp), bits, qp)
    return rate, report


def training_clips(name: str, gop: str, split: str, per: int, workers: int | None = None) -> list[Clip]:
    """Every clip of a split at ``per`` QPs, spread over 15..51, coded by the real encoder."""
    from mvlib.codecs import RealCodec
    from mvlib.datasets import Clips

    clips = Clips(split)
    pictures = [np.asarray(clips[i]) for i in range(len(clips))]
    rng = np.random.default_rng(0)
    items, qps = [], []
    edges = np.linspace(15, 52, per + 1)
    for low, high in pairwise(edges):  # every clip once in each part of the range
        items += pictures
        qps += [int(q) for q in np.floor(rng.uniform(low, high, len(pictures)))]
    coded = RealCodec(name, gop=gop).map(items, qps, workers=workers, progress=True)
    return [Clip(x, q, c.frame_bits) for x, q, c in zip(items, qps, coded, strict=True)]
