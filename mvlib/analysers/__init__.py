"""Analysers: picture or clip → own resize and scale → network → what it sees → how much of that coding left.

``load("efficientnet_lite0")`` works without a network; ``load("torchvision/resnet50")`` and
``load("timm/convnext_atto")`` reach any classifier of the two libraries.  ``Analyser`` is the base of all; it brings
its own scores and its own training loss.
"""

from .agreement import feature_distance, features, kl_to_clean, label_accuracy, top1_agreement
from .base import Analyser, Found, Response
from .classifier import Classifier
from .registry import AnalyserUnavailable, as_analyser, available, load

__all__ = [
    "Analyser", "AnalyserUnavailable", "Classifier", "Found", "Response", "as_analyser", "available",
    "feature_distance", "features", "kl_to_clean", "label_accuracy", "load", "top1_agreement",
]  # fmt: skip
