"""Distances between an analyser's answers: clean and coded logits, or maps of late layers → one number a picture.

Every function gives a tensor (N,), one value a picture and no mean, so that an evaluation can resample pictures for its
confidence intervals.

A gradient of the output's KL is mostly noise: it hangs on which few classes compete in this one picture, and on how
this one coding error fell. The maps just before the output sum many such errors. On the weights of a preprocessor,
batches of 16 photographs, EfficientNet-Lite0, 3 % of the squared gradient of the KL was common to all batches, 29 %
of that of the last stage's maps, and both pointed the same way on the mean of many. So maps teach with a tenth of the
pictures, and what is learned from them leans less on one network's last layer.

Reference: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
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
    acceptable = () if label is None else tuple(label) if isinstance(label, Iterable) else (label,)
    if not all(0 <= index < classes for index in acceptable):
        raise InputError(f"label {label} isn't a class of this analyser; indices go from 0 to {classes - 1}")
    return float(top in acceptable) if acceptable else float("nan")


def _check_pair(clean: Tensor, coded: Tensor) -> None:
    if clean.ndim != 2 or clean.shape != coded.shape:
        raise InputError(f"clean logits {tuple(clean.shape)}, coded {tuple(coded.shape)}; give (N, C) twice")


def feature_layers(analyser: nn.Module) -> list[nn.Module]:
    """The late layers of ``analyser`` whose maps are compared.

    A network names them itself (``feature_layers``, paths of its modules); of timm's networks they are the last
    stage and the last but two: at stride 32 and 16 in the EfficientNets.

    Raises:
        ValueError: neither is there.
    """
    network: Any = analyser.network
    names = getattr(network, "feature_layers", None)
    if names is None and isinstance(getattr(network, "blocks", None), nn.Module):
        last = len(network.blocks) - 1
        names = tuple(f"blocks.{stage}" for stage in (last - 2, last) if stage >= 0)
    if names is None:
        raise InputError(
            f"which layers of {analyser.name} see late maps is not known; train with task 'output', or give "
            f"{type(network).__name__} an attribute feature_layers = ('path.of.module', …)"
        )
    return [network.get_submodule(name) for name in names]


def features(analyser: nn.Module, x: Tensor) -> list[Tensor]:
    """Maps of the late layers for ``x``, what the analyser takes; each float32 (B, …), differentiable to ``x``.

    Raises as the analyser itself and ``feature_layers``.
    """
    with watching(analyser) as seen:
        analyser.forward(x)  # not by a call: a compiled graph would pass over the layers that are watched
    # A network of single frames gives (B * T, …).
    return [maps.float().unflatten(0, (len(x), -1)) for maps in seen]


@contextmanager
def watching(analyser: nn.Module) -> Iterator[list[Tensor]]:
    """A list that fills with the maps of the late layers whenever ``analyser`` looks inside the ``with`` block.

    Raises ValueError where it looked and none of them ran.
    """
    seen: list[Tensor] = []
    hooks = [
        layer.register_forward_hook(lambda _, __, out: seen.append(out)) for layer in feature_layers(analyser)
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
    if not seen:
        raise InputError(
            f"{getattr(analyser, 'name', type(analyser).__name__)} computes without calling its feature_layers; "
            "name modules that its forward pass calls"
        )


def feature_distance(clean: Sequence[Tensor], coded: Sequence[Tensor]) -> Tensor:
    """Squared distance of the maps over the squared size of the clean ones, mean over layers: (B,) ≥ 0.

    0 for equal pictures, 1 where the coded maps are all zero; differentiable in both.

    Raises:
        ValueError: not the maps of one analyser for as many pictures of one size.
    """
    shapes = [[tuple(m.shape) for m in maps] for maps in (clean, coded)]
    if not clean or shapes[0] != shapes[1]:
        raise InputError(f"clean maps {shapes[0]}, coded {shapes[1]}; give those of one analyser, twice")
    each = [
        (b - a).square().flatten(1).mean(1) / a.square().flatten(1).mean(1).clamp_min(1e-12)
        for a, b in zip(clean, coded, strict=True)
    ]
    return torch.stack(each).mean(0)
