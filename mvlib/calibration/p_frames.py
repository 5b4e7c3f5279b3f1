"""The rate of P frames, fitted: training clips → chain of virtual frames and real bits per frame → log-odds → weights.

The two steps of ``i_frames.py``, on the frames after the first. Against the plain reference ("ippp") every virtual
frame stands beside a real one, and the fit is per frame. The stock encoder orders its frames otherwise and codes most
of them as B frames; there the fit is on a clip's mean, so that clips and QPs are ranked as the encoder ranks them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm.auto import tqdm

from mvlib._planes import to_frames, to_pictures
from mvlib.virtual.codec import code_chain, frame_features, frame_qps
from mvlib.virtual.colour import pad_planes, rgb_to_planes
from mvlib.virtual.inter import PFrame
from mvlib.virtual.quantise import hard
from mvlib.virtual.rate import Features, FrameRate
from mvlib.virtual.settings import Settings, settings_for, store_rate

from .fit import aligned, errors, fit_groups, fit_weights

_HEADER = 80.0  # bits of a P frame without content, before the fit
_BATCH = 8
_FRAMES, _SIZE, _PHOTOGRAPHS = 8, 176, 24
_QPS = ((16, 27), (28, 39), (40, 51))  # each clip is coded once at a QP of each range, both ends included


@dataclass
class CodedClip:
    """A clip, its QP, and the bits that the real encoder wrote for each of its frames."""

    frames: np.ndarray  # uint8 (T, H, W, 3)
    qp: int
    bits: list[int]


def code_clips(clips: list[CodedClip], settings: Settings) -> list[list[PFrame]]:
    """Code clips of one size with hard rounding: for each batch of them, its P frames in order; shows its progress."""
    out = []
    for i in tqdm(range(0, len(clips), _BATCH), desc="virtual P frames"):
        part = clips[i : i + _BATCH]
        rgb = to_pictures(np.stack([c.frames for c in part]))
        qp = torch.tensor([float(c.qp) for c in part])
        frames = [pad_planes(rgb_to_planes(f), settings.multiple) for f in rgb.unbind(1)]
        with torch.no_grad():
            out.append([f for f in code_chain(frames, qp, settings, hard) if isinstance(f, PFrame)])
    return out


def table(
    coded: list[list[PFrame]], clips: list[CodedClip], settings: Settings, groups: dict, whole: bool
) -> tuple[Features, Tensor, Tensor]:
    """Features, QP and real bits: of every P frame (n·(T - 1),), or of every clip's mean P frame (n,) if ``whole``."""
    rows, qps, bits = [], [], []
    for i, frames in enumerate(coded):
        part = clips[i * _BATCH : (i + 1) * _BATCH]
        with torch.no_grad():
            each = [frame_features(f, groups, settings) for f in frames]
        real = torch.tensor([c.bits[1:] for c in part]).float()  # (n, T - 1)
        qp = frame_qps(torch.tensor([float(c.qp) for c in part]), settings)["P"]
        grid = {n: torch.stack(by_frame, 1) for n, by_frame in aligned(each, [len(part)] * len(each)).items()}
        if whole:
            grid, real = {n: v.mean(1, keepdim=True) for n, v in grid.items()}, real.mean(1, keepdim=True)
        rows.append({n: v.flatten() for n, v in grid.items()})
        qps.append(qp.repeat_interleave(real.shape[1]))
        bits.append(real.flatten())
    merged = {name: torch.cat(parts) for name, parts in aligned(rows, [len(q) for q in qps]).items()}
    return merged, torch.cat(qps), torch.cat(bits)


def fit_inter(
    name: str, gop: str, training: list[CodedClip], validation: list[CodedClip]
) -> tuple[FrameRate, dict[str, dict[str, float]]]:
    """Fit the rate of P frames to coded clips; errors on both sets come along, over clips' sums of P frames' bits."""
    settings, whole = settings_for(name, gop), gop != "ippp"
    coded = {"train": code_clips(training, settings), "val": code_clips(validation, settings)}
    levels = (frame.levels for frames in coded["train"] for frame in frames)
    groups = fit_groups(levels, settings.standard == "h265")
    rate = fit_weights(*table(coded["train"], training, settings, groups, whole), groups, _HEADER)
    report = {}
    for split, clips in (("train", training), ("val", validation)):
        features, qp, bits = table(coded[split], clips, settings, groups, True)
        report[split] = errors(rate.bits(features, qp), bits, qp)
    return rate, report


def camera_move(photo: torch.Tensor, frames: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """A photograph (3, H, W) in [0, 1] under a steady pan, zoom and turn: uint8 (frames, size, size, 3)."""
    pan, zoom, turn = rng.uniform(-3, 3, 2), rng.uniform(-0.006, 0.006), rng.uniform(-0.004, 0.004)
    t = torch.arange(frames, dtype=torch.float32) - frames / 2
    scale = (1 + zoom * t) * size / photo.shape[-1]
    cos, sin = torch.cos(turn * t) * scale, torch.sin(turn * t) * scale
    shift = torch.from_numpy(pan).float() * t[:, None] * 2 / photo.shape[-1]
    matrix = torch.stack([cos, -sin, shift[:, 0], sin, cos, shift[:, 1]], 1).view(frames, 2, 3)
    grid = F.affine_grid(matrix, [frames, 3, size, size], align_corners=False)
    source = photo[None].expand(frames, -1, -1, -1)
    moved = F.grid_sample(source, grid, mode="bicubic", padding_mode="reflection", align_corners=False)
    return to_frames(moved)


def material() -> list[np.ndarray]:
    """Windows of the training clips, at once and twice their speed, and moves over its photographs: uint8 clips."""
    from mvlib.datasets import Clips, Photos

    out = []
    for stride in (1, 2):
        clips = Clips("train", frames=_FRAMES, size=_SIZE, stride=stride, seed=stride)
        out += [to_frames(clips[i]) for i in range(0, len(clips), 3 - stride)]
    photos = Photos("train", 224, crop="centre", flip=False)
    rng = np.random.default_rng(0)
    chosen = np.linspace(0, len(photos) - 1, _PHOTOGRAPHS).astype(int)
    return out + [camera_move(photos[int(i)], _FRAMES, _SIZE, rng) for i in chosen]


def coded_clips(name: str, gop: str, clips: list[np.ndarray], workers: int | None = None) -> list[CodedClip]:
    """Every clip once at a QP drawn from each range of ``_QPS``, coded by the real encoder."""
    from mvlib.codecs import RealCodec

    rng = np.random.default_rng(0)
    items = clips * len(_QPS)
    drawn = [int(q) for low, high in _QPS for q in rng.integers(low, high + 1, len(clips))]
    coded = RealCodec(name, gop=gop).map(items, drawn, workers=workers, progress=True)
    return [CodedClip(x, q, c.frame_bits) for x, q, c in zip(items, drawn, coded, strict=True)]


def fit_p_frames(name: str, workers: int | None = None) -> Iterator[tuple[str, dict[str, dict[str, float]]]]:
    """Refit the rate of P frames of both chains on training clips and store it; yields (gop, errors).

    The clips hold no validation split: every fourth coded clip is kept out of the fit for a look ("val").
    """
    clips = material()
    for gop in ("ippp", "stock"):
        coded = coded_clips(name, gop, clips, workers)
        kept = [c for i, c in enumerate(coded) if i % 4 == 3]
        rate, report = fit_inter(name, gop, [c for i, c in enumerate(coded) if i % 4 != 3], kept)
        store_rate(name, gop, "P", rate)
        yield gop, report
