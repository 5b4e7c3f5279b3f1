"""Results as they are kept and read: measurements → JSON with everything needed to make them again → table."""

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
from .bootstrap import bootstrap_bd_rate
from .experiment import ANCHOR, ImageExperiment
from .image import Measurements
from .quality import QUALITY_OF

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
        if not np.isnan(values).all():
            rows[f"{score}:{analyser}"] = np.nanmean(values, 0)
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


def _gains(experiment: ImageExperiment, measured: dict, sources: list[str]) -> list[dict]:
    """Every row against the codec alone, for every analyser and score; the bootstraps share the cores."""
    rows, jobs = [], []
    for (codec, condition), result in measured.items():
        if condition == ANCHOR:
            continue
        alone = measured[codec, ANCHOR]
        for key in [k for k in result.scores if k[1] in QUALITY_OF]:
            rows.append({"codec": codec, "condition": condition, "analyser": key[0], "quality": key[1]})
            pairs = [(m.bpp, m.scores[key]) for m in (alone, result)]
            jobs.append((*pairs, sources, key[1], experiment.draws, experiment.seed))
    with ProcessPoolExecutor(mp_context=get_context("forkserver")) as pool:
        found = pool.map(_gain, *zip(*jobs, strict=True)) if jobs else ()
        return [row | gain for row, gain in zip(rows, found, strict=True)]


def image_report(experiment: ImageExperiment, measured: dict, sources: list[str], command: str) -> dict:
    """The result of an image experiment as a JSON-able dict: curves, BD-rates, options, versions, n."""
    curves = [
        {"codec": codec, "condition": condition, "results": _curve(result, experiment.qps)}
        for (codec, condition), result in measured.items()
    ]
    labels = [v for (_, score), v in next(iter(measured.values())).scores.items() if score == "label"]
    return {
        "name": "images",
        "description": "Rate and what an analyser keeps of its clean prediction, per codec and condition",
        "command": command,
        "options": asdict(experiment),
        "rate_basis": RATE_BASIS,
        "n": len(sources),
        "sources": len(set(sources)),
        "labelled": int((~np.isnan(labels[0][:, 0])).sum()) if labels else 0,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "versions": versions(),
        "bd_rates": _gains(experiment, measured, sources),
        "curves": curves,
    }


def save_json(report: dict, path: str | Path) -> None:
    """Write ``report`` to ``path``, whole or not at all."""
    with replace_when_done(path) as temporary:
        temporary.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def bd_table(report: dict, qualities: Iterable[str] | None = None) -> str:
    """The BD-rates of ``report`` as a Markdown table: a row per codec and condition, percent [95 % interval].

    An interval that holds 0 shows nothing either way, and is set in brackets as a whole: ``(…)``.

    Args:
        qualities: which columns, e.g. ``["kl"]``; None for all.
    """
    columns = dict.fromkeys((g["analyser"], g["quality"]) for g in report["bd_rates"])
    columns = [c for c in columns if qualities is None or c[1] in qualities]
    rows: dict[tuple[str, str], dict] = {}
    for gain in report["bd_rates"]:
        rows.setdefault((gain["codec"], gain["condition"]), {})[gain["analyser"], gain["quality"]] = gain
    head = ["codec", "condition", *(f"{a.replace('efficientnet_', '')}, {q}" for a, q in columns)]
    lines = [" | ".join(head), " | ".join(["---"] * len(head))]
    codecs = list(dict.fromkeys(codec for codec, _ in rows))
    for (codec, condition), cells in sorted(rows.items(), key=lambda item: codecs.index(item[0][0])):
        lines.append(" | ".join([codec, condition, *(_cell(cells.get(c)) for c in columns)]))
    return "\n".join(f"| {line} |" for line in lines)


def _cell(gain: dict | None) -> str:
    if gain is None or "error" in gain:
        return "–" if gain is None else gain["error"].split(":")[0]
    text = f"{gain['bd_rate']:+.1f} [{gain['low']:+.1f}, {gain['high']:+.1f}]"
    if gain["failed"] > 0.05:  # too many draws without a BD-rate: the interval speaks of the others only
        text += f" ({gain['failed']:.0%} of draws failed)"
    return f"({text})" if gain["low"] <= 0 <= gain["high"] else text
