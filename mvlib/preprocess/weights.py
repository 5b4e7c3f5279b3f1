"""Trained preprocessors by name: weights/preprocessor_NAME.safetensors + card → checked → module.

The card names the class: one of ``ARCHITECTURES``, or the import path of somebody's own, "module:Class".
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn

from mvlib._imports import import_path, imported, is_import_path
from mvlib._packaged import reading
from mvlib._weights import fill, read_weights, weights_folder, write_weights
from mvlib.errors import InputError

from .adaptive import AdaptiveFilter, AdaptiveFilterConfig
from .base import Preprocessor
from .compact import Compact, CompactConfig
from .compact_video import CompactVideo, CompactVideoConfig
from .filter import Filter, FilterConfig
from .npp import NPP, NPPConfig
from .regions import Regions, RegionsConfig
from .video import VideoPreprocessor
from .zhao import ZhaoConfig, ZhaoPreprocessor

# What a card may name as its architecture: the class and the dataclass of its options.
ARCHITECTURES: dict[str, tuple[type[Preprocessor], type]] = {
    "NPP": (NPP, NPPConfig),
    "Compact": (Compact, CompactConfig),
    "CompactVideo": (CompactVideo, CompactVideoConfig),
    "Filter": (Filter, FilterConfig),
    "Regions": (Regions, RegionsConfig),
    "AdaptiveFilter": (AdaptiveFilter, AdaptiveFilterConfig),
    "ZhaoPreprocessor": (ZhaoPreprocessor, ZhaoConfig),
}


def available_preprocessors(kind: str | None = None) -> tuple[str, ...]:
    """Names that ``load_preprocessor`` finds among those of the package, or in the folder that MVLIB_WEIGHTS names.

    Args:
        kind: "picture" or "clip": only those that are made for it, and those of whose class nothing is known.
    """
    found = (p.stem.split("_", 1)[1] for p in weights_folder().glob("preprocessor_*.safetensors"))
    return tuple(name for name in sorted(found) if kind is None or _kind_of(name) in (kind, None))


def _kind_of(name: str) -> str | None:
    of, _ = ARCHITECTURES.get(str(card_of(name).get("architecture")), (None, None))
    return None if of is None else "clip" if issubclass(of, VideoPreprocessor) else "picture"


def card_of(name: str | os.PathLike) -> dict[str, Any]:
    """The model card of ``name``, see ``load_preprocessor``; empty where there is none that can be read."""
    try:
        return dict(json.loads(_path(name).with_suffix(".json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def load_preprocessor(name: str | os.PathLike = "image") -> Preprocessor:
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
    path = _path(name)
    there = ", ".join(available_preprocessors()) or "none yet"
    state, card = read_weights(
        path,
        f"Trained preprocessors in {weights_folder()}: {there}. `python -m mvlib train image` (or video) makes one",
    )
    with reading(path.with_suffix(".json"), "take the card of a training, or train again"):
        module = build_preprocessor(card.get("architecture"), card.get("config"), card.get("options"))
    fill(module, state, path)
    module.card = card
    return module.eval()


def build_preprocessor(
    architecture: str | None, config: Mapping[str, Any] | None = None, options: str | None = None
) -> Preprocessor:
    """An untrained network.

    Args:
        architecture: one of ``ARCHITECTURES``; or an import path, "module:name", of a class or function that gives a
            network, or of a network.
        config: options of the architecture: the fields of its dataclass, or the keywords of what is imported.
        options: import path of a dataclass that takes ``config`` and is then the one argument of what is imported.

    Raises ValueError for an unknown architecture or option, and for values that no network can be built of.
    """
    if is_import_path(architecture):
        return _own(architecture, dict(config or {}), options)
    if not isinstance(architecture, str) or architecture not in ARCHITECTURES:
        raise InputError(
            f"architecture {architecture!r} is not one of {', '.join(ARCHITECTURES)}, nor an import path such as "
            "my_module:MyNet"
        )
    module, of_module = ARCHITECTURES[architecture]
    try:
        chosen = of_module(**(config or {}))
        usual = asdict(of_module())
        if strange := [k for k, value in asdict(chosen).items() if not _alike(value, usual[k])]:
            raise InputError(f"{strange[0]} must be of the kind of {usual[strange[0]]!r}")
        return module(chosen)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"there is no {architecture} with the options {config}: {error}") from error


def _own(path: str, config: dict[str, Any], options: str | None) -> Any:
    """What the import path names, built with ``config``."""
    found = imported(path)
    if isinstance(found, nn.Module) and not config:
        return found
    if not callable(found) or isinstance(found, nn.Module):
        raise InputError(f"{path!r} is a {type(found).__name__}, which takes no options; got {config}")
    try:
        module = found(**config) if options is None else found(imported(options)(**config))
    except (TypeError, ValueError) as error:
        raise InputError(f"{path!r} can't be built with the options {config}: {error}") from error
    if not isinstance(module, nn.Module):
        raise InputError(f"{path!r} gives a {type(module).__name__}; a torch.nn.Module is needed")
    return module


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


def described(module: nn.Module) -> dict[str, Any]:
    """What a card says so that ``build_preprocessor`` builds ``module`` again; ValueError where that fails."""
    own, config = type(module), getattr(module, "config", None)
    given = asdict(config) if is_dataclass(config) and not isinstance(config, type) else None
    if given is not None and ARCHITECTURES.get(own.__name__, (None,))[0] is own:
        return {"architecture": own.__name__, "config": given}
    facts: dict[str, Any] = {"architecture": import_path(own)}
    if given is not None:
        facts |= {"config": given, "options": import_path(type(config))}
    else:
        facts["config"] = dict(config or {})
    try:
        facts = json.loads(json.dumps(facts))
        if not is_import_path(facts["architecture"]):
            raise InputError(f"{own.__qualname__} is no class of a module; define it at the top of a file")
        with torch.random.fork_rng():
            again = build_preprocessor(**facts)
        if _shapes(again) != _shapes(module):
            raise InputError("that has other weights")
    except (TypeError, ValueError) as error:
        raise InputError(
            f"weights of {own.__name__} could not be loaded again: {error}; its attribute config must hold the "
            "arguments that build it, numbers, texts and lists of them"
        ) from error
    return facts


def _shapes(module: nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in module.state_dict().items()}


def _path(name: str | os.PathLike) -> Path:
    path = Path(name)
    if path.suffix or len(path.parts) != 1:
        return path
    return weights_folder() / f"preprocessor_{path.name}.safetensors"
