"""Recognisers by name: "action_resnet3d", … or any video classifier of torchvision → weights → ``Recogniser``."""

import torch
import torchvision
from torch import nn

from mvlib._weights import fill, read_weights, weights_folder
from mvlib.errors import InputError

from ..zoo import torchvision_network
from .recogniser import Recogniser
from .recurrent import RecurrentNet
from .resnet3d import ResNet3d
from .shift import ShiftNet

# In the order that mvlib.datasets.acting_paths plays them; a weights' card that says otherwise is refused.
ACTION_CLASSES = (
    *("slide left", "slide right", "fall", "rise", "bounce", "swing"),
    *("spin clockwise", "spin counter-clockwise", "approach", "recede", "shake", "circle"),
)
ACTION_NETWORKS: dict[str, type[nn.Module]] = {
    "action_resnet3d": ResNet3d,
    "action_shift": ShiftNet,
    "action_recurrent": RecurrentNet,
}

TORCHVISION_RECOGNISERS: tuple[str, ...] = tuple(
    torchvision.models.list_models(module=torchvision.models.video)
)
_FRAMES = 16


def build_network(name: str) -> nn.Module:
    """The bare network ``name``, a key of ``ACTION_NETWORKS``, with random weights."""
    network = ACTION_NETWORKS[name](len(ACTION_CLASSES))
    for part in network.modules():  # a format is for tensors of one rank only
        if isinstance(part, nn.Conv2d):
            part.to(memory_format=torch.channels_last)
        elif isinstance(part, nn.Conv3d):
            part.to(memory_format=torch.channels_last_3d)
    return network


def load_recogniser(name: str, *, pretrained: bool = True) -> Recogniser:
    """The recogniser ``name`` of the twelve acted actions, frozen; its weights come with the package.

    Raises FileNotFoundError if they are missing and ValueError if they are of other classes.
    """
    network = build_network(name)
    if pretrained:
        path = weights_folder() / f"{name}.safetensors"
        state, card = read_weights(
            path, "Restore it with `git checkout`, or train: python -m mvlib train actions"
        )
        if card.get("classes") != list(ACTION_CLASSES):
            raise InputError(
                f"{path} tells {card.get('classes')} apart, this package {ACTION_CLASSES}: train again"
            )
        fill(network, state, path)
    return Recogniser(network, name=name, classes=ACTION_CLASSES)


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
