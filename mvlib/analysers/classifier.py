"""One face for every classifier: picture in [0, 1] → resize → normalise → network → logits."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvlib.errors import InputError

from .checks import checked


class Classifier(nn.Module):
    """A frozen network behind its own preprocessing, differentiable to the picture.

    The *whole* picture is resized to ``input_size`` (antialiased bicubic, aspect ratio not kept) instead of
    the usual centre crop: an analyser that does not see the border rewards a preprocessor for flattening it,
    and the bits saved there would be a cheat.  Where the size already fits, nothing is resampled.  The
    resized picture isn't clamped, so that no gradient is lost.

    Weights don't require gradients and the network stays in eval mode, even when a module that contains it is
    put into training mode: batch statistics must not drift with the pictures that a codec damaged.

    Attributes:
        name: what ``load`` was called with.
        input_size: (height, width) in pixels that the network sees.
        classes: tuple of C class names, in the order of the logits.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        *,
        name: str,
        input_size: tuple[int, int],
        mean: Sequence[float],
        std: Sequence[float],
        classes: Sequence[str],
        interpolation: str = "bicubic",
    ) -> None:
        super().__init__()
        self.name, self.input_size, self.classes = name, tuple(input_size), tuple(classes)
        self.interpolation = interpolation
        self.network = network.to(memory_format=torch.channels_last).requires_grad_(False)
        self.register_buffer(
            "mean", torch.tensor(mean, dtype=torch.float32).view(1, 3, 1, 1), persistent=False
        )
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, 3, 1, 1), persistent=False)
        self.train(False)

    def train(self, mode: bool = True) -> "Classifier":
        """Stay in eval mode whatever ``mode`` says (see the class)."""
        return super().train(False)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, C) of pictures ``x``: float (B, 3, H, W), RGB in [0, 1], any H and W.

        Raises:
            TypeError: not a floating-point tensor.
            ValueError: wrong shape, values far outside [0, 1] (a picture in 0..255), or NaN.
        """
        x = checked(x, self.mean.dtype).contiguous(memory_format=torch.channels_last)
        if x.shape[-2:] != self.input_size:
            x = F.interpolate(x, self.input_size, mode=self.interpolation, antialias=True)
        return self.network((x - self.mean) / self.std)

    def top(self, logits: Tensor, k: int = 5) -> list[list[tuple[str, float]]]:
        """The ``k`` likeliest classes of each picture: (name, probability in [0, 1]), likeliest first."""
        if not 1 <= k <= len(self.classes):
            raise InputError(f"k is {k}; {self.name} knows 1..{len(self.classes)} classes")
        values, indices = logits.detach().float().softmax(-1).topk(k)
        rows = zip(indices.tolist(), values.tolist(), strict=True)
        return [[(self.classes[i], p) for i, p in zip(*row, strict=True)] for row in rows]

    def extra_repr(self) -> str:
        height, width = self.input_size
        return f"{self.name!r}, {height}x{width} px, {len(self.classes)} classes"
