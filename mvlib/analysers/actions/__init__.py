"""Recognisers of actions: clip → moments → features that know time → logits of the actions."""

from .motion import MotionNet, motion_statistics
from .networks import LocatedNet
from .recogniser import (
    ACTION_CLASSES,
    ACTION_NETWORKS,
    FRAMES,
    MEAN,
    SIDE,
    STD,
    TORCHVISION_RECOGNISERS,
    Recogniser,
    build_network,
    fit_frames,
    load_recogniser,
    load_torchvision_recogniser,
)

__all__ = [
    "ACTION_CLASSES",
    "ACTION_NETWORKS",
    "FRAMES",
    "MEAN",
    "SIDE",
    "STD",
    "TORCHVISION_RECOGNISERS",
    "LocatedNet",
    "MotionNet",
    "Recogniser",
    "build_network",
    "fit_frames",
    "load_recogniser",
    "load_torchvision_recogniser",
    "motion_statistics",
]  # fmt: skip
