"""Results as they are kept: measurements → curves, BD-rates, harm at the lightest QP → JSON to make them again from."""

import json
import platform
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from mvlib import codecs
from mvlib._files import replace_when_done

from .bdrate import CurveError
from .bootstrap import bootstrap_bd_rate, bootstrap_difference
from .experiment import ANCHOR, ImageExperiment
from .image import Measurements
from .material import Material, load_material
from .quality import ACCURACIES, QUALITY_OF
from .scores import plain_means
from .tables import bd_table, curve_table, light_table

__all__ = ["bd_table", "curve_table", "image_report", "light_table", "save_json", "versions"]

RATE_BASIS = (
    "bits of the elementary stream (stills: the file) without SEI text, per pixel of the source picture"
)


def versions() -> dict[str, str]:
    """Versions of what a result depends on, the encoders' libraries among them."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for package in ("mvlib", "torch", "torchvision", "timm", "av", "pillow", "bjontegaard"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found | {f"encoder {name}": text for name, text in codecs.versions().items()}


def _curve(measured: Measurements, qps: Iterable[int]) -> dict[str, list[float]]:
    """Means over pictures per QP, CompressAI's keys first."""
    rows = {"qp": list(qps), "bpp": measured.bpp.mean(0), "psnr-rgb": measured.psnr.mean(0)}
    for (analyser, score), values in measured.scores.items():
        mean = plain_means(values)
        if not np.isnan(mean).all():
            rows[f"{score}:{analyser}"] = mean
    return {key: [round(float(v), 5) for v in values] for key, values in rows.items()}


def _gain(anchor: tuple, test: tuple, sources: list[str], score: str, draws: int, seed: int) -> dict:
    """BD-rate with its interval, or the error that says why there is none."""
    try:
        to_quality = QUALITY_OF[score]
        return bootstrap_bd_rate(
            anchor, test, sources, to_quality=to_quality, draws=draws, seed=seed
        ).as_dict()
    except CurveError as error:
        return {"error": f"{type(error).__name__}: {error}"}


def _harm(anchor: tuple, test: tuple, sources: list[str], draws: int, seed: int) -> list[dict]:
    """Score without and with the condition at every QP, and the difference with its interval."""
    found = bootstrap_difference(anchor[1], test[1], sources, draws=draws, seed=seed)
    return [difference.as_dict() for difference in found]


def _compared(experiment: ImageExperiment, measured: dict, sources: list[str]) -> Iterable[tuple]:
    """Every row, analyser and score beside the codec alone: (names, anchor, test, sources), (bpp, score) each.

    Accuracy is compared on the labelled pictures only, its rate as well.
    """
    for (codec, row), result in measured.items():
        for (analyser, score), values in result.scores.items() if row != ANCHOR else ():
            alone = measured[codec, ANCHOR]
            pairs = [(alone.bpp, alone.scores[analyser, score]), (result.bpp, values)]
            names = {"codec": codec, "condition": row, "analyser": analyser}
            if score != "label":
                yield names | {"score": score}, *pairs, sources
            elif (known := ~np.isnan(values[:, 0])).any():
                kept = [name for name, k in zip(sources, known, strict=True) if k]
                yield names | {"score": score}, *((rate[known], v[known]) for rate, v in pairs), kept


def _comparisons(experiment: ImageExperiment, measured: dict, sources: list[str]) -> dict[str, list[dict]]:
    """BD-rates, and what the conditions do at the lightest QP; the bootstraps share the cores."""
    draws, lightest = (experiment.draws, experiment.seed), int(np.argmin(experiment.qps))
    with ProcessPoolExecutor(mp_context=get_context("forkserver")) as pool:
        gains, harms = [], []
        for names, *compared in _compared(experiment, measured, sources):
            score = names["score"]
            rest = {k: v for k, v in names.items() if k != "score"}
            gains.append((rest | {"quality": score}, pool.submit(_gain, *compared, score, *draws)))
            if score in ACCURACIES:
                qp = {"qp": experiment.qps[lightest]}
                harms.append((names | qp, pool.submit(_harm, *compared, *draws)))
        return {
            "bd_rates": [row | job.result() for row, job in gains],
            "lightest_qp": [row | job.result()[lightest] for row, job in harms],
        }


def image_report(
    experiment: ImageExperiment,
    measured: dict,
    sources: list[str],
    command: str,
    material: Material | None = None,
) -> dict:
    """The result of an image experiment as a JSON-able dict: curves, BD-rates, options, versions, n.

    Args:
        material: what was looked at, if not what ``experiment`` names.
    """
    material = material or load_material(experiment)
    curves = [
        {"codec": codec, "condition": condition, "results": _curve(result, experiment.qps)}
        for (codec, condition), result in measured.items()
    ]
    scores = next(iter(measured.values())).scores
    labels = [v for (_, score), v in scores.items() if score == "label"]
    truth = {"truth_of_ap": material.truth} if any(score == "ap" for _, score in scores) else {}
    return {
        "name": "images",
        "description": "Rate and what an analyser keeps of its clean prediction, per codec and condition",
        "command": command,
        "options": asdict(experiment),
        "material": material.about,
        **truth,
        "rate_basis": RATE_BASIS,
        "n": len(sources),
        "sources": len(set(sources)),
        "labelled": int((~np.isnan(labels[0][:, 0])).sum()) if labels else 0,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "versions": versions(),
        **_comparisons(experiment, measured, sources),
        "curves": curves,
    }


def save_json(report: dict, path: str | Path) -> None:
    """Write ``report`` to ``path``, whole or not at all."""
    with replace_when_done(path) as temporary:
        temporary.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
