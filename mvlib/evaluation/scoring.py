"""Which scores an analyser is measured by, and its look at coded versions of a few samples, again and again."""

from collections.abc import Mapping, Sequence

import numpy as np

from mvlib.analysers import Analyser, Found
from mvlib.errors import InputError
from mvlib.samples import Sample

from .averages import Precision, Stored
from .matching import match
from .material import Material


def scores_of(
    analyser: Analyser, wanted: Sequence[str] = (), classes: Sequence[str] | None = None, clips: bool = False
) -> tuple[str, ...]:
    """The scores that ``analyser`` has for pictures or ``clips``, of those ``wanted`` (empty: all).

    Args:
        classes: the names that labels number: "label" is a score of those only who tell the same apart. None: unknown.
    Raises:
        ValueError: it has none of the wanted ones, or "label" is wanted of an analyser of other classes.
    """
    what, could = "clips" if clips else "pictures", analyser.scores_of(clips)
    if not could:
        raise InputError(f"{analyser.name} is a {analyser.kind}, which has no score for {what}")
    same = classes is None or tuple(analyser.classes) == tuple(classes)
    has = tuple(score for score in could if score != "label" or same)
    if "features" in wanted and "features" not in has and analyser.differentiable:
        has += ("features",)  # a measure for training; only on demand
    found = tuple(score for score in has if not wanted or score in wanted)
    foreign = "label" in wanted and "label" in could and not same
    if not found or foreign:
        why = "; its classes are not those of the labels" if foreign else ""
        raise InputError(
            f"{analyser.name} has no score {', '.join(wanted)} in {what}, only {', '.join(has)}{why}"
        )
    return found


def chosen_scores(
    analysers: Mapping[str, Analyser], wanted: Sequence[str], material: Material
) -> dict[str, tuple[str, ...]]:
    """The scores of each analyser on ``material``: those ``wanted``, or all that there are.

    Raises:
        ValueError: a wanted score cannot be given: the material lacks what it needs, or no analyser has it.
    """
    if lacking := [score for score in wanted if score in material.lacks]:
        raise InputError(
            f"there is no score {lacking[0]} here: {material.lacks[lacking[0]]} ({material.about})"
        )
    known = material.classes, material.clips
    scores = {}
    for name, analyser in analysers.items():
        has = scores_of(analyser, wanted, *known)
        scores[name] = tuple(score for score in has if score not in material.lacks)
        if not scores[name]:
            raise InputError(f"{name} has only the scores {', '.join(has)}, and {material.lacks[has[0]]}")
    if nobodys := set(wanted) - {score for has in scores.values() for score in has}:
        each = "; ".join(
            f"{name} gives {', '.join(scores_of(a, (), *known))}" for name, a in analysers.items()
        )
        raise InputError(f"no analyser here has the score {', '.join(sorted(nobodys))}: {each}")
    return scores


class Scorer:
    """An analyser that looks at coded versions of a few samples again and again.

    Args:
        analyser: on its device; its scores are ``wanted``.
        samples: the clean pictures or clips, and what is known of them.
    """

    def __init__(self, analyser: Analyser, samples: Sequence[Sample], wanted: Sequence[str]) -> None:
        self.analyser, self.samples, self.wanted = analyser, samples, tuple(wanted)
        self.clean = analyser.remember(samples, self.wanted)

    def scores(self, decoded: Sequence[Sequence[np.ndarray]]) -> dict[str, Stored]:
        """Every wanted score of decoded samples [Q][n] of (T, H, W, 3): (n, Q), NaN where nothing is known."""
        points = [self.analyser.compare(self.samples, self.clean, d, self.wanted) for d in decoded]
        return {score: _together([point[score] for point in points]) for score in self.wanted}


def _together(points: list) -> Stored:
    if isinstance(points[0], Found):
        return Precision(tuple(match(p.truth, p.found, classes=p.classes) for p in points))
    return np.stack(points, 1)
