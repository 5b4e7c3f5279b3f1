"""torchvision's COCO detectors behind the same call: name → weights, downloaded once → ``detect``."""

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import detection

from ..checks import checked
from ..zoo import AnalyserUnavailable
from .build import DETECTOR_NAMES
from .coco import COCO_CLASSES
from .detector import Detections, check_score, select

# These find boxes of all classes; the others of the module look for key points or masks.
TORCHVISION_DETECTORS: tuple[str, ...] = tuple(
    name
    for name in torchvision.models.list_models(module=detection)
    if not name.startswith(("keypointrcnn", "maskrcnn"))
)


class TorchvisionDetector(nn.Module):
    """A frozen detector of torchvision, which resizes and normalises by itself: ``detect`` only.

    For evaluation: it gives no heads to train with.  Attributes as in ``Detector``.
    """

    def __init__(self, network: nn.Module, name: str, categories: list[str]) -> None:
        super().__init__()
        self.name, self.classes = name, COCO_CLASSES
        self.network = network.requires_grad_(False)
        # torchvision's labels have the gaps of COCO's category ids; -1 marks what is no class.
        place = [COCO_CLASSES.index(c) if c in COCO_CLASSES else -1 for c in categories]
        self.register_buffer("place", torch.tensor(place), persistent=False)
        self.train(False)

    def train(self, mode: bool = True) -> "TorchvisionDetector":
        """Stay in eval mode whatever ``mode`` says."""
        return super().train(False)

    def forward(self, x: Tensor) -> None:
        """Not there: raises NotImplementedError."""
        raise NotImplementedError(
            f"{self.name} gives no heads; call .detect(pictures), or train with {', '.join(DETECTOR_NAMES)}"
        )

    @torch.no_grad()
    def detect(
        self, x: Tensor, *, score: float = 0.3, overlap: float = 0.6, limit: int = 100
    ) -> list[Detections]:
        """As ``Detector.detect``."""
        check_score(score)
        found = []
        for out in self.network(list(checked(x, torch.float32))):
            labels = self.place[out["labels"]]
            known = (labels >= 0) & (out["scores"] > score)
            found.append(select(out["boxes"][known], out["scores"][known], labels[known], overlap, limit))
        return found


def load_torchvision_detector(model: str, *, pretrained: bool = True) -> TorchvisionDetector:
    """torchvision's ``model``, one of ``TORCHVISION_DETECTORS``, with its default weights for COCO.

    Raises AnalyserUnavailable if the weights are neither cached nor within reach.
    """
    weights = torchvision.models.get_model_weights(model).DEFAULT
    categories = weights.meta["categories"]
    if not pretrained:
        network = torchvision.models.get_model(
            model, weights=None, weights_backbone=None, num_classes=len(categories)
        )
        return TorchvisionDetector(network, f"torchvision/{model}", categories)
    try:
        network = torchvision.models.get_model(model, weights=weights)
    except (OSError, RuntimeError) as error:
        raise AnalyserUnavailable(
            f"the pretrained weights of torchvision/{model} are not on this machine and could not be fetched from "
            f"{weights.url} ({type(error).__name__}: {error}). "
            f"Connect once, or take one that needs no network: {', '.join(DETECTOR_NAMES)}"
        ) from error
    return TorchvisionDetector(network, f"torchvision/{model}", categories)
