"""Files beside the code: name → path of package data, in a checkout and where a wheel was installed.

And one way to read such a file and its like: whatever a damaged or foreign one leads to is one kind of error.
"""

import math
import os
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from mvlib.errors import InputError

RESTORE = "restore it with `git checkout -- mvlib`, or install the package again"


def packaged(*parts: str) -> Path:
    """Path of the file or folder ``parts`` below the package, such as ("weights", "detector_nanodet.json")."""
    return Path(str(files("mvlib").joinpath(*parts)))


@contextmanager
def reading(path: str | os.PathLike, remedy: str = RESTORE) -> Iterator[None]:
    """Around code that reads ``path`` and takes it apart: what damage or another content raises becomes a ValueError.

    The message names the file and ends with ``remedy``, what to do. Errors of the disk pass.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        what = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        short = textwrap.shorten(what, 300, placeholder=" …")
        raise InputError(f"{path} does not hold what it should ({short}); {remedy}") from error


def finite(numbers: Iterable[float]) -> list[float]:
    """``numbers`` as a list; raises ValueError or TypeError unless all are finite."""
    numbers = list(numbers)
    if bad := [n for n in numbers if isinstance(n, bool) or not math.isfinite(n)]:
        raise InputError(f"{bad[0]!r} stands where a finite number should")
    return numbers
