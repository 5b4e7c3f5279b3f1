"""Recognisers: clip in [0, 1] → moments of one size → normalise → network → logits; and those that have a name."""

from collections.abc import Callable, Sequence

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from mvlib._weights import fill_packaged

from ..classifier import Predictor
from ..zoo import torchvision_network
from .motion import MotionNet
from .networks import ActionNet, RecurrentNet, ResNet3d, ShiftNet

FRAMES, SIDE = ActionNet.frames, ActionNet.side
MEAN, STD = 0.45, 0.225


def fit_frames(clip: Tensor, frames: int = FRAMES, side: int = SIDE) -> Tensor:
    """Clip (B, T, C, H, W) → (B, frames, C, side, side), antialiased in space and in time.

    Neighbouring frames are averaged rather than dropped: frames and pixels that an analyser never looks at would
    reward a preprocessor for flattening them.
    """
    batch, length = clip.shape[:2]
    if clip.shape[-2:] != (side, side):
        clip = F.interpolate(clip.flatten(0, 1), (side, side), mode="bilinear", antialias=True)
        clip = clip.unflatten(0, (batch, length))
    if length == frames:
        return clip
    if length % frames == 0:
        return clip.unflatten(1, (frames, length // frames)).mean(2)
    pooled = F.adaptive_avg_pool1d(clip.permute(0, 2, 3, 4, 1).flatten(1, 3), frames)
    return pooled.unflatten(1, clip.shape[2:]).permute(0, 4, 1, 2, 3)


class Recogniser(Predictor):
    """A frozen network behind its own preprocessing, differentiable to every pixel of every frame.

    Args:
        network: (B, frames, 3, side, side), normalised → logits (B, C); with ``channels_first`` (B, 3, frames, …).
        frames, side: moments and pixels that it sees.
        name, classes, mean, std: see ``Analyser``.
    """

    kind, takes_clips, clip_scores = "recogniser", True, ("kl", "top1", "label")

    def __init__(
        self,
        network: nn.Module,
        *,
        name: str,
        classes: Sequence[str],
        frames: int = FRAMES,
        side: int = SIDE,
        mean: Sequence[float] = (MEAN,) * 3,
        std: Sequence[float] = (STD,) * 3,
        channels_first: bool = False,
    ) -> None:
        super().__init__(network, name=name, classes=classes, mean=mean, std=std)
        self.frames, self.input_size, self.channels_first = frames, (side, side), channels_first

    def forward(self, clip: Tensor) -> Tensor:
        """Logits (B, C) of clips: float (B, T, 3, H, W), RGB in [0, 1], T at least 2, any H and W.

        Raises as ``Analyser.checked``.
        """
        clip = self.checked(clip)
        x = (fit_frames(clip, self.frames, self.input_size[0]) - self.mean) / self.std
        return self.network(x.transpose(1, 2) if self.channels_first else x)

    def extra_repr(self) -> str:
        return f"{self.name!r}, {self.frames} moments of {self.input_size[0]} px, {len(self.classes)} classes"


# In the order that mvlib.datasets.acting_paths plays them; a weights' card that says otherwise is refused.
ACTION_CLASSES = (
    *("slide left", "slide right", "fall", "rise", "bounce", "swing"),
    *("spin clockwise", "spin counter-clockwise", "approach", "recede", "shake", "circle"),
)
ACTION_NETWORKS: dict[str, Callable[[int], ActionNet]] = {
    "action_resnet3d": ResNet3d,
    "action_shift": ShiftNet,
    "action_recurrent": RecurrentNet,
    "action_motion": MotionNet,
}

TORCHVISION_RECOGNISERS: tuple[str, ...] = tuple(
    torchvision.models.list_models(module=torchvision.models.video)
)


def build_network(name: str) -> ActionNet:
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
        remake = "train it: python -m mvlib train actions"
        fill_packaged(network, name, remake, classes=list(ACTION_CLASSES))
    return Recogniser(network, name=name, classes=ACTION_CLASSES, frames=network.frames, side=network.side)


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
        frames=16,
        side=preset.crop_size[0],
        mean=preset.mean,
        std=preset.std,
        channels_first=True,
    )
