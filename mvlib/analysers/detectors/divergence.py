"""How far coding moves what a detector sees: clean and coded heads → one number a picture; boxes → AP.

Where no one has labelled the objects, what the detector finds in the clean picture stands for the truth.  That
measures the coding and not the detector, and is called pseudo-truth in every table.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mvlib._extras import need
from mvlib.errors import InputError

from .boxes import Detections, Heads


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


def average_precision(
    truth: Sequence[Detections], found: Sequence[Detections], *, score: float = 0.4
) -> dict[str, float]:
    """COCO's average precision in [0, 1], as torchmetrics computes it; −1 where the truth has no object.

    Raises ImportError where torchmetrics is not installed (``evaluation.matching`` computes the same without it).

    Args:
        truth: per picture the objects that are there: exact ones, or those of the clean picture.
        found: per picture what was detected after coding; give all down to a low score, say 0.05, for the
            precision is averaged over the whole range.
        score: objects of ``truth`` with a lower score are left out.

    Returns:
        ``map`` (over IoU 0.50 to 0.95), ``map_50`` and ``map_75``.
    """
    need("torchmetrics", "dev", "average_precision")
    # On use: it takes seconds to import, and only this function needs it.
    from torchmetrics.detection import MeanAveragePrecision

    if len(truth) != len(found) or not truth:
        raise InputError(
            f"{len(truth)} pictures with truth, {len(found)} detected; give as many of both, at least 1"
        )
    # COCO's own grids in double: torchmetrics' defaults are single, where a recall of exactly 0.30 is short of 0.30.
    overlaps, recalls = np.linspace(0.5, 0.95, 10).tolist(), np.linspace(0, 1, 101).tolist()
    metric = MeanAveragePrecision(iou_thresholds=overlaps, rec_thresholds=recalls)
    metric.update(
        [{"boxes": d.boxes.cpu(), "scores": d.scores.cpu(), "labels": d.labels.cpu()} for d in found],
        [
            {"boxes": t.boxes[k].cpu(), "labels": t.labels[k].cpu()}
            for t in truth
            for k in [t.scores >= score]
        ],
    )
    result = metric.compute()
    return {name: result[name].item() for name in ("map", "map_50", "map_75")}
