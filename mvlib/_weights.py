"""Weights on disk: state dict + card → half precision → one safetensors file, one JSON with its SHA-256 → back."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from mvlib.errors import InputError, MissingFile

from ._files import replace_when_done
from ._packaged import packaged, reading

_REMEDY = (
    "take weights and card of one training, restore both with `git checkout -- mvlib/weights`, or train again"
)


def weights_folder() -> Path:
    """The folder that MVLIB_WEIGHTS names, or else the weights that come with the package."""
    named = os.environ.get("MVLIB_WEIGHTS")
    return Path(named) if named else packaged("weights")


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
    blob = save({k: _finite(k, v.detach().cpu().contiguous(), dtype) for k, v in state.items()})
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
        ValueError: the card isn't readable, the file isn't the one that the card describes, or a tensor of it isn't
            finite.
    """
    path = _checked_path(path)
    beside = path.with_suffix(".json")
    for file in (path, beside):
        if not file.is_file():
            raise MissingFile(f"{file} is missing. {missing}".strip())
    with reading(beside, _REMEDY):
        card = json.loads(beside.read_text(encoding="utf-8"))
        if not isinstance(card, dict) or not isinstance(card.get("sha256"), str):
            raise InputError("no model card with a sha256")
    blob = path.read_bytes()
    found = hashlib.sha256(blob).hexdigest()
    with reading(path, _REMEDY):
        if found != card["sha256"]:
            raise InputError(
                f"its SHA-256 is {found[:12]}…, its card says {card['sha256'][:12]}…: damaged, or of another training"
            )
        try:
            tensors = load(blob)
        except SafetensorError as error:  # no subclass of anything
            raise InputError(f"no safetensors file: {error}") from error
        return {name: _finite(name, value) for name, value in tensors.items()}, card


def fill(network: nn.Module, state: Mapping[str, Tensor], path: str | os.PathLike) -> None:
    """Load ``state``, read from ``path``, into ``network``; ValueError unless names and shapes are the network's."""
    with reading(path, _REMEDY):
        try:
            network.load_state_dict(state, strict=True)
        except RuntimeError as error:
            raise InputError(f"it doesn't fit {type(network).__name__}: {error}") from error


def fill_packaged(network: nn.Module, name: str, remake: str, **facts: Any) -> None:
    """Load the weights ``name`` that come with the package into ``network``; see ``read_weights`` and ``fill``.

    Args:
        remake: what makes them anew, for the error where they are missing: "run …".
        facts: what their card must state, as classes=[…].
    """
    path = weights_folder() / f"{name}.safetensors"
    state, card = read_weights(path, f"Restore it with `git checkout -- mvlib/weights`, or {remake}")
    for key, value in facts.items():
        if card.get(key) != value:
            raise InputError(f"{path} tells of {key} {card.get(key)}, this package of {value}: train again")
    fill(network, state, path)


def _finite(name: str, value: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    if not value.is_floating_point():
        return value
    value = value.to(dtype)
    if not value.isfinite().all():
        other = "" if dtype == torch.float32 else " or store as float32"
        raise InputError(f"{name} has values that aren't finite as {dtype}; train again{other}")
    return value


def _checked_path(path: str | os.PathLike) -> Path:
    path = Path(path)
    if path.suffix != ".safetensors":
        raise InputError(f"{path} must end in .safetensors")
    return path
