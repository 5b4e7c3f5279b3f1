"""Top-1 agreement: pictures → clean, really coded, virtually coded → class each → gap between the two, paired.

    python -m mvlib agreement --codec x265 --gop intra

In a training with a virtual codec an analyser should see what it sees with the real one. Of pictures whose class
on the clean picture survives the codec, the share through virtual should be that through real. Both are measured on
the same pictures, so the gap is paired; its 95 % interval draws whole sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from mvlib.codecs import RealCodec
from mvlib.errors import InputError
from mvlib.evaluation.markdown import markdown
from mvlib.virtual import VirtualCodec

from .measuring import code_virtually, top1
from .setup import Agreement
from .signs import interval_of_mean


def squares(setup: Agreement) -> tuple[list[np.ndarray], list[str]]:
    """Pictures as uint8 (1, size, size, 3) and the source of each."""
    from mvlib.datasets import Photos

    pictures, sources = [], []
    for crop in range(setup.crops):
        for split in setup.splits:
            kind = "random" if crop else "centre"
            photos = Photos(split, setup.size, crop=kind, flip=False, seed=crop)
            pictures += photos.evenly()
            sources += [item.source_id for item in photos.meta]
    return pictures, sources


def paired_gap(virtual: np.ndarray, real: np.ndarray, sources: Sequence[str]) -> dict:
    """Shares that agree and their difference in points, with its 95 % interval.

    Args:
        virtual, real: bool (N,), which pictures keep their class.  sources: (N,); one source's pictures stay together.
    """
    difference = virtual.astype(float) - real
    interval = interval_of_mean(difference, sources)
    if interval is None:
        raise InputError(
            f"the {len(sources)} pictures are of one source, of which there is no interval; give more"
        )
    return {
        "real": round(float(real.mean()), 4),
        "virtual": round(float(virtual.mean()), 4),
        "gap": round(100 * float(difference.mean()), 2),
        "interval": [round(100 * end, 2) for end in interval],
    }


def measure(setup: Agreement, workers: int | None = None, progress: bool = False) -> dict:
    """Measure how often analysers agree with the clean picture, through both codecs.

    Returns:
        setup, n pictures, and per QP and analyser what :func:`paired_gap` gives; "all" pools the analysers.
    """
    from tqdm.auto import tqdm

    from mvlib import analysers

    networks = [analysers.load(name).eval() for name in setup.analysers]
    real, virtual = RealCodec(setup.codec, gop=setup.gop), VirtualCodec.like(setup.codec, gop=setup.gop)
    pictures, sources = squares(setup)
    clean = top1(networks, pictures)
    result: dict = {"name": f"virtual {setup.codec}", "setup": asdict(setup), "n": len(pictures), "qps": {}}
    for qp in tqdm(setup.qps, desc=f"{setup.codec} {setup.gop}", disable=not progress):
        decoded = [coded.frames for coded in real.map(pictures, qp, workers=workers)]
        kept = [top1(networks, x) == clean for x in (code_virtually(virtual, pictures, qp)[0], decoded)]
        row = {name: paired_gap(v, r, sources) for name, v, r in zip(setup.analysers, *kept, strict=True)}
        pooled = sources * len(networks)
        result["qps"][str(qp)] = row | {"all": paired_gap(kept[0].ravel(), kept[1].ravel(), pooled)}
    return result


def table(results: dict[str, dict]) -> str:
    """Results by name as a Markdown table: gap through virtual minus through real, in points, by QP."""
    qps = list(next(iter(results.values()))["qps"])
    lines = [["virtual codec", "n", *(f"QP {qp}" for qp in qps)]]
    for name, result in results.items():
        cells = [name, f"{result['n']} × {len(result['setup']['analysers'])}"]
        for qp in qps:
            row = result["qps"][qp]["all"]
            low, high = row["interval"]
            cells.append(f"{row['gap']:+.1f} [{low:+.1f}, {high:+.1f}]")
        lines.append(cells)
    return markdown(lines)
