"""A few frames out of a long video: how many it holds → where the window lies → those frames, as from the start."""

from pathlib import Path

from mvlib.errors import InputError
from mvlib.media import Clip, TooShort, cut, open_clip, raise_damage

__all__ = ["TooShort", "read_window"]


def read_window(path: str | Path, frames: int, stride: int = 1, at: float = 0.5) -> Clip:
    """``frames`` frames, every ``stride``-th, out of the video ``path``.

    Args:
        at: where the window lies in the room that there is: 0 at the start, 0.5 in the middle, 1 at the end.

    Raises:
        TooShort: the video holds fewer frames than the window.
        OSError: it is missing (``MissingFile``), cannot be decoded (``Unreadable``), or frames are lost or made up by
            the decoder (``Damaged``).
    """
    if frames < 1 or stride < 1 or not 0 <= at <= 1:
        raise InputError(f"frames={frames}, stride={stride} must be at least 1, at={at} in 0..1")
    span = stride * (frames - 1) + 1
    clip, count = open_clip(path), None
    while count != clip.count:  # it is known better where a seek showed that an index lied
        count = clip.count
        if count < span:
            raise_damage(clip)
            raise TooShort(f"{path} holds {count} frames; the window covers {span}")
        window = cut(clip, round(at * (count - span)), frames, stride)
    return window
