"""A path of the user's → a file that can be opened, or an error that says why not."""

import os
import stat
from pathlib import Path

from mvlib.errors import InputError, MissingFile

from .errors import Unreadable

HEAD = 65536
"""Bytes in which a picture's own description of its colours is looked for."""


def checked(path: str | os.PathLike) -> Path:
    """``path`` if it is a regular file that isn't empty.

    Raises ``MissingFile``, ``InputError`` for a folder, a pipe or a device, and ``Unreadable`` for an empty file or
    one that may not be read.
    """
    try:
        path = Path(os.fsdecode(path))
        found = path.stat()
    except FileNotFoundError:
        link = f" is a link to {os.readlink(path)}, which" if path.is_symlink() else ""
        raise MissingFile(f"{path}{link} does not exist; give a picture or a clip") from None
    except (OSError, ValueError) as error:  # a loop of links, a name that is too long, a null byte
        raise Unreadable(f"{str(path)!r} cannot be opened: {error}") from None
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{path} is a folder; give a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{path} is a pipe or a device; write its content to a file and give that")
    if not found.st_size:
        raise Unreadable(f"{path} is empty")
    if not os.access(path, os.R_OK):
        raise Unreadable(f"{path} may not be read: permission denied")
    return path
