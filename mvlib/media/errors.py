"""What can be wrong with a file: it can't be read, part of it is damaged, or it ends too early."""

from mvlib.errors import InputError


class Unreadable(InputError, OSError):
    """A file that holds no picture or clip, or one whose colours cannot be given rightly."""


class Damaged(Unreadable):
    """A clip of which some frames are lost or were made up by the decoder."""


class TooShort(InputError):
    """The clip ends before the window does."""
