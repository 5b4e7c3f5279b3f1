"""The machines that look: picture → own resize and scale → network → logits → quality of coding.

``load("efficientnet_lite0")`` works without a network; ``load("torchvision/resnet50")`` and
``load("timm/convnext_atto")`` reach any classifier of the two libraries.  The qualities say how much of the
clean prediction survived coding.
"""

from .classifier import Classifier
from .features import feature_distance, features
from .quality import QUALITIES, Quality, kl_to_clean, label_accuracy, top1_agreement
from .registry import AnalyserUnavailable, available, load

__all__ = [
    "QUALITIES",
    "AnalyserUnavailable",
    "Classifier",
    "Quality",
    "available",
    "feature_distance",
    "features",
    "kl_to_clean",
    "label_accuracy",
    "load",
    "top1_agreement",
]
