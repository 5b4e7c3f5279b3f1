"""What a machine makes of coded pictures: clean and coded pictures → analyser, batch by batch → scores.

A classifier is compared with its own clean prediction (and with labels where there are any), a detector with its own
clean heads; average precision counts against exact boxes where they are known, or else against what the detector
finds in the clean picture.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from torch import Tensor, nn

from mvlib.analysers import Classifier, feature_distance, kl_to_clean, label_accuracy, top1_agreement
from mvlib.analysers.detectors import (
    Detections,
    Detector,
    Heads,
    TorchvisionDetector,
    heads_divergence,
)
from mvlib.analysers.features import watching
from mvlib.errors import InputError

from .matching import match
from .material import Material, Sample
from .scores import Precision, Score

# What is found counts from this score on, for precision is averaged over the whole range; what the detector finds
# in the clean picture counts as true from the second on.
FOUND, TRUE = 0.05, 0.4

Analyser = Classifier | Detector | TorchvisionDetector


def scores_of(
    analyser: Analyser, wanted: Sequence[str] = (), classes: Sequence[str] | None = None
) -> tuple[str, ...]:
    """The scores that ``analyser`` has, of those ``wanted`` (empty: all).

    Args:
        classes: the names that labels number: "label" is a score of those only who tell the same apart. None: not said.
    Raises:
        ValueError: it has none of the wanted ones, or "label" is wanted of a classifier of other classes.
    """
    has = ("ap",) if isinstance(analyser, TorchvisionDetector) else ("divergence", "ap")
    if isinstance(analyser, Classifier):
        has = ("kl", "top1", "label") if knows(analyser, classes) else ("kl", "top1")
    if not isinstance(analyser, TorchvisionDetector) and "features" in wanted:
        has += ("features",)  # a measure for training; only on demand
    found = tuple(s for s in has if not wanted or s in wanted)
    strange = "label" in wanted and isinstance(analyser, Classifier) and "label" not in has
    if not found or strange:
        why = "; it gives no heads, only objects" if isinstance(analyser, TorchvisionDetector) else ""
        why += OTHERS if strange else ""
        raise InputError(f"{analyser.name} has no score {', '.join(wanted)}, only {', '.join(has)}{why}")
    return found


def chosen_scores(
    analysers: Mapping[str, nn.Module], wanted: Sequence[str], material: Material, scores_of: Callable
) -> dict[str, tuple[str, ...]]:
    """The scores of each analyser on ``material``: those ``wanted``, or all that there are.

    Args:
        scores_of: that above, or that for clips.
    Raises:
        ValueError: a wanted score cannot be given: the material lacks what it needs, or no analyser has it.
    """
    if lacking := [score for score in wanted if score in material.lacks]:
        raise InputError(
            f"there is no score {lacking[0]} here: {material.lacks[lacking[0]]} ({material.about})"
        )
    scores = {}
    for name, analyser in analysers.items():
        has = scores_of(analyser, wanted, material.classes)
        scores[name] = tuple(score for score in has if score not in material.lacks)
        if not scores[name]:
            raise InputError(f"{name} has only the scores {', '.join(has)}, and {material.lacks[has[0]]}")
    if nobodys := set(wanted) - {score for has in scores.values() for score in has}:
        each = "; ".join(
            f"{name} gives {', '.join(scores_of(a, (), material.classes))}" for name, a in analysers.items()
        )
        raise InputError(f"no analyser here has the score {', '.join(sorted(nobodys))}: {each}")
    return scores


OTHERS = "; its classes are not those of the labels"


def knows(analyser: nn.Module, classes: Sequence[str] | None) -> bool:
    """Whether a label means the same to ``analyser`` and to those who labelled, by the names that it numbers."""
    return classes is None or tuple(getattr(analyser, "classes", ())) == tuple(classes)


@dataclass(frozen=True)
class View:
    """What an analyser saw in a batch: logits or heads (None if it gives neither), and the objects of a detector."""

    count: int
    raw: Tensor | Heads | None
    maps: list[Tensor]
    objects: list[Detections]


class Look:
    """An analyser that looks at coded versions of a few pictures again and again.

    Args:
        analyser: on its device; its scores are ``wanted``.
        samples: the clean pictures and what is known of them.
    """

    def __init__(self, analyser: Analyser, samples: Sequence[Sample], wanted: Sequence[str]) -> None:
        self.analyser, self.samples, self.wanted = analyser, samples, tuple(wanted)
        self.device = next(analyser.parameters()).device
        # What fits a CPU's caches: a detector took half the time for two pictures at a time that it took for 16.
        self.batch = 32 if self.device.type == "cuda" else 4 if isinstance(analyser, Classifier) else 2
        self.clean = list(self._views([s.picture for s in samples], TRUE))
        self.truth = [s.truth for s in samples]
        if "ap" in self.wanted and None in self.truth:
            self.truth = [objects for view in self.clean for objects in view.objects]

    def scores(self, decoded: Sequence[Sequence[np.ndarray]]) -> dict[str, Score]:
        """Every wanted score of the decoded pictures [Q][n]: (n, Q) arrays, and ``Precision`` for "ap"."""
        points = [self._point(pictures) for pictures in decoded]
        result: dict[str, Score] = {}
        for score in self.wanted:
            values = [p[score] for p in points]
            result[score] = Precision(tuple(values)) if score == "ap" else np.stack(values, 1)
        return result

    def _point(self, pictures: Sequence[np.ndarray]) -> dict:
        """The scores at one QP: (n,) each, ``Matches`` for "ap"."""
        parts: dict[str, list] = {s: [] for s in self.wanted}
        objects, place = [], 0
        for clean, coded in zip(self.clean, self._views(pictures, FOUND), strict=True):
            labels = [s.labels for s in self.samples[place : place + coded.count]]
            place += coded.count
            objects += coded.objects
            for score, of in _PER_PICTURE.items():
                if score in parts:
                    parts[score].append(of(clean, coded, labels).double().cpu().numpy())
        point = {s: np.concatenate(values) for s, values in parts.items() if values}
        if "ap" in parts:
            point["ap"] = match(self.truth, objects, classes=len(self.analyser.classes))
        return point

    @torch.inference_mode()
    def _views(self, pictures: Sequence[np.ndarray], score: float) -> Iterable[View]:
        for batch in self._batches(pictures):
            x = torch.from_numpy(batch).to(self.device).permute(0, 3, 1, 2).float().div(255)
            if isinstance(self.analyser, TorchvisionDetector):
                yield View(len(x), None, [], self.analyser.detect(x, score=score))
                continue
            with watching(self.analyser) if "features" in self.wanted else nullcontext([]) as maps:
                raw = self.analyser(x)
            find = isinstance(self.analyser, Detector) and "ap" in self.wanted
            yield View(
                len(x), raw, maps, self.analyser.objects(raw, x.shape[-2:], score=score) if find else []
            )

    def _batches(self, pictures: Sequence[np.ndarray]) -> Iterable[np.ndarray]:
        """Neighbours of one size, stacked."""
        for _, same in groupby(pictures, key=lambda p: p.shape):
            alike = list(same)
            for i in range(0, len(alike), self.batch):
                yield np.stack(alike[i : i + self.batch])


_PER_PICTURE = {
    "kl": lambda clean, coded, labels: kl_to_clean(clean.raw, coded.raw),
    "top1": lambda clean, coded, labels: top1_agreement(clean.raw, coded.raw),
    "label": lambda clean, coded, labels: label_accuracy(coded.raw, labels),
    "divergence": lambda clean, coded, labels: heads_divergence(clean.raw, coded.raw),
    "features": lambda clean, coded, labels: feature_distance(clean.maps, coded.maps),
}
