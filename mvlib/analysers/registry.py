"""Analysers by name: "efficientnet_lite0", "nanodet", "siam_lite0", "timm/…" → load → Classifier, Detector, Tracker."""

from collections.abc import Callable, Collection
from copy import deepcopy
from difflib import get_close_matches

import timm
import torchvision
from torch import nn

from mvlib.errors import InputError, InputTypeError

from .actions import (
    ACTION_NETWORKS,
    TORCHVISION_RECOGNISERS,
    load_recogniser,
    load_torchvision_recogniser,
)
from .base import Analyser
from .classifier import EMBEDDER_NAMES, Classifier, load_embedder
from .detectors import (
    DETECTOR_NAMES,
    TORCHVISION_DETECTORS,
    load_detector,
    load_torchvision_detector,
)
from .trackers import TRACKER_NAMES, load_tracker
from .zoo import LITE_SIZES, AnalyserUnavailable, load_lite, load_timm, load_torchvision

_OFFLINE: tuple[tuple[Collection[str], Callable[..., Analyser]], ...] = (
    (LITE_SIZES, load_lite),
    (DETECTOR_NAMES, load_detector),
    (TRACKER_NAMES, load_tracker),
    (ACTION_NETWORKS, load_recogniser),
    (EMBEDDER_NAMES, load_embedder),
)
_TORCHVISION: tuple[tuple[Collection[str], Callable[..., Analyser]], ...] = (
    (TORCHVISION_RECOGNISERS, load_torchvision_recogniser),
    (TORCHVISION_DETECTORS, load_torchvision_detector),
    (torchvision.models.list_models(module=torchvision.models), load_torchvision),
)
__all__ = ["AnalyserUnavailable", "as_analyser", "available", "load"]


def available() -> tuple[str, ...]:
    """Classifiers that ``load`` finds without a network; see ``DETECTOR_NAMES`` and ``TRACKER_NAMES`` too."""
    return tuple(LITE_SIZES)


def as_analyser(name: str, given: str | nn.Module) -> Analyser:
    """``given`` as an analyser that results call ``name``.

    Args:
        given: a name as for ``load``; an ``Analyser``; or any module that takes pictures (B, 3, H, W) in [0, 1] and
            gives logits (B, C). It gets each picture as large as it is, whatever it was trained on: resize and
            normalise in its ``forward``, or wrap it as ``Classifier(module, input_size=…, mean=…, std=…)``. Labels
            count if its attribute ``classes`` names the classes as the data set does. It is copied: neither frozen
            nor moved.
    Raises:
        TypeError: something else.  Else as ``load``.
    """
    if isinstance(given, str):
        return load(given)
    if not isinstance(given, nn.Module):
        raise InputTypeError(
            f"analyser {name!r} is {type(given).__name__}; give a name, an Analyser, or a torch.nn.Module"
        )
    own = deepcopy(given)
    return (
        own if isinstance(own, Analyser) else Classifier(own, name=name, classes=getattr(own, "classes", ()))
    )


def load(name: str, *, pretrained: bool = True) -> Analyser:
    """The analyser ``name``, frozen, in eval mode.

    A classifier gives float (B, 3, H, W) in [0, 1] → logits (B, C), a detector ``Heads``, a recogniser
    float clips (B, T, 3, H, W) → logits (B, C), a tracker boxes from frames, an embedder
    descriptions (B, C) without classes; see their classes.

    Args:
        name: one of ``available()``, ``DETECTOR_NAMES``, ``TRACKER_NAMES``, ``ACTION_NETWORKS``,
            ``EMBEDDER_NAMES``; or
            ``"torchvision/resnet50"``, ``"torchvision/retinanet_resnet50_fpn"``, ``"torchvision/r3d_18"``,
            ``"timm/convnext_atto"``: any classifier of the two libraries, torchvision's COCO detectors and its
            Kinetics recognisers, whose weights download on first use and stay in the library's own cache.
        pretrained: False gives random weights (seed them with ``torch.manual_seed``).

    Raises:
        ValueError: no such analyser; the message names near ones.
        AnalyserUnavailable: the pretrained weights are neither cached nor within reach.

    Example:
        >>> import torch, mvlib
        >>> analyser = mvlib.load_analyser("efficientnet_lite0")
        >>> logits = analyser(torch.full((1, 3, 64, 64), 0.5))
        >>> logits.shape, len(analyser.classes)
        (torch.Size([1, 1000]), 1000)
    """
    library, _, model = str(name).partition("/")
    named, loaders = (model, _TORCHVISION) if library == "torchvision" else (name, _OFFLINE)
    for names, loader in loaders:
        if named in names:
            return loader(named, pretrained=pretrained)
    # A timm name may carry the tag of its weights: "resnet50.a1_in1k".
    if library == "timm" and timm.is_model(model.partition(".")[0]):
        return load_timm(model, pretrained=pretrained)
    raise InputError(_unknown(str(name)))


def _unknown(name: str) -> str:
    library, _, model = name.rpartition("/")
    catalogue = [
        *(n for names, _ in _OFFLINE for n in names),
        *(f"torchvision/{n}" for names, _ in reversed(_TORCHVISION) for n in names),
        *(f"timm/{n}" for n in timm.list_models()),
    ]
    # Compare without the library, so that "resnet50" finds the one of both.
    by_model: dict[str, list[str]] = {}
    for full in catalogue:
        if library not in ("torchvision", "timm") or full.startswith(f"{library}/"):
            by_model.setdefault(full.rpartition("/")[2], []).append(full)
    near = [full for match in get_close_matches(model, by_model, n=3) for full in by_model[match]]
    hint = f"near names: {', '.join(near)}; " if near else ""
    offline = ", ".join((*LITE_SIZES, *DETECTOR_NAMES, *EMBEDDER_NAMES))
    return f"no analyser is called {name!r}; {hint}without a network: {offline}"
