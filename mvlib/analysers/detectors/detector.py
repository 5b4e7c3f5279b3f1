"""One face for dense detectors: picture in [0, 1] → resize → normalise → network → heads → boxes of objects.

``forward`` gives what the network says at every place, differentiable to the picture, for training;
``detect`` what a user wants, a few boxes with scores and labels.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import clip_boxes_to_image

from ..base import Analyser, Found, Response
from .boxes import FOUND, TRUE, Detections, Heads, check_score, heads_divergence, objects_found, select


class Detector(Analyser):
    """A frozen detection network behind its own preprocessing, differentiable to the picture.

    The *whole* picture is resized to ``input_size`` (antialiased bilinear), stretched or between black bars:
    there is no border that the detector doesn't see.

    Args:
        network: (B, 3, h, w) → logits (B, N, C), boxes (B, N, 4) in its own pixels; and ``candidates``.
        input_size: (height, width) in pixels that it sees.
        letterbox: between black bars, the aspect ratio kept.
        name, classes, mean, std: see ``Analyser``.
    """

    network: Any
    kind = "detector"
    picture_scores, clip_scores = ("divergence", "ap"), ("divergence",)

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
        network = network.to(memory_format=torch.channels_last)
        super().__init__(network, name=name, classes=classes, mean=mean, std=std)
        self.input_size, self.letterbox = tuple(input_size), letterbox

    def forward(self, x: Tensor) -> Heads:
        """``Heads`` of pictures ``x``: float (B, 3, H, W), RGB in [0, 1], any H and W.

        Raises as ``Analyser.checked``.
        """
        fitted, scale, offset = self.fit(self.checked(x))
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

    def divergence(self, clean: Heads, coded: Heads) -> Tensor:
        """How far the coded pictures moved the heads: (B,), see ``heads_divergence``."""
        return heads_divergence(clean, coded)

    def measure(self, score: str, clean: Response, coded: Response, samples: Sequence[Any]) -> Tensor | Found:
        """Values (B,) of "divergence", or for "ap" the objects that are there and those that were found."""
        if score == "ap":
            return objects_found(clean, coded, samples, len(self.classes))
        return heads_divergence(clean.output, coded.output)

    def respond(self, x: Tensor, scores: Sequence[str], clean: bool) -> Response:
        """Heads, and where "ap" is wanted the objects."""
        seen = super().respond(x, scores, clean)
        if "ap" not in scores:
            return seen
        objects = self.objects(seen.output, x.shape[-2:], score=TRUE if clean else FOUND)
        return replace(seen, objects=objects)

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
        found = []
        for boxes, of_classes in zip(heads.boxes, scores, strict=True):
            best, index = of_classes.flatten().topk(min(1000, of_classes.numel()))
            index, best = index[best > score], best[best > score]
            place, label = index // of_classes.shape[1], index % of_classes.shape[1]
            inside = clip_boxes_to_image(boxes[place], tuple(size))
            found.append(select(inside, best, label, overlap, limit))
        return found

    def extra_repr(self) -> str:
        height, width = self.input_size
        return f"{self.name!r}, {height}x{width} px, {len(self.classes)} classes"
