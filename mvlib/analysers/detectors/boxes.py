"""Answers of detectors: scores and boxes at every place, of these a few objects; and how far coding moved them.

Where no one has labelled the objects, what the detector finds in the clean picture stands for the truth.  That
measures the coding and not the detector, and is called pseudo-truth in every table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import batched_nms

from mvlib.errors import InputError
from mvlib.samples import Objects

from ..base import Found, Response

# What is found counts from this score on, for precision is averaged over the whole range; what the detector finds
# in the clean picture counts as true from the second on.
FOUND, TRUE = 0.05, 0.4


class Heads(NamedTuple):
    """A detector's answer at each of N places, before a choice: differentiable."""

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


def heads_divergence(clean: Heads, coded: Heads) -> Tensor:
    """How far the coded picture moved the heads: (B,) ≥ 0, in nats and about per object, differentiable.

    sum_n w_n² (KL_n + 1 − IoU_n) / (1 + sum_n v_n²) over the places n, where KL_n is the sum over classes of
    KL(clean ‖ coded) between two Bernoulli distributions, IoU_n the overlap of the two boxes of the place, w_n
    the best score there in either picture, v_n in the clean one.  The squares let objects speak and the
    thousands of places with nothing be silent; an object that only the coded picture shows counts as well.
    0 for equal heads.
    """
    if clean.logits.shape != coded.logits.shape or clean.boxes.shape != coded.boxes.shape:
        raise InputError(
            f"clean heads {tuple(clean.logits.shape)}, coded {tuple(coded.logits.shape)}; "
            "give those of one detector for the same pictures"
        )
    p, q = clean.logits.float(), coded.logits.float()
    share = p.sigmoid()
    # KL between Bernoulli distributions by their log-partition, log(1 + e^x): two exponentials less than by logarithms
    # of both shares, and no cancellation at the many places with nothing.
    kl = F.softplus(q) - F.softplus(p) + share * (p - q)
    clean_score = share.amax(-1)  # (B, N)
    # The weight is a weight: a detector must not lower the divergence by lowering its confidence.
    weight = torch.maximum(clean_score, q.detach().amax(-1).sigmoid()) ** 2
    moved = kl.sum(-1).clamp_min(0) + 1 - _same_place_iou(clean.boxes.float(), coded.boxes.float())
    return (weight * moved).sum(-1) / (1 + (clean_score**2).sum(-1))


def _same_place_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of a[..., n, :] with b[..., n, :]; a pixel added to both keeps empty boxes finite."""
    area = (_extent(a).prod(-1), _extent(b).prod(-1))
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    shared = (high - low).clamp_min(0).prod(-1)
    return (shared + 1) / (area[0] + area[1] - shared + 1)


def _extent(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).clamp_min(0)
