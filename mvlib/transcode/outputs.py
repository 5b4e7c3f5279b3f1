"""Before work begins: is each output another file than the input, free to be written, and where it can be?"""

import os
from collections.abc import Iterable
from pathlib import Path

from mvlib.errors import InputError


def check_outputs(source: Path, outputs: Iterable[Path], overwrite: bool = False) -> None:
    """Raise ``InputError`` where an output is ``source`` or another one, by whatever name, or cannot be written.

    Args:
        overwrite: whether a file that is there already may be replaced.
    """
    taken = {_identity(source): source}
    for file in outputs:
        other = taken.setdefault(_identity(file), file)
        if other is source:
            raise InputError(f"{file} is the input {source}, which would be lost; give another name")
        if other is not file:
            raise InputError(
                f"{file} and {other} are the same file, and one result would be lost; give two names"
            )
        _check_place(file)
        if file.exists() and not overwrite:
            raise InputError(f"{file} is there already; give --overwrite to replace it, or another name")


def _identity(file: Path) -> object:
    """The same for all names of one file, be it by links or a relative path."""
    try:
        found = file.stat()
        return found.st_dev, found.st_ino
    except OSError:
        return os.path.normcase(os.path.realpath(file))


def _check_place(file: Path) -> None:
    if file.is_dir():
        raise InputError(f"{file} is a folder; give the name of a file in it")
    if file.exists() and not file.is_file():
        raise InputError(f"{file} is a pipe or a device; give the name of a file")
    target = Path(os.path.realpath(file))
    folder = next(place for place in target.parents if place.exists())
    if not folder.is_dir():
        raise InputError(f"{file} cannot be written: {folder} is a file, not a folder")
    if not os.access(folder, os.W_OK | os.X_OK) or (file.exists() and not os.access(file, os.W_OK)):
        raise InputError(f"{file} cannot be written: no permission in {folder}")
