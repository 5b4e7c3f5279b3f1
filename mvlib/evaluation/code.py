"""What code does, for the key of a stored number: function | class → instructions, constants and all that it names.

Looked at is the code that is loaded, not a file that may have been edited since, so a class of a notebook counts as
well. Comments, docstrings and places in the file do not. Installed packages are known by their version, all else by
itself, this package too. What a module holds under a name in capitals is a constant and counts; a list, dictionary or
object under another name is taken for its state, and does not.
"""

import dis
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec, resolve_name
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

OWN, _ROOT = __name__.partition(".")[0], str(Path(__file__).parents[2])
# What Python and its libraries add to a class by themselves.
_FIXED = (str, bytes, bool, int, float, complex, tuple, frozenset, Path, type(None))
_BY_ITSELF = ("__dict__", "__doc__", "__module__", "__qualname__", "__weakref__", "__slots__", "_abc_impl")


def is_code(thing: Any) -> bool:
    """Whether ``thing`` is a function or class, or wraps one, as ``functools.cache`` does."""
    kinds = (type, FunctionType, BuiltinFunctionType, MethodType, staticmethod, classmethod, property)
    return isinstance(thing, kinds) or (callable(thing) and hasattr(thing, "__wrapped__"))


def name_of(thing: Any) -> str:
    """Module and name of code."""
    return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', type(thing).__qualname__)}"


def made_of(thing: Any) -> Iterator[Any]:
    """The parts of code: text of its own, then values and other code that it names."""
    at = getattr(thing, "__module__", None) or "builtins"
    if isinstance(thing, FunctionType):  # its module may be that of what it wraps
        at = thing.__globals__.get("__name__", "__main__")
    if inner := getattr(thing, "__wrapped__", None) or getattr(thing, "__func__", None):
        yield inner
    if isinstance(thing, property):
        yield from (thing.fget, thing.fset)
    elif isinstance(thing, MethodType):
        yield thing.__self__
    elif installed(at):
        yield release(at)
    elif isinstance(thing, type):
        yield from thing.__bases__
        for name, part in vars(thing).items():
            if is_code(part) or not (name.startswith("__") or name in _BY_ITSELF):
                yield from (name, _outline(part))
    elif isinstance(thing, FunctionType):
        yield _text(thing.__code__, thing.__doc__)
        yield from (thing.__defaults__, thing.__kwdefaults__)
        yield from (_outline(c.cell_contents) for c in thing.__closure__ or () if _filled(c))
        yield from map(_outline, _named_by(thing))


def _named_by(function: FunctionType) -> Iterable[Any]:
    """What a function names in its module and, of modules that are not installed, inside them."""
    codes = list(_nested(function.__code__))
    names = list(dict.fromkeys(name for code in codes for name in code.co_names))
    package = function.__globals__.get("__package__") or ""
    spaces, seen = [function.__globals__, *(vars(m) for c in codes for m in _imported(c, package))], set()
    while spaces:
        space = spaces.pop()
        for name, value in ((name, space[name]) for name in names if name in space):
            if not isinstance(value, ModuleType):
                yield (
                    value
                    if name.isupper() or isinstance(value, _FIXED) or is_code(value)
                    else name_of(type(value))
                )
            elif not installed(value.__name__) and value.__name__ not in seen:
                seen.add(value.__name__)
                spaces.append(vars(value))


def _nested(code: CodeType) -> Iterator[CodeType]:
    """``code`` and the code of the functions inside it."""
    yield code
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _nested(part)


def _imported(code: CodeType, package: str) -> Iterator[ModuleType]:
    """Modules that are not installed and that ``code`` imports when it runs; imported here, or it would matter when."""
    steps = list(dis.get_instructions(code))
    for step, level in (
        (step, steps[i - 2].argval) for i, step in enumerate(steps) if step.opname == "IMPORT_NAME"
    ):
        with suppress(ImportError):
            module = resolve_name("." * (level or 0) + step.argval, package)
            if not installed(module):
                yield import_module(module)


def _text(code: CodeType, documentation: str | None = None) -> str:
    """Instructions and constants, without the docstring."""
    constants = [
        _text(c) if isinstance(c, CodeType) else sorted(map(repr, c)) if isinstance(c, frozenset) else repr(c)
        for c in code.co_consts
        if c is not documentation
    ]
    return repr((code.co_code.hex(), code.co_names, code.co_varnames, code.co_freevars, constants))


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # a name that is not bound yet
        return False


def _outline(value: Any) -> Any:
    """``value``, or the name of its class where that is a library's and holds who knows what, as a logger does."""
    kind = type(value)
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, str | Path):  # wherever this package lies
        return str(value).replace(_ROOT, "")
    plain = value is None or is_code(value) or kind.__module__ in ("builtins", "torch", "numpy", "functools")
    return value if plain or not installed(kind.__module__) else name_of(kind)


@cache
def installed(module: str) -> bool:
    """Whether a module is Python's or of an installed package, known by its version; this package's never count."""
    if module.partition(".")[0] in (OWN, "__main__"):
        return False
    found, spec = sys.modules.get(module), None
    with suppress(ImportError, ValueError):  # a class may name any module as its own
        spec = getattr(found, "__spec__", None) if found else find_spec(module)
    file = getattr(found, "__file__", None) or getattr(spec, "origin", None)
    if file is None and spec and spec.submodule_search_locations:  # a folder without __init__.py
        file = next(iter(spec.submodule_search_locations), None)
    if file is None or not Path(file).is_absolute():  # nothing is known of it, or it is built in
        return spec is not None
    return any(Path(file).is_relative_to(folder) for folder in _folders())


@cache
def _folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return (*(paths[k] for k in ("stdlib", "platstdlib", "purelib", "platlib")), site.getusersitepackages())


@cache
def release(module: str) -> str:
    """Name and version of the package that ``module`` is of."""
    top = module.partition(".")[0]
    try:
        return f"{top} {version(top)}"
    except PackageNotFoundError:
        return f"{top} {getattr(sys.modules.get(top), '__version__', '')}"
