"""Analysers that guide a training: names or modules → frozen networks → what coding took from each."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from mvlib import analysers as networks
from mvlib._imports import imported, is_import_path
from mvlib.analysers import available, kl_to_clean
from mvlib.analysers.actions import ACTION_NETWORKS
from mvlib.analysers.detectors import DETECTOR_NAMES
from mvlib.errors import InputError, InputTypeError


def load_guide(name: str, clips: bool) -> nn.Module:
    """The analyser ``name``, if its prediction is one that a training on pictures, or ``clips``, can keep.

    Args:
        name: as for ``analysers.load``; or an import path, "module:name", of a network or of what gives one.

    Raises ValueError that lists those that can guide a training; else as ``analysers.load``.
    """
    if is_import_path(name):
        found = imported(name)
        return frozen(found if isinstance(found, nn.Module) else found())
    analyser = networks.load(name)
    if analyser.differentiable and (clips or not analyser.takes_clips):
        return analyser
    can = [*available(), *DETECTOR_NAMES, "a classifier of torchvision/… or timm/…"]
    if clips:
        can += [*ACTION_NETWORKS, "torchvision/r3d_18 and its likes"]
    raise InputError(
        f"{name} is a {type(analyser).__name__}, which can't guide a training on {'clips' if clips else 'pictures'}; "
        f"choose among {', '.join(can)}"
    )


def frozen(analyser: nn.Module) -> nn.Module:
    """``analyser`` if it is frozen and in eval mode, else a copy of it that is."""
    if not isinstance(analyser, nn.Module):
        raise InputTypeError(f"an analyser is a {type(analyser).__name__}; give a name or a torch.nn.Module")
    if any(module.training for module in analyser.modules()) or any(
        p.requires_grad for p in analyser.parameters()
    ):
        return deepcopy(analyser).eval().requires_grad_(False)
    return analyser


@torch.no_grad()
def reference_of(analyser: nn.Module, clean: Tensor, task: str) -> Any:
    """What ``analyser`` makes of clean pictures or clips, for ``coding_loss``."""
    if seen := getattr(analyser, "seen", None):
        return seen(clean, task)
    if task == "features":
        raise InputError(
            f"which layers of a {type(analyser).__name__} see late maps is not known; train with task 'output', or "
            "wrap it as mvlib.analysers.Classifier"
        )
    return analyser(clean.flatten(0, 1) if clean.ndim == 5 else clean)


def coding_loss(
    analyser: nn.Module, clean: Tensor, decoded: Tensor, task: str = "output", reference: Any = None
) -> Tensor:
    """What coding took from an analyser's clean prediction, (B,) in nats; differentiable in ``decoded``.

    An analyser says itself what that is (``Analyser.task_loss``). A plain network takes pictures, of clips every frame,
    and gives logits, whose KL to the clean ones counts.

    Args:
        reference: what ``reference_of`` gave for ``clean``; None: found here.
    """
    if reference is None:
        reference = reference_of(analyser, clean, task)
    if task_loss := getattr(analyser, "task_loss", None):
        return task_loss(clean, decoded, task, reference)
    harm = kl_to_clean(reference, analyser(decoded.flatten(0, 1) if clean.ndim == 5 else decoded))
    return harm.unflatten(0, clean.shape[:2]).mean(1) if clean.ndim == 5 else harm
