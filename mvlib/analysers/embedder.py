"""MobileNetV2 without its last layer: picture → 1,280 numbers that describe it, which people compare to recognise one.

An analyser of another family than EfficientNet-Lite, by another training; it has no classes, so what coding took is
the distance of its late maps. The weights come with the tracker Deep SORT, where they tell one person from another.

Reference: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, arXiv 1801.04381
"""

from collections.abc import Sequence
from typing import Any

import timm
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor

from mvlib._weights import fill_packaged
from mvlib.errors import InputError

from .agreement import feature_distance
from .base import Response
from .classifier import Classifier

EMBEDDER_NAMES = ("mobilenetv2",)


class Embedder(Classifier):
    """A network from pictures to descriptions (B, C), behind a classifier's preprocessing; its score is "features"."""

    kind = "embedder"
    picture_scores, clip_scores = ("features",), ("features",)

    def divergence(self, clean: Tensor, coded: Tensor) -> Tensor:
        """Squared distance of descriptions in shares of the clean one's size: (B, C) twice → (B,)."""
        return feature_distance([clean], [coded])

    def measure(self, score: str, clean: Response, coded: Response, samples: Sequence[Any]) -> Tensor:
        raise InputError(f"{self.name} has no classes, so no score {score}; its score is features")


def load_embedder(name: str, *, pretrained: bool = True) -> Embedder:
    """The embedder ``name``, one of ``EMBEDDER_NAMES``.

    Raises:
        ValueError: weights that don't fit their card.  FileNotFoundError: the weights are missing.
    """
    network = timm.create_model(f"{name}_100", pretrained=False, num_classes=0)
    if pretrained:
        fill_packaged(network, f"embedder_{name}", "run data/recipe/convert_embedder.py")
    # Deep SORT resizes with OpenCV's bilinear filter, which does not smooth; ours does.
    return Embedder(
        network,
        name=name,
        input_size=(224, 224),
        mean=IMAGENET_DEFAULT_MEAN,
        std=IMAGENET_DEFAULT_STD,
        interpolation="bilinear",
    )
