"""Detectors by name: weights/detector_NAME.safetensors → network → ``Detector``."""

from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights

from mvlib._weights import fill, read_weights, weights_folder
from mvlib.errors import InputError

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
    if name not in _DETECTORS:
        raise InputError(f"no detector is called {name!r}; there are {', '.join(_DETECTORS)}")
    network, side, mean, std, letterbox = _DETECTORS[name]
    network = network()
    if pretrained:
        path = weights_folder() / f"detector_{name}.safetensors"
        state, _ = read_weights(
            path, "Restore it with `git checkout -- mvlib/weights`, or run data/recipe/convert_detectors.py"
        )
        fill(network, state, path)
    return Detector(
        network,
        name=name,
        input_size=(side, side),
        mean=mean,
        std=std,
        classes=COCO_CLASSES,
        letterbox=letterbox,
    )
