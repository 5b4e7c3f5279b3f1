"""The one reader of clips: file → all its frames one by one, or a window of them."""

import os
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np

from mvlib.errors import InputError, choose

from .animation import Animation
from .files import Damaged, TooShort, Unreadable, checked
from .film import Film
from .picture import is_moving, is_picture, opened, refuse_heif

Source = Film | Animation


@dataclass(frozen=True)
class Clip:
    """Frames of a clip as they are to be seen."""

    frames: np.ndarray
    """uint8 (T, H, W, 3), upright, RGB."""
    rate: Fraction
    """Frames per second of the file, on average."""
    notes: tuple[str, ...] = ()
    """What was done to it, or taken for granted, that one may want to know."""
    damage: tuple[str, ...] = ()
    """What is lost or was made up by the decoder, as far as was seen; empty unless ``damaged`` are let through."""
    decoded: int = 0
    """Frames that were decoded to get at them."""


def kind_of(path: str | os.PathLike) -> str:
    """ "picture" or "clip", by the content of the file; an animation is a clip, pages of a TIFF are a picture.

    Raises ``MissingFile``, or ``Unreadable`` where it is neither.
    """
    return "picture" if _source(checked(path)) is None else "clip"


def open_clip(path: str | os.PathLike) -> Source:
    """The clip ``path``, to be read frame by frame: ``frames()``, ``count``, ``rate``, ``notes``, ``damage``.

    Raises ``MissingFile``, or ``Unreadable``, which names a way where there is one.
    """
    path = checked(path)
    if (source := _source(path)) is None:
        raise InputError(f"{path} is a picture, not a clip; read_picture reads it")
    return source


def _source(path: Path) -> Source | None:
    """What reads the clip; None: it is a picture."""
    if is_picture(path):
        with opened(path) as image:
            moving = is_moving(image)
        return Animation(path) if moving else None
    refuse_heif(path)
    return Film(path)


def read_clip(
    path: str | os.PathLike, start: int = 0, count: int | None = None, step: int = 1, damaged: str = "raise"
) -> Clip:
    """Frames ``start``, ``start + step``, … of a clip: exactly those that decoding from its start gives.

    Args:
        count: how many; all of them must be there. None: to the end.
        damaged: what damage does that shows up on the way: "raise" ``Damaged``, or "keep" and tell in ``Clip.damage``.

    Raises:
        MissingFile, Unreadable: see ``open_clip``.
        TooShort: it ends before the window does.
        Damaged: some frames are lost or made up.
    """
    choose("damaged", damaged, ("raise", "keep"))
    return cut(open_clip(path), start, count, step, damaged)


def cut(clip: Source, start: int, count: int | None, step: int, damaged: str = "raise") -> Clip:
    """As ``read_clip``, out of one that is open."""
    if start < 0 or step < 1 or (count is not None and count < 1):
        raise InputError(f"start={start} must be at least 0, count={count} and step={step} at least 1")
    every = islice(clip.frames(), start, None, step)
    frames = list(every) if count is None else clip.window(start, count, step)
    if damaged == "raise":
        raise_damage(clip)
    if len(frames) < (count or 1):
        raise TooShort(f"{clip.path} ends after {len(frames)} of {count or 1} frames of the window")
    return Clip(stacked(clip, frames), clip.rate, clip.notes, tuple(clip.damage), clip.decoded)


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


def raise_damage(clip: Source) -> None:
    """Raise ``Damaged`` where any was found."""
    if clip.damage:
        more = f", and {len(clip.damage) - 3} more" if len(clip.damage) > 3 else ""
        raise Damaged(f"{clip.path} is damaged: {'; '.join(clip.damage[:3])}{more}")


def stacked(clip: Source, frames: list[np.ndarray]) -> np.ndarray:
    """(T, H, W, 3); raises ``Unreadable`` where the size changes on the way."""
    sizes = list(dict.fromkeys(frame.shape[:2] for frame in frames))
    if len(sizes) > 1:
        raise another_size(clip.path, *sizes[:2])
    return np.stack(frames)


def another_size(path: object, size: tuple[int, int], later: tuple[int, int]) -> Unreadable:
    """The error of a film whose frames change from (height, width) ``size`` to ``later``."""
    (h, w), (later_h, later_w) = size, later
    return Unreadable(
        f"{path} changes its size from {w}x{h} to {later_w}x{later_h} on the way; make it one: "
        f"ffmpeg -i IN -vf scale={w}:{h} OUT.mp4"
    )
