"""Names that are import paths: "module:name" of a researcher's own → the class, function or object."""

import re
from importlib import import_module
from typing import Any, TypeGuard

from mvlib.errors import InputError

_NAME = r"[^\W\d]\w*(\.[^\W\d]\w*)*"
_IMPORT_PATH = re.compile(f"{_NAME}:{_NAME}")


def is_import_path(name: object) -> TypeGuard[str]:
    """Whether ``name`` has the form of "package.module:name"."""
    return isinstance(name, str) and _IMPORT_PATH.fullmatch(name) is not None


def imported(path: str) -> Any:
    """What "package.module:name" names; ValueError where the module can't be imported, or holds no such name."""
    module, _, name = path.partition(":")
    try:
        found = import_module(module)
    except ImportError as error:
        raise InputError(
            f"{path!r} can't be imported: {error}; run where {module.partition('.')[0]}.py lies, or put its folder "
            "into PYTHONPATH"
        ) from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise InputError(f"{path!r} can't be imported: {module} has no {name}; define it there")
        found = getattr(found, part)
    return found


def import_path(thing: type) -> str:
    """The name by which ``imported`` finds a class."""
    return f"{thing.__module__}:{thing.__qualname__}"
