"""Average precision of any weighting of pictures: objects matched once → weights → precision over recall → AP.

AP belongs to a set of pictures, not to one, so a bootstrap over pictures must compute it anew for every draw.
What is found is matched to what is there once and for all, by COCO's rules [1]; a draw then only weights
pictures, and thousands of draws take a second.  For equal weights the result is torchmetrics'.

[1] https://cocodataset.org/#detection-eval
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from mvlib.errors import InputError

if TYPE_CHECKING:  # it brings torch along, and a bootstrap's worker processes need none
    from mvlib.analysers.detectors import Detections

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
_RECALLS = np.linspace(0, 1, 101)
_AT_ONCE = 200  # draws; bounds the memory


@dataclass(frozen=True)
class Matches:
    """What was found in N pictures, D objects in all, and which of it is there.

    picture, label, score: (D,) of each found object.
    hit: bool (10, D), whether it is a true one at each of ``IOU_THRESHOLDS``.
    there: (N, C), how many true objects of each class a picture has, ignored ones apart.
    aside: bool (10, D), whether it is an object that is to be ignored, and so neither true nor false.
    """

    picture: np.ndarray
    label: np.ndarray
    score: np.ndarray
    hit: np.ndarray
    there: np.ndarray
    aside: np.ndarray

    def average_precision(self, weights: np.ndarray | None = None) -> np.ndarray:
        """COCO's AP, mean over IoU 0.50 to 0.95 and over classes, in [0, 1]: (R, N) → (R,).

        Args:
            weights: how often each picture counts, ≥ 0, (R, N) for R weightings; None: each picture once, R = 1.
        Returns:
            (R,); NaN where no picture with an object counts, for which torchmetrics says -1.
        """
        n = len(self.there)
        weights = np.ones((1, n)) if weights is None else np.asarray(weights, dtype=np.float64)
        if weights.ndim != 2 or weights.shape[1] != n or (weights < 0).any():
            raise InputError(f"weights of shape {weights.shape}; give (R, {n}), none of them negative")
        parts = [self._of_classes(weights[i : i + _AT_ONCE]) for i in range(0, len(weights), _AT_ONCE)]
        return np.concatenate(parts)

    def _of_classes(self, weights: np.ndarray) -> np.ndarray:
        total, classes = np.zeros(len(weights)), np.zeros(len(weights))
        ranked = np.argsort(-self.score, kind="stable")  # COCO's order among equals: as the pictures come
        for label in np.flatnonzero(self.there.any(0)):
            there = weights @ self.there[:, label]
            order = ranked[self.label[ranked] == label]
            total += _precision(
                weights[:, self.picture[order]], self.hit[:, order], self.aside[:, order], there
            )
            classes += there > 0
        with np.errstate(invalid="ignore"):
            return total / classes

    def compact(self) -> Matches:
        """What average precision looks at, and no more: it is the same for every weighting.

        Objects lie by class and from best to worst, and their scores become their places.  Left out are those of
        classes that are nowhere, and those below the last true one of their class.
        """
        ranked = np.argsort(-self.score, kind="stable")
        kept = [np.zeros(0, np.int64)]
        for label in np.flatnonzero(self.there.any(0)):
            order = ranked[self.label[ranked] == label]
            true = np.flatnonzero(self.hit[:, order].any(0))
            kept.append(order[: true[-1] + 1] if len(true) else order[:0])
        at = np.concatenate(kept)
        places = -np.arange(len(at), dtype=np.float64)
        return Matches(
            self.picture[at], self.label[at], places, self.hit[:, at], self.there, self.aside[:, at]
        )

    @staticmethod
    def joined(parts: Sequence[Matches]) -> Matches:
        """Matches of all the pictures of ``parts``, in their order."""
        first = np.cumsum([0, *(len(p.there) for p in parts[:-1])])
        values = {f.name: [getattr(p, f.name) for p in parts] for f in fields(Matches)}
        values["picture"] = [p + at for p, at in zip(values["picture"], first, strict=True)]
        return Matches(**{k: np.concatenate(v, axis=int(k in ("hit", "aside"))) for k, v in values.items()})


def _precision(weights: np.ndarray, hit: np.ndarray, aside: np.ndarray, there: np.ndarray) -> np.ndarray:
    """AP of one class: weights (R, D) of what was found, best first; hit, aside (10, D); there (R,) → (R,); 0 if none.

    Only true objects are looked at: recall rises there alone, and precision peaks there.
    """
    found = np.cumsum(weights, 1)
    result = np.zeros(len(weights))
    for of_threshold, left_out in zip(hit, aside, strict=True):
        counted = np.cumsum(weights * ~left_out, 1) if left_out.any() else found
        at = np.flatnonzero(of_threshold)
        if len(at) == 0:
            continue
        true = np.cumsum(weights[:, at], 1)
        precision = true / (counted[:, at] + np.spacing(1))
        best_from_here = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
        reached = np.searchsorted(_RECALLS, true / np.maximum(there, 1e-9)[:, None], side="right")
        reached[true == 0] = 0
        steps = np.diff(reached, axis=1, prepend=0)
        result += (steps * best_from_here).sum(1) / len(_RECALLS)
    return np.where(there > 0, result / len(hit), 0)


def match(truth: Sequence[Detections], found: Sequence[Detections], *, classes: int = 80) -> Matches:
    """Match the found objects of each picture to those that are there.

    Best score first, an object takes the free true one of its class that it overlaps most, if the intersection
    over union reaches the threshold. If none does, it may be one of those to be ignored, and is put aside; a crowd
    takes in any number of objects, and of them the share that lies in its box counts. Every other one is false.

    Args:
        truth, found: per picture; scores of ``truth`` don't matter. A ``Truth`` says what to ignore.
        classes: number of classes that there are.
    """
    if len(truth) != len(found) or not truth:
        raise InputError(f"{len(truth)} pictures with truth, {len(found)} detected; give as many, at least 1")
    rows = [_match_picture(t, f) for t, f in zip(truth, found, strict=True)]
    counts = [np.bincount(t.labels.cpu().numpy()[~_flags(t, "ignored")], minlength=classes) for t in truth]
    hit, aside = (np.concatenate(parts, 1) for parts in zip(*rows, strict=True))
    return Matches(
        np.repeat(np.arange(len(found)), [len(f.scores) for f in found]),
        np.concatenate([f.labels.cpu().numpy() for f in found]),
        np.concatenate([f.scores.cpu().numpy() for f in found]),
        hit,
        np.stack(counts),
        aside,
    )


def _flags(truth: Detections, name: str) -> np.ndarray:
    """bool (n,); plain ``Detections`` have none."""
    flags = getattr(truth, name, None)
    return np.zeros(len(truth.labels), bool) if flags is None else flags.cpu().numpy()


def _match_picture(truth: Detections, found: Detections) -> tuple[np.ndarray, np.ndarray]:
    """Whether each found object of a picture is a true one, and whether it is put aside: bool (10, D) each."""
    hit = np.zeros((len(IOU_THRESHOLDS), len(found.scores)), bool)
    aside = hit.copy()
    if 0 in (hit.shape[1], len(truth.labels)):
        return hit, aside
    ignored, crowd = _flags(truth, "ignored"), _flags(truth, "crowd")
    a, b = (d.boxes.double().cpu().numpy() for d in (found, truth))
    overlap = _overlaps(a, b, crowd)
    same = (found.labels[:, None] == truth.labels).cpu().numpy()  # a pair of two classes never matches
    overlap = np.where(same, overlap, -1)
    free = np.ones((len(IOU_THRESHOLDS), overlap.shape[1]), bool)
    # Of what was found, only the objects that overlap enough with something can be true or aside: a few.
    order = np.argsort(-found.scores.cpu().numpy(), kind="stable")
    for d in order[overlap[order].max(1) >= IOU_THRESHOLDS[0]]:
        hit[:, d], best = _take(overlap[d], free & ~ignored)
        free[hit[:, d], best[hit[:, d]]] = False
        if ignored.any():
            fits, best = _take(overlap[d], (free | crowd) & ignored)
            aside[:, d] = fits & ~hit[:, d]
            free[aside[:, d], best[aside[:, d]]] = False
    return hit, aside


def _take(overlap: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the ``free`` objects (10, n) the one overlapped most, (n,): whether it is enough, and which, (10,) each."""
    taken = free * (overlap + 1)
    best = taken.shape[1] - 1 - taken[:, ::-1].argmax(1)  # among equals the last, as COCO
    return taken[np.arange(len(taken)), best] >= 1 + IOU_THRESHOLDS - 1e-10, best


def _overlaps(a: np.ndarray, b: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """Intersection over union of every box of a (n, 4) with every one of b (m, 4), of a crowd over a alone: (n, m)."""
    low, high = np.maximum(a[:, None, :2], b[:, :2]), np.minimum(a[:, None, 2:], b[:, 2:])
    shared = (high - low).clip(0).prod(-1)
    area = [(x[:, 2:] - x[:, :2]).prod(-1) for x in (a, b)]
    whole = np.where(crowd, area[0][:, None], area[0][:, None] + area[1] - shared)
    return shared / np.maximum(whole, 1e-12)
