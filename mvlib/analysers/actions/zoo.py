"""Any video classifier of torchvision: name → Kinetics-400 weights, downloaded once → own scale → Recogniser."""

import torchvision

from ..zoo import torchvision_network
from .recogniser import Recogniser

TORCHVISION_RECOGNISERS: tuple[str, ...] = tuple(
    torchvision.models.list_models(module=torchvision.models.video)
)
_FRAMES = 16


def load_torchvision_recogniser(model: str, *, pretrained: bool = True) -> Recogniser:
    """torchvision's ``model``, one of ``TORCHVISION_RECOGNISERS``, on 16 moments; size, mean and deviation are its own.

    Raises AnalyserUnavailable if the weights are neither cached nor within reach.
    """
    network, weights = torchvision_network(model, pretrained)
    preset = weights.transforms()
    return Recogniser(
        network,
        name=f"torchvision/{model}",
        classes=weights.meta["categories"],
        frames=_FRAMES,
        side=preset.crop_size[0],
        mean=preset.mean,
        std=preset.std,
        channels_first=True,
    )
