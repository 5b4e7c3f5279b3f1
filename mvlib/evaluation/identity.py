"""What a measurement depends on: analyser | condition | codec → everything it holds → text for the key of a cell."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any
from uuid import uuid4

import numpy as np
import torch
from torch import Tensor, nn

from mvlib._store import digest
from mvlib.codecs import Codec
from mvlib.codecs.base import identity_of

from .code import is_code, made_of, name_of, release


def facts(thing: Any) -> Iterable[Any]:
    """All that ``thing`` is made of, part by part, for ``_store.digest``.

    Of an object, a network too, its class and everything it holds, by name: weights, buffers persistent or not, plain
    attributes, and so on inwards. Of functions and classes what they do, and what those do that they name (``code``).
    Of what can't be looked into its class.
    """
    seen: dict[int, Any] = {}  # code, each once: functions name one another
    yield from _facts(thing, (), seen)
    looked_into = 0
    while looked_into < len(seen):
        for part in list(seen.values())[looked_into:]:
            looked_into += 1
            for inner in made_of(part):
                yield from _facts(inner, (), seen)


def _facts(thing: Any, _above: tuple[int, ...], seen: dict[int, Any]) -> Iterable[Any]:
    if isinstance(thing, Tensor | np.ndarray):
        yield thing
    elif is_code(thing):
        yield name_of(thing)
        seen.setdefault(id(thing), thing)
    elif thing is None or isinstance(thing, str | bytes | bool | int | float | complex | np.generic):
        yield repr(thing)
    elif id(thing) in _above:  # it holds itself
        yield "above"
    else:
        yield from _facts(type(thing), (), seen)
        for name, part in _parts(thing):
            yield name
            yield from _facts(part, (*_above, id(thing)), seen)


def _parts(thing: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(thing, Mapping):
        yield from ((repr(key), value) for key, value in thing.items())
    elif isinstance(thing, Sequence):
        yield from (("", part) for part in thing)
    elif isinstance(thing, set | frozenset):
        yield from (("", part) for part in sorted(thing, key=repr))
    elif isinstance(thing, partial):
        yield from {"function": thing.func, "args": thing.args, "keywords": thing.keywords}.items()
    elif isinstance(thing, torch.jit.ScriptModule):  # it keeps its weights and its code elsewhere
        graph = re.sub(r" # .*|___torch_mangle_\d+\.", "", str(thing.inlined_graph))
        yield from {"graph": graph, **thing.state_dict()}.items()
    elif type(thing).__module__ == "torch":  # a type of numbers, a device: no more than its name
        yield repr(thing), None
    else:
        slots = [s for kind in type(thing).__mro__ for s in np.atleast_1d(getattr(kind, "__slots__", ()))]
        held = {
            str(s): getattr(thing, s)
            for s in slots
            if s not in ("__dict__", "__weakref__") and hasattr(thing, s)
        }
        held |= getattr(thing, "__dict__", {})
        if not held and " at 0x" not in repr(thing):  # a pattern, a date
            yield repr(thing), None
        yield from held.items()


@cache
def does(*code: Any) -> str:
    """Of functions and classes: what they do."""
    return digest(*facts(code))


@cache
def libraries() -> tuple[str, ...]:
    """Versions of what networks are made of and run on."""
    return tuple(map(release, ("torch", "torchvision", "timm")))


def of_analyser(name: str, analyser: nn.Module) -> str:
    """Of an analyser under the name that the results give it."""
    return digest(name, *libraries(), *facts(analyser))


def of_codec(codec: Codec, qps: Sequence[float], frames: int) -> list:
    """Of a codec that is given clips of so many frames at ``qps``: what it tells of itself at each of them.

    One that is not known, since its source cannot be read, is never found again.
    """
    natives = [codec.native_of(qp, frames) for qp in qps]
    identities = [identity_of(codec, native, frames) for native in natives]
    if None in identities:
        return [codec.name, uuid4().hex]
    return [codec.name, list(qps), natives, identities]
