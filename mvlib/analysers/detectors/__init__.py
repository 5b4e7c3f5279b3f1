"""Detectors: picture → scores and boxes at every place (to train with) → a few objects (to look at)."""

from .boxes import FOUND, Detections, Heads, Truth, heads_divergence
from .build import (
    COCO_CLASSES,
    DETECTOR_NAMES,
    TORCHVISION_DETECTORS,
    TorchvisionDetector,
    load_detector,
    load_torchvision_detector,
)
from .detector import Detector

__all__ = [
    "COCO_CLASSES", "DETECTOR_NAMES", "FOUND", "TORCHVISION_DETECTORS", "Detections", "Detector", "Heads",
    "TorchvisionDetector", "Truth", "heads_divergence", "load_detector", "load_torchvision_detector",
]  # fmt: skip
