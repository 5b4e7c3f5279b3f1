"""Weights on disk: state dict + card → half precision → one safetensors file, one JSON with its SHA-256 → back."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from mvlib.errors import InputError, MissingFile

from ._files import replace_when_done


def weights_folder() -> Path:
    """``weights/`` in the folder that MVLIB_DATA names, or else in ``data/`` of the checkout."""
    named = os.environ.get("MVLIB_DATA")
    return (Path(named) if named else Path(__file__).resolve().parents[1] / "data") / "weights"


def write_weights(
    path: str | os.PathLike,
    state: Mapping[str, Tensor],
    card: Mapping[str, Any],
    dtype: torch.dtype = torch.float16,
) -> Path:
    """Write ``state`` to ``path`` (….safetensors) and the card beside it (….json), both or neither.

    Floating-point tensors are stored as ``dtype``; the card gains ``file``, ``sha256`` and ``dtype``.

    Raises:
        ValueError: another suffix, or a value that isn't finite in ``dtype`` (fp16 ends at 65504).
    """
    path = _checked_path(path)
    stored = {k: _stored(k, v, dtype) for k, v in state.items()}
    blob = save(stored)
    digest = hashlib.sha256(blob).hexdigest()
    card = {**card, "file": path.name, "sha256": digest, "dtype": str(dtype).removeprefix("torch.")}
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    with replace_when_done(path) as weights, replace_when_done(path.with_suffix(".json")) as beside:
        weights.write_bytes(blob)
        beside.write_text(text, encoding="utf-8")
    return path


def read_weights(path: str | os.PathLike, missing: str = "") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """State dict (floating-point tensors as float32, on the CPU) and card of ``path`` (….safetensors).

    Raises:
        FileNotFoundError: no weights or no card; the message ends with ``missing``, what to do about it.
        ValueError: the card isn't readable, or the file isn't the one that the card describes.
    """
    path = _checked_path(path)
    beside = path.with_suffix(".json")
    for file in (path, beside):
        if not file.is_file():
            raise MissingFile(f"{file} is missing. {missing}".strip())
    try:
        card = json.loads(beside.read_text(encoding="utf-8"))
        expected = card["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{beside} is no model card with a sha256: {error}") from error
    blob = path.read_bytes()
    found = hashlib.sha256(blob).hexdigest()
    if found != expected:
        raise InputError(
            f"{path} has SHA-256 {found[:12]}…, its card says {str(expected)[:12]}…: the file is damaged, "
            "or from another training than the card. Restore both with `git checkout`, or train again"
        )
    return {k: v.float() if v.is_floating_point() else v for k, v in load(blob).items()}, card


def _checked_path(path: str | os.PathLike) -> Path:
    path = Path(path)
    if path.suffix != ".safetensors":
        raise InputError(f"{path} must end in .safetensors")
    return path


def _stored(name: str, value: Tensor, dtype: torch.dtype) -> Tensor:
    value = value.detach().cpu().contiguous()
    if not value.is_floating_point():
        return value
    value = value.to(dtype)
    if not value.isfinite().all():
        raise InputError(f"{name} has values that aren't finite as {dtype}; train again or store as float32")
    return value
