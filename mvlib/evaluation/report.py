"""A result as it is kept: measurements, and what they depend on → JSON; its numbers are those of ``comparison``."""

import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import torch

from mvlib import codecs

from .comparison import compared
from .experiment import KINDS, Experiment
from .markdown import bd_table, curve_table, light_table
from .material import Material, load_material
from .measurements import Measured, Source
from .result import save_json

__all__ = ["bd_table", "curve_table", "light_table", "make_report", "save_json", "versions"]


def versions() -> dict[str, str]:
    """Versions of what a result depends on, the encoders' libraries among them."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    names = {"mvlib": "coding-for-machines"}  # PyPI has another mvlib
    for package in ("mvlib", "torch", "torchvision", "timm", "av", "pillow", "bjontegaard"):
        try:
            found[package] = version(names.get(package, package))
        except PackageNotFoundError:
            found[package] = "not installed"
    return found | {f"encoder {name}": text for name, text in codecs.versions().items()}


def make_report(
    experiment: Experiment,
    measured: Measured,
    sources: Sequence[Source],
    command: str,
    material: Material | None = None,
    options: dict | None = None,
    workers: int | None = None,
) -> dict:
    """The result of an experiment as a JSON-able dict: curves, BD-rates, options, versions, n.

    Args:
        material: what was looked at, if not what ``experiment`` names.
        options: what was given, if not the options of ``experiment``.
        workers: processes that share the bootstrap; None: one for each core.
    """
    material = material or load_material(experiment)
    what = " and what an analyser keeps of its clean prediction"
    if material.clips:
        what = ", and what recognisers and trackers make of coded clips"
    scores = next(iter(measured.values())).scores
    labels = [v for (_, score), v in scores.items() if score == "label" and isinstance(v, np.ndarray)]
    of = {"ap": "truth_of_ap", "ao": "truth_of_tracks", "label": "truth_of_labels"}
    truth = {of[s]: material.truth for _, s in scores if s in of and (s != "label" or material.clips)}
    return {
        "name": KINDS["clips" if material.clips else "pictures"].result,
        "description": f"Rate{what}, per codec and condition",
        "command": command,
        "options": asdict(experiment) if options is None else options,
        "material": material.about,
        **truth,
        "rate_basis": "bits of the elementary stream (stills: the file) without SEI text, per pixel of the source",
        "n": len(sources),
        "left_out": len(material) - len(sources),
        "labelled": int((~np.isnan(labels[0][:, 0])).sum()) if labels else 0,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "versions": versions(),
        **compared(measured, sources, vars(experiment), workers),
    }
