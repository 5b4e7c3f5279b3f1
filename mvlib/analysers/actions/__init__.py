"""Recognisers of actions: clip → moments → features that know time → logits of the actions."""

from .build import (
    ACTION_CLASSES,
    ACTION_NETWORKS,
    TORCHVISION_RECOGNISERS,
    build_network,
    load_recogniser,
    load_torchvision_recogniser,
)
from .recogniser import FRAMES, MEAN, SIDE, STD, Recogniser, fit_frames

__all__ = [
    "ACTION_CLASSES",
    "ACTION_NETWORKS",
    "FRAMES",
    "MEAN",
    "SIDE",
    "STD",
    "TORCHVISION_RECOGNISERS",
    "Recogniser",
    "build_network",
    "fit_frames",
    "load_recogniser",
    "load_torchvision_recogniser",
]
