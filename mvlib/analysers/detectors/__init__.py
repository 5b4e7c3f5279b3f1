"""Detectors: picture → scores and boxes at every place (to train with) → a few objects (to look at)."""

from .boxes import FOUND, Detections, Heads, Truth
from .build import COCO_CLASSES, DETECTOR_NAMES, load_detector
from .detector import Detector
from .divergence import average_precision, heads_divergence
from .zoo import TORCHVISION_DETECTORS, TorchvisionDetector, load_torchvision_detector

__all__ = [
    "COCO_CLASSES",
    "DETECTOR_NAMES",
    "FOUND",
    "TORCHVISION_DETECTORS",
    "Detections",
    "Detector",
    "Heads",
    "TorchvisionDetector",
    "Truth",
    "average_precision",
    "heads_divergence",
    "load_detector",
    "load_torchvision_detector",
]
