"""Fitted rates on disk: weights/<codec>.json → FrameRate by kind of frame, for each GOP."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from mvlib._files import replace_when_done
from mvlib.errors import InputError

from .rate import FrameRate, GroupRate

FOLDER = Path(__file__).parent / "weights"


def read(name: str) -> dict:
    """Everything fitted for a codec: {gop: {"I": {...}}}; empty if there is nothing."""
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def load_rates(name: str, gop: str) -> dict[str, FrameRate]:
    """Fitted rates of a codec by kind of frame."""
    stored = read(name).get(gop)
    if stored is None:
        raise InputError(
            f"no rate is fitted for {name!r}, gop {gop!r}: python -m mvlib.virtual.calibrate --codec {name}"
        )
    rates = {}
    for kind, r in stored.items():
        groups = {g: GroupRate(tuple(v["significant"]), tuple(v["more"])) for g, v in r["groups"].items()}
        rates[kind] = FrameRate(groups, r["weights"], r["header"], tuple(r["curve"]))
    return rates


def store(name: str, key: str, value: object) -> Path:
    """Write one entry of a codec's file, keeping the others."""
    path = FOLDER / f"{name}.json"
    with replace_when_done(path) as temporary:
        temporary.write_text(json.dumps(read(name) | {key: value}, indent=1) + "\n", encoding="utf-8")
    return path


def store_rate(name: str, gop: str, kind: str, rate: FrameRate) -> Path:
    """Write one kind of frame's rate, keeping what else is stored."""
    return store(name, gop, read(name).get(gop, {}) | {kind: asdict(rate)})
