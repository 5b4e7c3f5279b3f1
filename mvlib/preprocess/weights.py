"""Trained preprocessors by name: weights/preprocessor_NAME.safetensors + card → checked → module."""

import math
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torchvision

from mvlib._packaged import reading
from mvlib._weights import fill, read_weights, weights_folder, write_weights
from mvlib.errors import InputError, InputTypeError

from .base import Preprocessor
from .compact import Compact, CompactConfig
from .compact_video import CompactVideo, CompactVideoConfig
from .npp import NPP, NPPConfig
from .zhao import ZhaoConfig, ZhaoPreprocessor

# What a card may name as its architecture: the class and the dataclass of its options.
ARCHITECTURES: dict[str, tuple[type[Preprocessor], type]] = {
    "NPP": (NPP, NPPConfig),
    "Compact": (Compact, CompactConfig),
    "CompactVideo": (CompactVideo, CompactVideoConfig),
    "ZhaoPreprocessor": (ZhaoPreprocessor, ZhaoConfig),
}


def available_preprocessors() -> tuple[str, ...]:
    """Names that ``load_preprocessor`` finds among those of the package, or in the folder that MVLIB_WEIGHTS names."""
    return tuple(sorted(p.stem.split("_", 1)[1] for p in weights_folder().glob("preprocessor_*.safetensors")))


def load_preprocessor(name: str | os.PathLike = "image") -> Preprocessor:
    """The trained preprocessor ``name``, in eval mode on the CPU; its model card is the attribute ``card``.

    Args:
        name: one of ``available_preprocessors()``, or the path of a .safetensors file with its card beside it.

    Raises:
        FileNotFoundError: there are no such weights; the message says how to train them.
        ValueError: SHA-256 or architecture don't fit the card.
    """
    path = _path(name)
    there = ", ".join(available_preprocessors()) or "none yet"
    state, card = read_weights(
        path,
        f"Trained preprocessors in {weights_folder()}: {there}. `python -m mvlib train image` (or video) makes one",
    )
    with reading(path.with_suffix(".json"), "take the card of a training, or train again"):
        module = build_preprocessor(card.get("architecture"), card.get("config"))
    fill(module, state, path)
    module.card = card
    return module.eval()


def build_preprocessor(architecture: str | None, config: dict[str, Any] | None = None) -> Preprocessor:
    """An untrained network of ``ARCHITECTURES`` with the options ``config`` of its dataclass.

    Raises ValueError for an unknown architecture or option, and for values that no network can be built of.
    """
    if not isinstance(architecture, str) or architecture not in ARCHITECTURES:
        raise InputError(f"architecture {architecture!r} is not one of {', '.join(ARCHITECTURES)}")
    module, options = ARCHITECTURES[architecture]
    try:
        chosen = options(**(config or {}))
        usual = asdict(options())
        if strange := [k for k, value in asdict(chosen).items() if not _alike(value, usual[k])]:
            raise InputError(f"{strange[0]} must be of the kind of {usual[strange[0]]!r}")
        return module(chosen)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"there is no {architecture} with the options {config}: {error}") from error


def _alike(value: Any, usual: Any) -> bool:
    """Whether an option is a thing of the same kind as the usual one: a card or a file of options may say anything."""
    if isinstance(usual, dict):
        return all(_alike(value[name], usual[name]) for name in usual)
    if isinstance(usual, tuple):
        return all(_alike(part, usual[0]) for part in value)
    if isinstance(usual, float):
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is type(usual)


def save_preprocessor(
    module: Preprocessor,
    name: str | os.PathLike,
    *,
    command: str,
    data: str,
    seed: int,
    steps: int,
    analysers: Sequence[str],
    codecs: Sequence[str],
    results: Any = None,
    licence: str = "Apache-2.0",
    dtype: torch.dtype = torch.float16,
) -> Path:
    """Write the weights of ``module`` and their model card, both or neither; return the path of the weights.

    Args:
        module: a preprocessor of ``ARCHITECTURES``.
        name: as for ``load_preprocessor``.
        command: what trained it, to be typed again.
        data: the pictures of the training, with their split.
        analysers, codecs: those of the training; every other one is unseen.
        results: anything JSON knows, e.g. BD-rates with intervals.
        licence: of the weights.
        dtype: of the stored tensors.
    """
    architecture = type(module).__name__
    if architecture not in ARCHITECTURES:
        raise InputTypeError(f"{architecture} is not one of {', '.join(ARCHITECTURES)}")
    card = {
        "architecture": architecture,
        "config": asdict(module.config),
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


def _path(name: str | os.PathLike) -> Path:
    path = Path(name)
    if path.suffix or len(path.parts) != 1:
        return path
    return weights_folder() / f"preprocessor_{path.name}.safetensors"
