"""How far a prediction survives coding: clean logits, coded logits → one number a picture.

Every function takes logits (N, C) and gives a tensor (N,), one value a picture and no mean, so that an
evaluation can resample pictures for its confidence intervals.
"""

from collections.abc import Sequence
from numbers import Integral

import torch
from torch import Tensor
from torch.nn import functional as F

from mvlib.errors import InputError

# The acceptable classes of a picture: one index, several, or none known.
Label = int | Sequence[int] | None


def top1_agreement(clean: Tensor, coded: Tensor) -> Tensor:
    """1 where the likeliest class is the one of the clean picture, else 0: (N, C), (N, C) → float (N,).

    Needs no label, and says nothing of whether the clean prediction was right.
    """
    _check_pair(clean, coded)
    return (clean.argmax(-1) == coded.argmax(-1)).float()


def kl_to_clean(clean: Tensor, coded: Tensor) -> Tensor:
    """KL(clean ‖ coded) in nats per picture: (N, C), (N, C) → float (N,) ≥ 0, differentiable.

    The information lost when the coded prediction stands for the clean one,
    sum_c p_c (log p_c − log q_c); 0 for equal predictions.  It moves with every change of confidence, where
    top-1 only counts the flips: the quality with the least noise for small sets of pictures.
    """
    _check_pair(clean, coded)
    log_p, log_q = clean.float().log_softmax(-1), coded.float().log_softmax(-1)
    # Rounding can leave −1e-8 for equal predictions.
    return F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1).clamp_min(0)


def label_accuracy(coded: Tensor, labels: Sequence[Label]) -> Tensor:
    """1 where the likeliest class is acceptable, else 0; NaN where no label is known: (N, C) → float (N,).

    ``labels`` holds for each picture a class index, several (a cat may be "tabby" or "tiger cat"), or None
    or an empty sequence.  Average with ``nanmean``.
    """
    if coded.ndim != 2 or len(labels) != len(coded):
        raise InputError(f"logits {tuple(coded.shape)} and {len(labels)} labels; give (N, C) and N labels")
    hits = [
        _hit(int(top), label, coded.shape[1]) for top, label in zip(coded.argmax(-1), labels, strict=True)
    ]
    return torch.tensor(hits, dtype=torch.float32, device=coded.device)


def _hit(top: int, label: Label, classes: int) -> float:
    acceptable = () if label is None else (label,) if isinstance(label, Integral) else tuple(label)
    if not all(0 <= index < classes for index in acceptable):
        raise InputError(f"label {label} isn't a class of this analyser; indices go from 0 to {classes - 1}")
    return float(top in acceptable) if acceptable else float("nan")


def _check_pair(clean: Tensor, coded: Tensor) -> None:
    if clean.ndim != 2 or clean.shape != coded.shape:
        raise InputError(f"clean logits {tuple(clean.shape)}, coded {tuple(coded.shape)}; give (N, C) twice")
