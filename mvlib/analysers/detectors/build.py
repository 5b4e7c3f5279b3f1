"""Detectors by name: those that come with the package → ``Detector``; torchvision's → ``TorchvisionDetector``."""

from collections.abc import Sequence
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import detection
from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights

from mvlib._weights import fill_packaged
from mvlib.errors import choose

from ..base import Analyser, Found, Response
from ..zoo import torchvision_network
from .boxes import FOUND, TRUE, Detections, check_score, objects_found, select
from .centernet import CenterNet
from .detector import Detector
from .nanodet import NanoDet

# The 80 classes of COCO detection (Lin et al., "Microsoft COCO", ECCV 2014), in the order of its category ids, which
# have gaps: torchvision lists all 91 ids; those that COCO never used are called "N/A", the background "__background__".
_BY_ID = FasterRCNN_ResNet50_FPN_Weights.DEFAULT.meta["categories"]
COCO_CLASSES: tuple[str, ...] = tuple(n for n in _BY_ID if n not in ("N/A", "__background__"))
# Name -> network, side in pixels, mean and deviation on the scale [0, 1] of RGB, black bars or not: as each was
# trained, NanoDet on ImageNet's statistics, CenterNet on 0..255 as it is.
_DETECTORS = {
    "nanodet": (NanoDet, 416, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), False),
    "centernet": (CenterNet, 512, (0.0,) * 3, (1 / 255,) * 3, True),
}
DETECTOR_NAMES: tuple[str, ...] = tuple(_DETECTORS)


def load_detector(name: str, *, pretrained: bool = True) -> Detector:
    """The detector ``name``, one of ``DETECTOR_NAMES``: 80 COCO classes, frozen, in eval mode.

    Raises:
        ValueError: no such detector, or weights that don't fit their card.
        FileNotFoundError: the weights are missing.
    """
    kind, side, mean, std, letterbox = _DETECTORS[choose("detector", name, _DETECTORS)]
    network = kind()
    if pretrained:
        fill_packaged(network, f"detector_{name}", "run data/recipe/convert_detectors.py")
    return Detector(
        network,
        name=name,
        input_size=(side, side),
        mean=mean,
        std=std,
        classes=COCO_CLASSES,
        letterbox=letterbox,
    )


# These find boxes of all classes; the others of the module look for key points or masks.
TORCHVISION_DETECTORS: tuple[str, ...] = tuple(
    name
    for name in torchvision.models.list_models(module=detection)
    if not name.startswith(("keypointrcnn", "maskrcnn"))
)


class TorchvisionDetector(Analyser):
    """A frozen detector of torchvision, which resizes and normalises by itself: ``detect`` only.

    For evaluation: it gives no heads to train with.
    """

    place: Tensor
    kind, picture_scores, differentiable = "detector", ("ap",), False

    def __init__(self, network: nn.Module, name: str, categories: list[str]) -> None:
        super().__init__(network, name=name, classes=COCO_CLASSES)
        # torchvision's labels have the gaps of COCO's category ids; -1 marks what is no class.
        place = [COCO_CLASSES.index(c) if c in COCO_CLASSES else -1 for c in categories]
        self.register_buffer("place", torch.tensor(place), persistent=False)

    def forward(self, x: Tensor) -> None:
        """Not there: raises NotImplementedError."""
        raise NotImplementedError(
            f"{self.name} gives no heads; call .detect(pictures), or train with {', '.join(DETECTOR_NAMES)}"
        )

    def respond(self, x: Tensor, scores: Sequence[str], clean: bool) -> Response:
        """The objects of pictures."""
        return Response(None, objects=self.detect(x, score=TRUE if clean else FOUND))

    def measure(self, score: str, clean: Response, coded: Response, samples: Sequence[Any]) -> Found:
        """For "ap" the objects that are there and those that were found."""
        return objects_found(clean, coded, samples, len(self.classes))

    @torch.no_grad()
    def detect(
        self, x: Tensor, *, score: float = 0.3, overlap: float = 0.6, limit: int = 100
    ) -> list[Detections]:
        """As ``Detector.detect``."""
        check_score(score)
        found = []
        for out in self.network(list(self.checked(x))):
            labels = self.place[out["labels"]]
            known = (labels >= 0) & (out["scores"] > score)
            found.append(select(out["boxes"][known], out["scores"][known], labels[known], overlap, limit))
        return found


def load_torchvision_detector(model: str, *, pretrained: bool = True) -> TorchvisionDetector:
    """torchvision's ``model``, one of ``TORCHVISION_DETECTORS``, with its default weights for COCO.

    Raises AnalyserUnavailable if the weights are neither cached nor within reach.
    """
    classes = len(torchvision.models.get_model_weights(model).DEFAULT.meta["categories"])
    network, weights = torchvision_network(
        model, pretrained, DETECTOR_NAMES, weights_backbone=None, num_classes=classes
    )
    return TorchvisionDetector(network, f"torchvision/{model}", weights.meta["categories"])
