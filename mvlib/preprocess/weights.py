"""Trained preprocessors by name: weights/preprocessor_NAME.safetensors + card → checked → module.

The card names the class: one of ``ARCHITECTURES``, or the import path of somebody's own, "module:Class".
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn

from mvlib._imports import is_import_path
from mvlib._packaged import reading
from mvlib._weights import fill, read_weights, weights_folder, write_weights
from mvlib.errors import InputError

from .base import Preprocessor, VideoPreprocessor
from .build import ARCHITECTURES, Network, build_preprocessor, described, with_options
from .update import LearnedUpdate, UpdateConfig


def available_preprocessors(kind: str | None = None) -> tuple[str, ...]:
    """Names that ``load_preprocessor`` finds among those of the package, or in the folder that MVLIB_WEIGHTS names.

    Args:
        kind: "picture" or "clip": only those that are made for it, and those of whose class nothing is known.
    """
    found = _names("preprocessor")
    return tuple(name for name in found if kind is None or _kind_of(name) in (kind, None))


def _names(prefix: str) -> list[str]:
    return sorted(p.stem.split("_", 1)[1] for p in weights_folder().glob(f"{prefix}_*.safetensors"))


def _kind_of(name: str) -> str | None:
    of, _ = ARCHITECTURES.get(str(card_of(name).get("architecture")), (None, None))
    return None if of is None else "clip" if issubclass(of, VideoPreprocessor) else "picture"


def card_of(name: str | os.PathLike) -> dict[str, Any]:
    """The model card of ``name``, see ``load_preprocessor``; empty where there is none that can be read."""
    try:
        return dict(json.loads(_path(name).with_suffix(".json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def load_preprocessor(name: str | os.PathLike = "contrast") -> Preprocessor:
    """The trained preprocessor ``name``, in eval mode on the CPU; its model card is the attribute ``card``.

    Args:
        name: one of ``available_preprocessors()``; the path of a .safetensors file with its card beside it, whose
            class may be anybody's, as long as it can be imported; or such an import path, "module:name", of a class,
            a function that makes a network, or a network.

    Raises:
        FileNotFoundError: there are no such weights; the message says how to train them.
        ValueError: SHA-256 or architecture don't fit the card, or what is to be imported can't be.
    """
    if is_import_path(name):
        return build_preprocessor(name).eval()
    return _loaded(name, "preprocessor", "image` (or video)", _build)


def load_update(name: str | os.PathLike) -> LearnedUpdate:
    """The learned rule ``name``, in eval mode on the CPU: of the package, or the path of a .safetensors file.

    Raises:
        FileNotFoundError: there are no such weights; the message names those that there are.
        ValueError: weights that don't fit their card, or that are no such rule's.
    """
    return _loaded(name, "update", "update`", _build_update)


def _loaded(
    name: str | os.PathLike, prefix: str, command: str, build: Callable[[dict[str, Any]], Network]
) -> Network:
    path, there = _path(name, prefix), ", ".join(_names(prefix)) or "none yet"
    state, card = read_weights(
        path, f"There are in {weights_folder()}: {there}. `python -m mvlib train {command} makes one"
    )
    with reading(path.with_suffix(".json"), "take the card of a training, or train again"):
        module = build(card)
    fill(module, state, path)
    module.card = card  # type: ignore[assignment]
    return module.eval()


def _build(card: Mapping[str, Any]) -> Preprocessor:
    return build_preprocessor(card.get("architecture"), card.get("config"), card.get("options"))


def _build_update(card: Mapping[str, Any]) -> LearnedUpdate:
    if card.get("architecture") != LearnedUpdate.__name__:
        raise InputError(f"it is of {card.get('architecture')!r}, no {LearnedUpdate.__name__}")
    return with_options(LearnedUpdate, UpdateConfig, card.get("config"))


def save_preprocessor(
    module: nn.Module,
    name: str | os.PathLike,
    *,
    command: str = "",
    data: str = "",
    seed: int | None = None,
    steps: int | None = None,
    analysers: Sequence[str] = (),
    codecs: Sequence[str] = (),
    results: Any = None,
    licence: str = "Apache-2.0",
    dtype: torch.dtype = torch.float16,
) -> Path:
    """Write the weights of ``module`` and their model card, both or neither; return the path of the weights.

    Args:
        module: a preprocessor: of ``ARCHITECTURES``, or of a class that can be imported and, with its attribute
            ``config``, built again (see ``Preprocessor``).
        name: as for ``load_preprocessor``.
        command: what trained it, to be typed again.
        data: the pictures of the training, with their split.
        analysers, codecs: those of the training; every other one is unseen.
        results: anything JSON knows, e.g. BD-rates with intervals.
        licence: of the weights.
        dtype: of the stored tensors.

    Raises ValueError where ``module`` can't be built again from what the card says.
    """
    card = described(module) | {
        "parameters": sum(p.numel() for p in module.parameters()),
        "command": command,
        "data": data,
        "seed": seed,
        "steps": steps,
        "analysers": list(analysers),
        "codecs": list(codecs),
        "results": results,
        "licence": licence,
        "versions": {"torch": torch.__version__, "torchvision": torchvision.__version__},
    }
    return write_weights(_path(name), module.state_dict(), card, dtype)


def save_update(update: LearnedUpdate, path: str | os.PathLike, **card: Any) -> Path:
    """Write weights and card, both or neither; the path of the weights. ``card``: what else it says."""
    facts = {"architecture": LearnedUpdate.__name__, "config": asdict(update.config)}
    count = sum(p.numel() for p in update.parameters())
    return write_weights(path, update.state_dict(), facts | {"parameters": count} | card)


def _path(name: str | os.PathLike, prefix: str = "preprocessor") -> Path:
    path = Path(name)
    if path.suffix or len(path.parts) != 1:
        return path
    return weights_folder() / f"{prefix}_{path.name}.safetensors"
