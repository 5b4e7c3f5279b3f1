"""Errors that a caller can put right, apart from those that are our fault: all with one base.

The command line shows one of them as a line, and anything else with its traceback. Each is a ``ValueError``,
``TypeError``, ``FileNotFoundError`` or the like as well, so that code which knows Python
only need not know these names.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Something that was given is wrong or missing; the message says what, what is allowed, and what to do."""


class InputError(UserError, ValueError):
    """A value outside what is allowed, or a file that doesn't hold what it should."""


class InputTypeError(UserError, TypeError):
    """A value of another kind than is allowed."""


class MissingFile(UserError, FileNotFoundError):
    """A file or folder that isn't there."""


class FileError(UserError, OSError):
    """A file or folder that can't be read or written: the disk is full, a folder is read-only."""


class ResourceError(UserError, RuntimeError):
    """The machine has too little of something that the work needs, memory above all."""


class CommandFailed(UserError, RuntimeError):
    """A program that was named as an encoder or decoder failed, took too long or wrote something else."""


def choose(kind: str, value: object, allowed: Iterable[str]) -> str:
    """``value`` if it is among ``allowed``; else an ``InputError`` that lists them and suggests the nearest."""
    known = list(allowed)
    if value in known:
        return str(value)
    near = get_close_matches(str(value), known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise InputError(f"{kind} {value!r} is unknown; {hint}choose one of {', '.join(known)}")
