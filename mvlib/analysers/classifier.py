"""Classifiers: picture in [0, 1] → resize → normalise → network → logits, and what coding leaves of them.

An ``Embedder`` is one without its last layer: its numbers describe a picture, and people compare them to recognise one.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import timm
import torch
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn
from torch.nn import functional as F

from mvlib._weights import fill_packaged
from mvlib.errors import InputError

from .agreement import feature_distance, kl_to_clean, label_accuracy, top1_agreement
from .base import Analyser, Response

EMBEDDER_NAMES = ("mobilenetv2",)


class Predictor(Analyser):
    """An analyser whose output is logits (B, C): "kl" and "top1" against the clean ones, "label" against labels."""

    def divergence(self, clean: Tensor, coded: Tensor) -> Tensor:
        """KL(clean ‖ coded) in nats: logits (B, C) twice → (B,)."""
        return kl_to_clean(clean, coded)

    def measure(self, score: str, clean: Response, coded: Response, samples: Sequence[Any]) -> Tensor:
        """Values (B,) of "kl", "top1" or "label"."""
        if score == "label":
            return label_accuracy(coded.output, [sample.labels for sample in samples])
        return {"kl": kl_to_clean, "top1": top1_agreement}[score](clean.output, coded.output)

    def top(self, logits: Tensor, k: int = 5) -> list[list[tuple[str, float]]]:
        """The ``k`` likeliest classes of each row: (name, probability in [0, 1]), likeliest first."""
        if not 1 <= k <= len(self.classes):
            raise InputError(f"k is {k}; {self.name} knows 1..{len(self.classes)} classes")
        values, indices = logits.detach().float().softmax(-1).topk(k)
        rows = zip(indices.tolist(), values.tolist(), strict=True)
        return [[(self.classes[i], p) for i, p in zip(*row, strict=True)] for row in rows]


class Classifier(Predictor):
    """A frozen network behind its own preprocessing, differentiable to the picture.

    The *whole* picture is resized to ``input_size`` (antialiased bicubic, aspect ratio not kept) instead of
    the usual centre crop: an analyser that does not see the border rewards a preprocessor for flattening it,
    and the bits saved there would be a cheat.  Where the size already fits, nothing is resampled.  The
    resized picture isn't clamped, so that no gradient is lost.

    Args:
        network: (B, 3, h, w), normalised → logits (B, C).
        input_size: (height, width) in pixels that it sees; None: each picture as large as it is.
        mean, std: of the three channels on the scale [0, 1].
        name, classes: see ``Analyser``.
        interpolation: "bicubic" or "bilinear".
    """

    kind = "classifier"
    picture_scores: ClassVar[tuple[str, ...]] = ("kl", "top1", "label")
    clip_scores: ClassVar[tuple[str, ...]] = ("kl", "top1")
    batch = 4

    def __init__(
        self,
        network: nn.Module,
        *,
        name: str = "classifier",
        input_size: tuple[int, int] | None = None,
        mean: Sequence[float] = (0.0,) * 3,
        std: Sequence[float] = (1.0,) * 3,
        classes: Sequence[str] = (),
        interpolation: str = "bicubic",
    ) -> None:
        network = network.to(memory_format=torch.channels_last)
        super().__init__(network, name=name, classes=classes, mean=mean, std=std)
        self.input_size, self.interpolation = input_size and tuple(input_size), interpolation

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, C) of pictures ``x``: float (B, 3, H, W), RGB in [0, 1], any H and W.

        Raises as ``Analyser.checked``.
        """
        x = self.checked(x).contiguous(memory_format=torch.channels_last)
        if self.input_size and x.shape[-2:] != self.input_size:
            x = F.interpolate(x, self.input_size, mode=self.interpolation, antialias=True)
        return self.network((x - self.mean) / self.std)

    def extra_repr(self) -> str:
        size = "{}x{} px".format(*self.input_size) if self.input_size else "any size"
        return f"{self.name!r}, {size}, {len(self.classes)} classes"


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
    """The embedder ``name``, one of ``EMBEDDER_NAMES``: MobileNetV2 [1] to 1,280 numbers.

    Of another family than EfficientNet-Lite, by another training. The weights come with the tracker Deep SORT, where
    they tell one person from another.

    [1] Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, arXiv 1801.04381

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
