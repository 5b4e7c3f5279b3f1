"""The protocol for pictures: photographs × conditions × QPs → real encoders → analysers → curves and BD-rates.

Every number comes out of a stream that a real encoder wrote and a decoder read back. The quality of a coded
picture is how much of the analyser's prediction for the *clean* picture is left, so a condition gets no credit
for moving the prediction elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from tqdm.auto import tqdm

from mvlib import analysers as machines
from mvlib.analysers import kl_to_clean, label_accuracy, top1_agreement
from mvlib.analysers.detectors import Detector, heads_divergence
from mvlib.codecs import RealCodec
from mvlib.datasets import Photos

from .conditions import Condition, condition
from .experiment import ImageExperiment

BATCH = 32


@dataclass
class Measurements:
    """Per-picture numbers of one codec and condition, each array (N, Q)."""

    bpp: np.ndarray
    psnr: np.ndarray
    scores: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    """(analyser, score of ``QUALITY_OF`` or "label") -> values; NaN is a label accuracy without a label."""


def _look(analyser: torch.nn.Module, frames: Sequence[np.ndarray], device: str) -> list:
    """What the analyser makes of the pictures, a batch at a time."""
    with torch.inference_mode():
        batches = (np.stack(frames[i : i + BATCH]) for i in range(0, len(frames), BATCH))
        return [
            analyser(torch.from_numpy(b).to(device).permute(0, 3, 1, 2).float().div(255)) for b in batches
        ]


def _prepare(row: Condition, pictures: list[np.ndarray], qps: Sequence[int]) -> list[list[np.ndarray]]:
    """What the encoder is given at each QP: [q][n] of uint8 (1, h, w, 3). No codec is asked, so one does for all."""
    if row.depends_on_qp:
        return [[row.prepare(p[None], qp) for p in pictures] for qp in qps]
    return [[row.prepare(p[None], qps[0]) for p in pictures]] * len(qps)


def _code(codec: RealCodec, row: Condition, prepared: list[list[np.ndarray]], size: tuple[int, int], qps):
    """Bits (N, Q), and decoded pictures [q][n] of ``size`` (H, W), in one batch for the worker processes."""
    n = len(prepared[0])
    coded = codec.map([item for items in prepared for item in items], np.repeat(qps, n).tolist())
    bits = np.array([c.bits for c in coded]).reshape(len(qps), n).T
    decoded = [row.restore(c.frames, size)[0] for c in coded]
    return bits, [decoded[i : i + n] for i in range(0, len(decoded), n)]


def _psnr(decoded: list[np.ndarray], clean: list[np.ndarray]) -> np.ndarray:
    """RGB PSNR in dB per picture; infinite ones (identical pictures) are capped at 100."""
    mse = [np.mean((a.astype(np.float32) - b) ** 2) for a, b in zip(decoded, clean, strict=True)]
    return np.minimum(10 * np.log10(255**2 / np.maximum(mse, 1e-12)), 100.0)


def measure_images(experiment: ImageExperiment, progress: bool = True):
    """Run the protocol.

    Returns:
        measurements: {(codec, condition): Measurements}, and sources: the source of each of the N pictures.
    """
    photos = Photos(experiment.split, size=experiment.size, crop="centre", flip=False)
    n = len(photos) if experiment.limit is None else min(experiment.limit, len(photos))
    clean = [(photos[i] * 255).round().byte().permute(1, 2, 0).contiguous().numpy() for i in range(n)]
    labels = [photos.meta[i].labels for i in range(n)]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.allow_tf32 = (
        False  # a KL of a hundredth of a nat must mean the same on every machine
    )
    looking = {name: machines.load(name).to(device) for name in experiment.analysers}
    seen_clean = {name: _look(analyser, clean, device) for name, analyser in looking.items()}
    measured: dict[tuple[str, str], Measurements] = {}
    bar = tqdm(
        total=len(experiment.rows) * len(experiment.codecs), desc="rows × codecs", disable=not progress
    )
    for row in map(condition, experiment.rows):
        prepared = _prepare(row, clean, experiment.qps)
        for name in experiment.codecs:
            codec = RealCodec(name, preset=experiment.preset, gop=experiment.gop)
            bits, decoded = _code(codec, row, prepared, clean[0].shape[:2], experiment.qps)
            result = Measurements(bits / experiment.size**2, np.stack([_psnr(d, clean) for d in decoded], 1))
            for which, analyser in looking.items():
                columns = [_scores(analyser, seen_clean[which], d, labels, device) for d in decoded]
                result.scores |= {
                    (which, score): np.stack([c[score] for c in columns], 1) for score in columns[0]
                }
            measured[name, row.name] = result
            bar.update()
    bar.close()
    return measured, [photos.meta[i].source_id for i in range(n)]


def _scores(
    analyser: torch.nn.Module, clean: list, decoded: list[np.ndarray], labels, device: str
) -> dict[str, np.ndarray]:
    """Every score of one analyser at one QP, (N,) each, against what it saw in the clean pictures."""
    coded = _look(analyser, decoded, device)
    if isinstance(analyser, Detector):
        parts = {"divergence": [heads_divergence(*pair) for pair in zip(clean, coded, strict=True)]}
    else:
        parts = {
            "kl": [kl_to_clean(*pair) for pair in zip(clean, coded, strict=True)],
            "top1": [top1_agreement(*pair) for pair in zip(clean, coded, strict=True)],
            "label": [label_accuracy(torch.cat(coded), labels)],
        }
    return {score: torch.cat(values).double().cpu().numpy() for score, values in parts.items()}
