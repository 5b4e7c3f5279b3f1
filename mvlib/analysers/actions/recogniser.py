"""One face for every action recogniser: clip in [0, 1] → 8 moments of 112 px → normalise → network → logits."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvlib.errors import InputError

from ..checks import checked

FRAMES, SIDE = 8, 112
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


class Recogniser(nn.Module):
    """A frozen network behind its own preprocessing, differentiable to every pixel of every frame.

    Weights don't require gradients and the network stays in eval mode, whatever a module around it is put into.

    Attributes:
        name: what ``load`` was called with.
        classes: tuple of C class names, in the order of the logits.
        frames, input_size: moments and (height, width) in pixels that the network sees.
    """

    mean: Tensor
    std: Tensor

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
        super().__init__()
        self.name, self.classes = name, tuple(classes)
        self.frames, self.input_size, self.channels_first = frames, (side, side), channels_first
        self.network = network.requires_grad_(False)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(3, 1, 1), persistent=False)
        self.train(False)

    def train(self, mode: bool = True) -> "Recogniser":
        """Stay in eval mode whatever ``mode`` says (see the class)."""
        return super().train(False)

    def forward(self, clip: Tensor) -> Tensor:
        """Logits (B, C) of clips: float (B, T, 3, H, W), RGB in [0, 1], T at least 2, any H and W.

        Raises:
            TypeError: not a floating-point tensor.
            ValueError: wrong shape, values far outside [0, 1] (a clip in 0..255), or NaN.
        """
        clip = checked(clip, self.mean.dtype, clips=True)
        x = (fit_frames(clip, self.frames, self.input_size[0]) - self.mean) / self.std
        return self.network(x.transpose(1, 2) if self.channels_first else x)

    def top(self, logits: Tensor, k: int = 5) -> list[list[tuple[str, float]]]:
        """The ``k`` likeliest actions of each clip: (name, probability in [0, 1]), likeliest first."""
        if not 1 <= k <= len(self.classes):
            raise InputError(f"k is {k}; {self.name} knows 1..{len(self.classes)} classes")
        values, indices = logits.detach().float().softmax(-1).topk(k)
        rows = zip(indices.tolist(), values.tolist(), strict=True)
        return [[(self.classes[i], p) for i, p in zip(*row, strict=True)] for row in rows]

    def extra_repr(self) -> str:
        return f"{self.name!r}, {self.frames} moments of {self.input_size[0]} px, {len(self.classes)} classes"
