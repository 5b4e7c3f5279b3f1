"""Preprocessors from what a card says: name of the class, options → network; and network → what its card says."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any, TypeVar

import torch
from torch import nn

from mvlib._imports import import_path, imported, is_import_path
from mvlib.errors import InputError

from .adaptive import AdaptiveFilter, AdaptiveFilterConfig
from .base import Preprocessor
from .compact import Compact, CompactConfig
from .compact_video import CompactVideo, CompactVideoConfig
from .filter import Filter, FilterConfig
from .npp import NPP, NPPConfig
from .regions import Regions, RegionsConfig
from .zhao import ZhaoConfig, ZhaoPreprocessor

Network = TypeVar("Network", bound=nn.Module)
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
    return with_options(*ARCHITECTURES[architecture], config)


def with_options(of: type[Network], options: type, config: Mapping[str, Any] | None) -> Network:
    try:
        chosen = options(**(config or {}))
        usual = asdict(options())
        if wrong := [k for k, value in asdict(chosen).items() if not _alike(value, usual[k])]:
            raise InputError(f"{wrong[0]} must be of the kind of {usual[wrong[0]]!r}")
        return of(chosen)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"there is no {of.__name__} with the options {config}: {error}") from error


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
