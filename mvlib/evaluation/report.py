"""Results as they are kept: measurements → curves, BD-rates, harm at the lightest QP → JSON to make them again from."""

import json
import platform
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch

from mvlib import codecs
from mvlib._files import replace_when_done

from .averages import means, plain_means
from .bootstrap import bounds, rounded, weightings
from .comparison import comparisons, drawn_once
from .experiment import ImageExperiment
from .markdown import bd_table, curve_table, light_table
from .material import load_material
from .protocol import Measurements
from .samples import Material

__all__ = ["bd_table", "curve_table", "light_table", "make_report", "save_json", "versions"]

RATE_BASIS = "bits of the elementary stream (stills: the file) without SEI text, per pixel of the source"


def versions() -> dict[str, str]:
    """Versions of what a result depends on, the encoders' libraries among them."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for package in ("mvlib", "torch", "torchvision", "timm", "av", "pillow", "bjontegaard"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found | {f"encoder {name}": text for name, text in codecs.versions().items()}


def _curve(measured: Measurements, qps: Iterable[int], weights: np.ndarray) -> dict[str, dict[str, list]]:
    """Means over pictures per QP, CompressAI's keys first, and the 95 % interval of each score: low, high."""
    rows = {"qp": list(qps), "bpp": measured.bpp.mean(0), "psnr-rgb": measured.psnr.mean(0)}
    low, high = {}, {}
    for (analyser, score), values in measured.scores.items():
        mean, key = plain_means(values), f"{score}:{analyser}"
        if not np.isnan(mean).all():
            rows[key] = mean
            if len(weights) > 1:
                low[key], high[key] = bounds(means(values, weights)[1:])
    parts = {"results": rows, "low": low, "high": high}
    return {
        name: {k: [rounded(v, 5) for v in values] for k, values in part.items()}
        for name, part in parts.items()
    }


def make_report(
    experiment: ImageExperiment,
    measured: dict,
    sources: list[str],
    command: str,
    material: Material | None = None,
    options: dict | None = None,
) -> dict:
    """The result of an experiment as a JSON-able dict: curves, BD-rates, options, versions, n.

    Args:
        material: what was looked at, if not what ``experiment`` names.
        options: what was given, if not the options of ``experiment``.
    """
    material = material or load_material(experiment)
    name, what = "images", " and what an analyser keeps of its clean prediction"
    if material.clips:
        name, what = "clips", ", and what recognisers and trackers make of coded clips"
    weights = weightings(sources, experiment.draws, experiment.seed)
    measured = drawn_once(measured, sources, experiment.draws, experiment.seed)
    curves = [
        {"codec": codec, "condition": condition, **_curve(result, experiment.qps, weights)}
        for (codec, condition), result in measured.items()
    ]
    scores = next(iter(measured.values())).scores
    labels = [v for (_, score), v in scores.items() if score == "label"]
    of = {"ap": "truth_of_ap", "ao": "truth_of_tracks", "label": "truth_of_labels"}
    truth = {of[s]: material.truth for _, s in scores if s in of and (s != "label" or material.clips)}
    return {
        "name": name,
        "description": f"Rate{what}, per codec and condition",
        "command": command,
        "options": asdict(experiment) if options is None else options,
        "material": material.about,
        **truth,
        "rate_basis": RATE_BASIS,
        "n": len(sources),
        "left_out": len(material) - len(sources),
        "sources": len(set(sources)),
        "labelled": int((~np.isnan(labels[0][:, 0])).sum()) if labels else 0,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "versions": versions(),
        **comparisons(experiment, measured, sources),
        "curves": curves,
    }


def save_json(report: dict, path: str | Path) -> None:
    """Write ``report`` to ``path``, whole or not at all."""
    with replace_when_done(path) as temporary:
        # A folder is written as text.
        text = json.dumps(report, indent=1, ensure_ascii=False, default=str, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
