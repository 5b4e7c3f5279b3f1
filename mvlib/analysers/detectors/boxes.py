"""What detectors give: scores and boxes at every place, and of these a few objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchvision.ops import batched_nms

from mvlib.errors import InputError
from mvlib.samples import Objects

from ..base import Found, Response

# What is found counts from this score on, for precision is averaged over the whole range; what the detector finds
# in the clean picture counts as true from the second on.
FOUND, TRUE = 0.05, 0.4


class Heads(NamedTuple):
    """What a detector says at each of N places, before a choice: differentiable."""

    logits: Tensor
    """(B, N, C): the sigmoid is the score of each class, independent of the others."""
    boxes: Tensor
    """(B, N, 4): x1, y1, x2, y2 in pixels of the picture; may reach beyond it."""


@dataclass(frozen=True)
class Detections:
    """The objects of one picture, best score first."""

    boxes: Tensor
    """(n, 4): x1, y1, x2, y2 in pixels, inside the picture."""
    scores: Tensor
    """(n,) in [0, 1]."""
    labels: Tensor
    """(n,), indices into ``classes`` of the detector."""


@dataclass(frozen=True)
class Truth(Detections):
    """The objects that are known to be in a picture, of which some count neither as found nor as missed."""

    ignored: Tensor
    """bool (n,)."""
    crowd: Tensor
    """bool (n,): ignored, and the box holds many, each of which may be found."""

    @classmethod
    def of(cls, objects: Objects) -> "Truth":
        """The annotated objects of a sample, whose labels are those of the detector."""
        boxes, labels, *flags = map(
            torch.from_numpy, (objects.boxes, objects.labels, objects.ignored, objects.crowd)
        )
        return cls(boxes, torch.ones(len(boxes)), labels, *flags)


def select(boxes: Tensor, scores: Tensor, labels: Tensor, overlap: float, limit: int) -> Detections:
    """Non-maximum suppression by class, best ``limit`` first: (n, 4), (n,), (n,) → ``Detections``."""
    keep = batched_nms(boxes.float(), scores.float(), labels, overlap)[:limit]
    return Detections(boxes[keep], scores[keep], labels[keep])


def objects_found(clean: Response, coded: Response, samples: Sequence[Any], classes: int) -> Found:
    """True and found objects of a batch; where nobody knows the true ones, those that were found when it was clean."""
    pairs = zip(samples, clean.objects, strict=True)
    truth = [seen if s.objects is None else Truth.of(s.objects) for s, seen in pairs]
    return Found(truth, coded.objects, classes)


def check_score(score: float) -> None:
    """Raise ValueError unless ``score`` is in [0, 1)."""
    if not 0 <= score < 1:
        raise InputError(f"score is {score}; give a number in [0, 1)")
