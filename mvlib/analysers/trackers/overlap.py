"""Scores of boxes that follow an object: tracked and true boxes → overlap in every frame → AO, SR 0.50, SR 0.75.

The protocol of GOT-10k [1]: a tracker gets the true box of the first frame and is never corrected; the first
frame doesn't count, nor do frames in which the object is out of view; boxes are cut at the frame's edge.  A
sequence's average overlap is the mean intersection over union of its frames, its success rate the share of
frames whose overlap is above 0.50 (0.75); the scores of a set are means over sequences.
Against the authors' toolkit 0.1.3: equal overlaps, but for boxes that begin left of or above the frame, which it
moves and we cut; and it averages over the frames of all sequences at once.

[1] Huang, Zhao, Huang, "GOT-10k", TPAMI 2021, arXiv 1810.11981
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from mvlib.errors import InputError

SCORES = ("ao", "sr50", "sr75")


class TracksBoxes(Protocol):
    """The protocol of a tracker: ``mvlib.analysers.load("siam_lite0")`` is one."""

    def track_many(
        self, clips: Sequence[np.ndarray], first_boxes: Sequence[np.ndarray]
    ) -> list[np.ndarray]: ...


def overlaps(tracked: np.ndarray, truth: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Intersection over union of boxes, pair by pair, each cut at the frame's edge first.

    Args:
        tracked, truth: (T, 4), x1, y1, x2, y2 in pixels.
        size: (height, width) of the frame in pixels.
    Returns:
        (T,) in [0, 1]; 0 where either box is empty.
    Raises:
        ValueError: other shapes, or boxes that aren't finite.
    """
    a, b = (np.asarray(boxes, dtype=np.float64) for boxes in (tracked, truth))
    if a.ndim != 2 or a.shape[1] != 4 or a.shape != b.shape:
        raise InputError(f"tracked boxes {a.shape}, true ones {b.shape}; give (T, 4) twice")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InputError("a box isn't finite; give x1, y1, x2, y2 in pixels for every frame")
    edge = np.array([size[1], size[0]] * 2, dtype=np.float64)
    a, b = a.clip(0, edge), b.clip(0, edge)
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    both = sides.clip(0).prod(1)
    either = sum((box[:, 2:] - box[:, :2]).clip(0).prod(1) for box in (a, b)) - both
    return np.divide(both, either, out=np.zeros_like(both), where=either > 0)


def sequence_scores(
    tracked: np.ndarray, truth: np.ndarray, size: tuple[int, int], visible: np.ndarray | None = None
) -> dict[str, float]:
    """AO, SR 0.50 and SR 0.75 of one sequence, each in [0, 1], keys as in ``SCORES``.

    Args:
        tracked, truth, size: as in ``overlaps``; row 0 is the frame that the tracker was shown.
        visible: (T,) whether the object is in view and its box known; None: in every frame. Elsewhere the true box
            may be NaN.
    Raises:
        ValueError: no frame is left to count.
    """
    counted = np.ones(len(truth), dtype=bool) if visible is None else np.array(visible, dtype=bool)
    if counted.shape != (len(truth),):
        raise InputError(f"visible has shape {counted.shape}; give one value for each of {len(truth)} frames")
    counted[:1] = False
    if not counted.any():
        raise InputError("no frame after the first shows the object; leave this sequence out")
    if np.shape(tracked) != np.shape(truth):
        raise InputError(f"tracked boxes {np.shape(tracked)}, true ones {np.shape(truth)}; give (T, 4) twice")
    iou = overlaps(np.asarray(tracked)[counted], np.asarray(truth)[counted], size)
    return {"ao": float(iou.mean()), "sr50": float((iou > 0.5).mean()), "sr75": float((iou > 0.75).mean())}


def tracking_scores(
    tracker: TracksBoxes,
    clips: Sequence[np.ndarray],
    truth: Sequence[np.ndarray],
    visible: Sequence[np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Track through N (decoded) clips from the true first box and score each: keys of ``SCORES`` → (N,).

    Args:
        tracker: anything with ``track_many``.
        clips: N of uint8 (T, H, W, 3), what came out of the decoder: the first frame is coded, too.
        truth: N of (T, 4), x1, y1, x2, y2 in pixels.
        visible: N of (T,), whether the object is in view and its box known; None: always.
    """
    shown: Sequence[np.ndarray | None] = [None] * len(clips) if visible is None else visible
    hidden = [i for i, seen in enumerate(shown) if seen is not None and not seen[0]]
    if hidden:
        raise InputError(f"sequence {hidden[0]} doesn't show its object in the first frame; start it later")
    tracked = tracker.track_many(clips, [boxes[0] for boxes in truth])
    rows = [
        sequence_scores(boxes, true, clip.shape[1:3], seen)
        for boxes, true, clip, seen in zip(tracked, truth, clips, shown, strict=True)
    ]
    return {score: np.array([row[score] for row in rows]) for score in SCORES}
