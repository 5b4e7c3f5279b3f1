"""Fitted rates on disk: weights/<codec>.json → FrameRate by kind of frame, for each GOP."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from mvlib._files import replace_when_done
from mvlib._packaged import finite, packaged, reading
from mvlib.errors import InputError

from .rate import MORE, SIGNIFICANT, FrameRate, GroupRate

FOLDER = packaged("virtual", "weights")


def read(name: str) -> dict:
    """Everything fitted for a codec: {gop: {"I": {...}}}; empty if there is nothing."""
    path = FOLDER / f"{name}.json"
    with reading(path):
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def load_rates(name: str, gop: str) -> dict[str, FrameRate]:
    """Fitted rates of a codec by kind of frame."""
    stored = read(name).get(gop)
    if stored is None:
        raise InputError(
            f"no rate is fitted for {name!r}, gop {gop!r}: python -m mvlib.calibration rates --codec {name}"
        )
    with reading(FOLDER / f"{name}.json"):
        return {kind: _rate(fitted) for kind, fitted in stored.items()}


def _rate(fitted: dict) -> FrameRate:
    groups = {}
    for name, group in fitted["groups"].items():
        groups[name] = GroupRate(*(tuple(finite(group[part])) for part in ("significant", "more")))
        if (len(groups[name].significant), len(groups[name].more)) != (SIGNIFICANT, MORE):
            raise InputError(f"{name} has not {SIGNIFICANT} and {MORE} numbers")
    weights = dict(zip(fitted["weights"], finite(fitted["weights"].values()), strict=True))
    _, _ = curve = tuple(finite(fitted["curve"]))
    return FrameRate(groups, weights, *finite([fitted["header"]]), curve)


def store(name: str, key: str, value: object) -> Path:
    """Write one entry of a codec's file, keeping the others."""
    path = FOLDER / f"{name}.json"
    with replace_when_done(path) as temporary:
        temporary.write_text(json.dumps(read(name) | {key: value}, indent=1) + "\n", encoding="utf-8")
    return path


def store_rate(name: str, gop: str, kind: str, rate: FrameRate) -> Path:
    """Write one kind of frame's rate, keeping what else is stored."""
    return store(name, gop, read(name).get(gop, {}) | {kind: asdict(rate)})
