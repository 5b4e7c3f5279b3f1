"""A path of the user's → a file that can be opened, or an error that says why not; a frame, and when it is shown."""

import os
import stat
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from mvlib.errors import InputError, MissingFile

UNSAID = 2
"""Of ITU-T H.273: primaries or a transfer that a stream does not state."""


@dataclass(frozen=True)
class Shown:
    """One frame of a clip."""

    pixels: np.ndarray
    """uint8 (H, W, 3), upright, RGB."""
    time: Fraction | None
    """Seconds, on the clock of the file; None: the file does not tell."""
    lasts: Fraction | None = None
    """Seconds until the next one is to be shown; None: not known."""
    shape: Fraction = Fraction(1)
    """Width of a pixel by its height, upright."""
    primaries: int = UNSAID
    transfer: int = UNSAID
    """Of the pixels, by the numbers of ITU-T H.273."""


class Unreadable(InputError, OSError):
    """A file that holds no picture or clip, or one whose colours cannot be given rightly."""


class Damaged(Unreadable):
    """A clip of which some frames are lost or were made up by the decoder."""


class TooShort(InputError):
    """The clip ends before the window does."""


def checked(path: str | os.PathLike) -> Path:
    """``path`` if it is a regular file that isn't empty.

    Raises ``MissingFile``, ``InputError`` for a folder, a pipe or a device, and ``Unreadable`` for an empty file or
    one that may not be read.
    """
    try:
        file = Path(os.fsdecode(path))
        found = file.stat()
    except FileNotFoundError:
        link = f" is a link to {os.readlink(file)}, which" if file.is_symlink() else ""
        raise MissingFile(f"{file}{link} does not exist; give a picture or a clip") from None
    except (OSError, ValueError) as error:  # a loop of links, a name that is too long, a null byte
        raise Unreadable(f"{str(path)!r} cannot be opened: {error}") from None
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{file} is a folder; give a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{file} is a pipe or a device; write its content to a file and give that")
    if not found.st_size:
        raise Unreadable(f"{file} is empty")
    if not os.access(file, os.R_OK):
        raise Unreadable(f"{file} may not be read: permission denied")
    return file
