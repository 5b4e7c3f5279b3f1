"""One face for every action recogniser: clip in [0, 1] → 8 moments of 112 px → normalise → network → logits."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from ..classifier import Predictor

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

        Raises:
            TypeError: not a floating-point tensor.
            ValueError: wrong shape, values far outside [0, 1] (a clip in 0..255), or NaN.
        """
        clip = self.checked(clip)
        x = (fit_frames(clip, self.frames, self.input_size[0]) - self.mean) / self.std
        return self.network(x.transpose(1, 2) if self.channels_first else x)

    def extra_repr(self) -> str:
        return f"{self.name!r}, {self.frames} moments of {self.input_size[0]} px, {len(self.classes)} classes"
