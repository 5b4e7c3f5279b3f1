"""Any classifier of torchvision or timm: name → weights, downloaded once → own scale → Classifier."""

import logging
from collections.abc import Callable, Sequence

import timm
import torchvision
from timm.data import ImageNetInfo, infer_imagenet_subset, resolve_model_data_config
from torch import nn
from torchvision.models import WeightsEnum

from mvlib.errors import InputError, UserError

from .classifier import Classifier
from .lite import IMAGENET_CLASSES, LITE_SIZES


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
    model: str, pretrained: bool, offline: Sequence[str] = tuple(LITE_SIZES), **untrained
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


def _timm_classes(network: nn.Module) -> tuple[str, ...]:
    if network.num_classes == len(IMAGENET_CLASSES):
        return IMAGENET_CLASSES
    subset = infer_imagenet_subset(network)
    if subset is None:
        return tuple(f"class {i}" for i in range(network.num_classes))
    info = ImageNetInfo(subset)
    return tuple(info.index_to_description(i) for i in range(network.num_classes))
