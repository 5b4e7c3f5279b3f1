"""Fidelity of a virtual codec: the same pictures → real encoder, virtual codec → distortion, bits, edits, analyser.

    python -m mvlib fidelity --codec x265

Everything is measured on pictures that no number was fitted on. Distortion is compared as PSNR of the decoded luma and
chroma planes, bits as they come; what edits do to the bits is in ``signs.py``, what an analyser sees, on more
pictures, in ``agreement.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

import numpy as np
import torch
from torch import Tensor

from mvlib._numbers import psnr_of
from mvlib._planes import to_frames, to_pictures
from mvlib.calibration.fit import errors
from mvlib.codecs import RealCodec, rgb_to_yuv420
from mvlib.virtual import VirtualCodec

from .setup import Setup
from .signs import changes, sign_test

_BATCH = 8


def load(setup: Setup) -> list[np.ndarray]:
    """Pictures or clips as uint8 (T, H, W, 3), spread over the split, the same ones each time."""
    from mvlib.datasets import Clips, Photos

    if setup.material == "photos":
        return Photos(setup.split, setup.size, crop="centre", flip=False).evenly(setup.count)
    manifest = "films.csv" if setup.material == "cameras" else "clips.csv"
    return Clips(setup.split, setup.frames, setup.size, manifest=manifest).evenly(setup.count)


@torch.no_grad()
def code_virtually(
    virtual: Callable, items: Sequence[np.ndarray], qp: float
) -> tuple[list[np.ndarray], Tensor]:
    """Decoded uint8 clips and bits (n,) of items of one size."""
    frames, bits = [], []
    for i in range(0, len(items), _BATCH):
        out = virtual(to_pictures(np.stack(items[i : i + _BATCH])), float(qp))
        frames += list(to_frames(out.frames))
        bits.append(out.bits)
    return frames, torch.cat(bits)


def plane_psnr(decoded: np.ndarray, source: np.ndarray) -> np.ndarray:
    """PSNR in dB of luma, Cb and Cr (3,), over all frames; planes are made the way the encoders get them.

    A squared error below 0.05, rounding alone, counts as 0.05: it is no codec's quality any more.
    """
    pairs = zip(rgb_to_yuv420(decoded), rgb_to_yuv420(source), strict=True)
    mse = [max(float(np.square(a.astype(np.float32) - b).mean()), 0.05) for a, b in pairs]
    return np.array([psnr_of(error) for error in mse])


def edit_bits(
    setup: Setup, real: RealCodec, virtual: Callable, items: list[np.ndarray], workers: int | None = None
) -> dict:
    """Edit the first pictures and compare what happens to both codecs' bits: see ``signs.sign_test``."""

    def slope(picture: Tensor, qp: int) -> Tensor:
        picture = picture.clone().requires_grad_()
        return torch.autograd.grad(virtual(picture, float(qp)).bits.sum(), picture)[0]

    rows = changes(
        items[: setup.edit_count],
        setup.edit_qps,
        lambda clips, qp: np.array([c.bits for c in real.map(clips, qp, workers=workers)]),
        lambda clips, qp: code_virtually(virtual, clips, qp)[1].numpy(),
        slope,
        _BATCH,
    )
    return sign_test(rows)


@torch.no_grad()
def top1(networks: Sequence[torch.nn.Module], items: Sequence[np.ndarray]) -> np.ndarray:
    """Class of each item's first frame for each network: (networks, n)."""
    first = np.stack([frames[0] for frames in items])
    parts = [to_pictures(first[i : i + _BATCH]) for i in range(0, len(first), _BATCH)]
    return np.array([np.concatenate([net(part).argmax(1).numpy() for part in parts]) for net in networks])


def measure(setup: Setup, workers: int | None = None, progress: bool = False) -> dict:
    """Measure a virtual codec against its real one.

    Args:
        workers, progress: for the real encoder, as in ``RealCodec.map``.

    Returns:
        setup, n, per QP {"psnr_difference": virtual minus real in dB of y, u, v; "psnr_real"; "psnr_to_real": of the
        virtual decode against the real one; bits of both, listed; "median_relative_error"; "spearman"; "top1_real",
        "top1_virtual": agreement with the clean picture}, "rate" over all pairs, and "sign_test".
    """
    real, virtual = RealCodec(setup.codec, gop=setup.gop), VirtualCodec.like(setup.codec, gop=setup.gop)
    items = load(setup)
    networks = []
    if setup.analyser:
        from mvlib import analysers

        networks = [analysers.load(setup.analyser).eval()]
    clean = top1(networks, items)
    result: dict = {"name": f"virtual {setup.codec}", "setup": asdict(setup), "n": len(items), "qps": {}}
    everything = []
    for qp in setup.qps:
        coded = real.map(items, qp, workers=workers, progress=progress)
        decoded = [c.frames for c in coded]
        imagined, bits = code_virtually(virtual, items, qp)
        real_bits = torch.tensor([float(c.bits) for c in coded])
        psnr = [_planes(imagined, items), _planes(decoded, items)]
        rate = errors(bits, real_bits, torch.zeros_like(bits))
        row = {
            "psnr_difference": _of_planes(psnr[0] - psnr[1], 4),
            "psnr_real": _of_planes(psnr[1], 3),
            "psnr_to_real": _of_planes(_planes(imagined, decoded), 3),
            "bits_real": real_bits.tolist(),
            "bits_virtual": [round(b, 1) for b in bits.tolist()],
            "median_relative_error": rate["median_relative_error"],
            "bias": rate["bias"],
            "spearman": rate["spearman_least"],
        }
        if networks:
            for name, seen in (("real", decoded), ("virtual", imagined)):
                row[f"top1_{name}"] = float((top1(networks, seen) == clean).mean(dtype=np.float32))
        result["qps"][str(qp)] = row
        everything.append((bits, real_bits, torch.full_like(bits, qp)))
    result["rate"] = errors(*(torch.cat(t) for t in zip(*everything, strict=True)))
    result["sign_test"] = edit_bits(setup, real, virtual, items, workers)
    return result


def _planes(decoded: Sequence[np.ndarray], sources: Sequence[np.ndarray]) -> np.ndarray:
    """``plane_psnr`` of each: (n, 3)."""
    return np.array([plane_psnr(d, x) for d, x in zip(decoded, sources, strict=True)])


def _of_planes(psnr: np.ndarray, digits: int) -> dict[str, float]:
    """Mean of (n, 3) by plane."""
    return dict(zip("yuv", psnr.mean(0).round(digits).tolist(), strict=True))
