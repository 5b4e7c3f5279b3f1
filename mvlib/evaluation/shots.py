"""Shots of a film: frames that follow one another → their colours → where these change at once, the film was cut."""

from collections.abc import Iterable, Sequence
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from mvlib.media import open_clip

CUT = 0.3
"""Share of pixels that change their colour between two frames of different shots; of one shot, with all motion in the
films of ``data/clips``, at most 0.23, while the median of two films is 0.6."""
_MOST = 1500  # frames that are searched between two places; a minute of film without a cut is one shot


def shots_of(film: Path, starts: Sequence[int], frames: int) -> list[int]:
    """For excerpts of ``frames`` frames from ``starts`` on, in rising order, the number of the shot that each lies in.

    The film is decoded from the end of an excerpt to the first cut, or to the next excerpt.
    """
    shots = [0] * min(1, len(starts))
    for start, following in pairwise(starts):
        last = start + frames - 1
        between = islice(open_clip(film).shown(last), min(following - last + 1, _MOST))
        shots.append(shots[-1] + has_cut(shown.pixels for shown in between))
    return shots


def has_cut(frames: Iterable[np.ndarray]) -> bool:
    """Whether two neighbours among ``frames``, uint8 (H, W, 3), are of different shots."""
    colours = (_histogram(frame) for frame in frames)
    return any(np.abs(a - b).sum() / 2 > CUT for a, b in pairwise(colours))


def _histogram(frame: np.ndarray) -> np.ndarray:
    """Shares (64,) of four levels each of red, green and blue, from every fourth pixel of every fourth row."""
    levels = frame[::4, ::4].reshape(-1, 3) // 64
    counts = np.bincount(levels @ np.array([16, 4, 1]), minlength=64)
    return counts / counts.sum()
