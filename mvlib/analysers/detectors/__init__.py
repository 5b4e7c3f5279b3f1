"""Detectors: picture → scores and boxes at every place (to train with) → a few objects (to look at)."""

from .build import DETECTOR_NAMES, load_detector
from .coco import COCO_CLASSES
from .detector import Detections, Detector, Heads

__all__ = ["COCO_CLASSES", "DETECTOR_NAMES", "Detections", "Detector", "Heads", "load_detector"]
