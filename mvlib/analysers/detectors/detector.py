"""One face for dense detectors: picture in [0, 1] → resize → normalise → network → heads → boxes of objects.

``forward`` gives what the network says at every place, differentiable to the picture, for training;
``detect`` what a user wants, a few boxes with scores and labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import batched_nms, clip_boxes_to_image

from mvlib.errors import InputError

from ..checks import checked


class Heads(NamedTuple):
    """What a detector says at each of N places, before a choice: differentiable."""

    logits: Tensor
    """(B, N, C): the sigmoid is the score of each class, independent of the others."""
    boxes: Tensor
    """(B, N, 4): x1, y1, x2, y2 in pixels of the picture; may reach beyond it."""


@dataclass(frozen=True)
class Detections:
    """The objects of one picture, best score first."""

    boxes: Tensor
    """(n, 4): x1, y1, x2, y2 in pixels, inside the picture."""
    scores: Tensor
    """(n,) in [0, 1]."""
    labels: Tensor
    """(n,), indices into ``classes`` of the detector."""


class Detector(nn.Module):
    """A frozen detection network behind its own preprocessing, differentiable to the picture.

    The *whole* picture is resized to ``input_size`` (antialiased bilinear), stretched or between black bars:
    there is no border that the detector doesn't see.  Weights don't require gradients, and the network stays
    in eval mode.

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
        letterbox: bool = False,
    ) -> None:
        """``network``: (B, 3, h, w) → logits (B, N, C), boxes (B, N, 4) in its own pixels; and ``candidates``."""
        super().__init__()
        self.name, self.input_size, self.classes = name, tuple(input_size), tuple(classes)
        self.letterbox = letterbox
        self.network = network.to(memory_format=torch.channels_last).requires_grad_(False)
        self.register_buffer(
            "mean", torch.tensor(mean, dtype=torch.float32).view(1, 3, 1, 1), persistent=False
        )
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, 3, 1, 1), persistent=False)
        self.train(False)

    def train(self, mode: bool = True) -> "Detector":
        """Stay in eval mode whatever ``mode`` says."""
        return super().train(False)

    def forward(self, x: Tensor) -> Heads:
        """``Heads`` of pictures ``x``: float (B, 3, H, W), RGB in [0, 1], any H and W.

        Raises:
            TypeError: not a floating-point tensor.
            ValueError: wrong shape, values far outside [0, 1], or NaN.
        """
        fitted, scale, offset = self.fit(checked(x, self.mean.dtype))
        logits, boxes = self.network((fitted - self.mean) / self.std)
        return Heads(logits, (boxes - boxes.new_tensor(offset * 2)) / boxes.new_tensor(scale * 2))

    def fit(self, x: Tensor) -> tuple[Tensor, tuple[float, float], tuple[int, int]]:
        """``x`` (B, 3, H, W) as the network sees it, ``(B, 3, *input_size)``, with scale and offset, each (x, y)."""
        size, room = x.shape[-2:], self.input_size
        if self.letterbox:
            factor = min(new / old for new, old in zip(room, size, strict=True))
            room = tuple(round(factor * old) for old in size)
        top, left = ((full - part) // 2 for full, part in zip(self.input_size, room, strict=True))
        x = x.contiguous(memory_format=torch.channels_last)
        if tuple(size) != room:
            x = F.interpolate(x, room, mode="bilinear", antialias=True, align_corners=False)
        if room != self.input_size:
            x = F.pad(x, (left, self.input_size[1] - room[1] - left, top, self.input_size[0] - room[0] - top))
        return x, (room[1] / size[1], room[0] / size[0]), (left, top)

    @torch.no_grad()
    def detect(
        self, x: Tensor, *, score: float = 0.3, overlap: float = 0.6, limit: int = 100
    ) -> list[Detections]:
        """The objects of each picture of ``x`` (as in ``forward``).

        Args:
            score: least score, in [0, 1).
            overlap: of two boxes of a class whose intersection over union is larger, the better one stays.
            limit: most objects a picture.
        """
        check_score(score)  # before the work
        return self.objects(self(x), x.shape[-2:], score=score, overlap=overlap, limit=limit)

    @torch.no_grad()
    def objects(
        self, heads: Heads, size: Sequence[int], *, score: float = 0.3, overlap: float = 0.6, limit: int = 100
    ) -> list[Detections]:
        """The objects that ``heads`` tell of, in pictures of ``size`` (height, width); the rest as in ``detect``."""
        check_score(score)
        kept = self.network.candidates(heads.logits)
        scores = torch.where(kept, heads.logits.sigmoid(), 0)
        return [
            _choose(boxes, s, torch.Size(size), score, overlap, limit)
            for boxes, s in zip(heads.boxes, scores, strict=True)
        ]

    def extra_repr(self) -> str:
        height, width = self.input_size
        return f"{self.name!r}, {height}x{width} px, {len(self.classes)} classes"


def _choose(
    boxes: Tensor, scores: Tensor, size: torch.Size, score: float, overlap: float, limit: int
) -> Detections:
    """The best pairs of place and class over boxes (N, 4) and scores (N, C), suppressed."""
    best, index = scores.flatten().topk(min(1000, scores.numel()))
    index, best = index[best > score], best[best > score]
    place, label = index // scores.shape[1], index % scores.shape[1]
    return select(clip_boxes_to_image(boxes[place], tuple(size)), best, label, overlap, limit)


def select(boxes: Tensor, scores: Tensor, labels: Tensor, overlap: float, limit: int) -> Detections:
    """Non-maximum suppression by class, best ``limit`` first: (n, 4), (n,), (n,) → ``Detections``."""
    keep = batched_nms(boxes.float(), scores.float(), labels, overlap)[:limit]
    return Detections(boxes[keep], scores[keep], labels[keep])


def check_score(score: float) -> None:
    """Raise ValueError unless ``score`` is in [0, 1)."""
    if not 0 <= score < 1:
        raise InputError(f"score is {score}; give a number in [0, 1)")
