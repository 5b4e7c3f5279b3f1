"""What a measurement depends on: analyser | condition | codec → everything it holds → text for the key of a cell."""

import inspect
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any
from uuid import uuid4

import numpy as np
from torch import Tensor, nn

from mvlib.codecs import Codec
from mvlib.codecs.base import identity_of

from .cells import digest

_NAMED = (type, FunctionType, BuiltinFunctionType, MethodType)


def facts(thing: Any, _above: tuple[int, ...] = ()) -> Iterable[Any]:
    """All that ``thing`` is made of, part by part, for ``cells.digest``.

    Of an object, a network too, its class and everything it holds, by name: weights, buffers persistent or not, plain
    attributes, and so on inwards. Of a function its name. Of what can't be looked into its class.
    """
    if isinstance(thing, Tensor | np.ndarray):
        yield thing
    elif isinstance(thing, _NAMED):
        yield f"{thing.__module__}.{thing.__qualname__}"
    elif thing is None or isinstance(thing, str | bytes | bool | int | float | complex | np.generic):
        yield repr(thing)
    elif id(thing) in _above:  # it holds itself
        yield "above"
    else:
        yield f"{type(thing).__module__}.{type(thing).__qualname__}"
        for name, part in _parts(thing):
            yield name
            yield from facts(part, (*_above, id(thing)))


def _parts(thing: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(thing, Mapping):
        yield from ((repr(key), value) for key, value in thing.items())
    elif isinstance(thing, Sequence):
        yield from (("", part) for part in thing)
    elif isinstance(thing, set | frozenset):
        yield from (("", part) for part in sorted(thing, key=repr))
    elif isinstance(thing, partial):
        yield from {"function": thing.func, "args": thing.args, "keywords": thing.keywords}.items()
    elif type(thing).__module__ == "torch":  # a type of numbers, a device: no more than its name
        yield repr(thing), None
    else:
        yield from getattr(thing, "__dict__", {}).items()


@cache
def libraries() -> tuple[str, ...]:
    """Versions of what networks are made of and run on."""
    found = []
    for package in ("torch", "torchvision", "timm"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"no {package}")
    return tuple(found)


def of_analyser(name: str, analyser: nn.Module) -> str:
    """Of an analyser under the name that the results give it."""
    return digest(name, of_own(analyser))


def of_codec(codec: Codec, qps: Sequence[float], frames: int) -> list:
    """Of a codec that is given clips of so many frames at ``qps``: what it tells of itself at each of them.

    One that is not known, since its source cannot be read, is never found again.
    """
    natives = [codec.native_of(qp, frames) for qp in qps]
    told = [identity_of(codec, native, frames) for native in natives]
    if None in told:
        return [codec.name, uuid4().hex]
    return [codec.name, list(qps), natives, told]


def of_own(step: Any) -> str:
    """Of a module or function that somebody brings along: what it holds, and the source of its code.

    One whose source cannot be read, as in a notebook, is never found again.
    """
    parts = list(step.modules()) if isinstance(step, nn.Module) else [step]
    while isinstance(parts[-1], partial):
        parts.append(parts[-1].func)
    kinds = {part if isinstance(part, _NAMED) else type(part) for part in parts}
    sources = sorted({_source(kind) for kind in kinds})
    inside = [cell.cell_contents for cell in getattr(step, "__closure__", None) or ()]
    return digest(*libraries(), *sources, *facts(step), *facts(inside), getattr(step, "__name__", ""))


def _source(kind: Any) -> str:
    """Of the file in which a class or function stands; of an installed library no more than its name."""
    if kind.__module__.partition(".")[0] in ("functools", "torch", "torchvision", "timm"):
        return kind.__module__
    try:
        return inspect.getsource(sys.modules[kind.__module__])
    except (OSError, TypeError, KeyError):
        return uuid4().hex
