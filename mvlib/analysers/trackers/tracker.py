"""A Siamese tracker: first frame and box → exemplars; every frame: window around the last box → best match → box.

The classic protocol [1]: the exemplar is never renewed, small changes of scale are tried at each step, a cosine
window prefers places near the last one, and changes of size are damped.  Instead of embedding each frame at
several scales, we embed the *exemplar* at several scales, once: the ratios are the same at a third of the work.

[1] Bertinetto et al., "Fully-Convolutional Siamese Networks", ECCV Workshops 2016, arXiv 1606.09549
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import box_convert

from mvlib._checks import check_uint8
from mvlib.errors import InputError

from ..base import Analyser
from .overlap import SCORES, tracking_scores
from .siamese import STRIDE, Siamese, around, cut

BATCH = 8  # clips at a time: more windows leave the processor's cache and take longer each
LEAST = 4.0  # pixels a side of a box
GAIN = 20.0  # logits per unit of cosine: what is 0.1 less alike is e^2 less likely


@dataclass(frozen=True)
class Search:
    """Options of a tracker's search, chosen by average overlap on generated scenes of the training side."""

    side: int = 128
    """Pixels of a window after resampling; a multiple of 16."""
    context: float = 3.0
    """Side of a window in units of the object's size, the geometric mean of width and height."""
    step: float = 1.08
    """Ratio of neighbouring scales that are tried, above 1."""
    margin: float = 0.01
    """By how much another scale must be more alike than the last one, in units of cosine."""
    damping: float = 0.2
    """Share of a change of size that is held back, 0..1."""
    cosine: float = 0.15
    """Weight of the cosine window against the score map, 0..1."""
    upsampling: int = 8
    """Places per cell that the score map is interpolated to."""

    def __post_init__(self) -> None:
        limits = {
            "side": (self.side >= 96 and self.side % 16 == 0, "a multiple of 16, at least 96"),
            "context": (self.context > 1, "above 1"),
            "step": (self.step > 1, "above 1"),
            "margin": (0 <= self.margin < 1, "in [0, 1)"),
            "damping": (0 <= self.damping < 1, "in [0, 1)"),
            "cosine": (0 <= self.cosine < 1, "in [0, 1)"),
            "upsampling": (self.upsampling >= 1, "at least 1"),
        }
        for name, (holds, allowed) in limits.items():
            if not holds:
                raise InputError(f"{name} is {getattr(self, name)}; it must be {allowed}")


class Tracker(Analyser):
    """A frozen Siamese network and its search, for clips in uint8; ``responses`` is the differentiable part.

    Attributes:
        search: the options of the search.
    """

    network: Siamese
    kind, takes_clips, clip_scores, differentiable = "tracker", True, SCORES, False

    def __init__(self, network: Siamese, *, name: str, search: Search | None = None) -> None:
        super().__init__(network, name=name)
        self.search = search or Search()

    def remember(self, samples: Sequence[Any], scores: Sequence[str]) -> None:
        """Nothing: what it finds is compared with the boxes that are known."""

    def compare(
        self, samples: Sequence[Any], clean: None, coded: Sequence[np.ndarray], scores: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """Average overlap and success rates of coded clips: (n,) each, NaN where no object is known to follow."""
        known = [i for i, s in enumerate(samples) if s.boxes is not None and s.visible[1:].any()]
        result = {score: np.full(len(coded), np.nan) for score in scores}
        if known:
            truth = [samples[i].boxes for i in known], [samples[i].visible for i in known]
            found = tracking_scores(self, [coded[i] for i in known], *truth)
            for score in scores:
                result[score][known] = found[score]
        return result

    def get_extra_state(self) -> dict:
        """What makes its boxes besides the weights: part of ``state_dict``, so that two searches are two trackers."""
        return asdict(self.search) | {"cells": self.network.cells, "inner": self.network.inner}

    def set_extra_state(self, state: dict) -> None:
        self.network.cells, self.network.inner = state["cells"], state["inner"]
        self.search = Search(**{k: v for k, v in state.items() if k not in ("cells", "inner")})

    def forward(self, clip: Tensor, boxes: Tensor) -> Tensor:
        """Score maps of all frames but the first, searched around known boxes: differentiable to the clip.

        The exemplar comes from the clip's own first frame; frame t is searched around the box of frame t - 1, so
        that an error in one frame doesn't send the others astray.  Unlike ``track``, one scale is compared.

        Args:
            clip: float (B, T, 3, H, W), RGB in [0, 1], T at least 2.
            boxes: (B, T, 4), x1, y1, x2, y2 in pixels, such as those of ``track`` in the clean clip.
        Returns:
            logits (B, T-1, r, r), r = side / 8 - cells + 1, the last box in the middle.
        """
        clip = self.checked(clip)
        if boxes.shape != (*clip.shape[:2], 4) or not boxes.isfinite().all():
            raise InputError(
                f"boxes {tuple(boxes.shape)} for clips {tuple(clip.shape)}; give (B, T, 4), each a finite number"
            )
        exemplars = self.exemplars(clip[:, 0], boxes[:, 0])[:, :1]
        windows = around(boxes[:, :-1], self.search.context).flatten(0, 1)
        embedded = self.network.embed(cut(clip[:, 1:].flatten(0, 1), windows, self.search.side))
        steps = clip.shape[1] - 1
        maps = self.network.compare(exemplars.repeat_interleave(steps, 0), embedded)
        return GAIN * maps.unflatten(0, (-1, steps))[:, :, 0]

    def track(self, frames: np.ndarray, first_box: Sequence[float] | np.ndarray) -> np.ndarray:
        """Follow one object: uint8 (T, H, W, 3), (4,) → float32 (T, 4), x1, y1, x2, y2 in pixels.

        Row 0 is ``first_box``.  See ``track_many`` for errors.
        """
        return self.track_many([frames], [first_box])[0]

    @torch.inference_mode()
    def track_many(
        self, clips: Sequence[np.ndarray], first_boxes: Sequence[Sequence[float] | np.ndarray]
    ) -> list[np.ndarray]:
        """Follow one object in each of several clips; those of one shape go through the network together.

        Raises:
            TypeError: a clip isn't uint8.
            ValueError: a clip isn't (T, H, W, 3), or a first box is empty or outside its frame.
        """
        by_shape: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for i, (clip, box) in enumerate(zip(clips, first_boxes, strict=True)):
            check_start(clip, box)
            by_shape[clip.shape].append(i)
        found: dict[int, np.ndarray] = {}
        for same in by_shape.values():
            for which in (same[k : k + BATCH] for k in range(0, len(same), BATCH)):
                boxes = torch.tensor(np.stack([first_boxes[i] for i in which]), dtype=torch.float32)
                found |= zip(which, self._follow([clips[i] for i in which], boxes), strict=True)
        return [found[i] for i in range(len(clips))]

    def _follow(self, clips: list[np.ndarray], boxes: Tensor) -> np.ndarray:
        """Boxes (B, T, 4) through B clips of one shape."""
        device = self.device
        frames = (
            torch.from_numpy(np.stack([clip[t] for clip in clips])).to(device).permute(0, 3, 1, 2).float()
            / 255
            for t in range(len(clips[0]))
        )
        path = [boxes.to(device)]
        exemplars = self.exemplars(next(frames), path[0])
        for pictures in frames:
            path.append(self.step(pictures, exemplars, path[-1]))
        return torch.stack(path, 1).cpu().numpy()

    def exemplars(self, pictures: Tensor, boxes: Tensor) -> Tensor:
        """Exemplars at the scales of ``ratios``: (B, 3, H, W), (B, 4) → (B, K, width, cells, cells)."""
        windows = around(boxes, self.search.context)
        sizes = boxes[:, 2:] - boxes[:, :2]
        scaled = []
        for ratio in self.ratios():
            # An object grown by the ratio looks as it did at first, seen through a window smaller by the ratio.
            window = torch.cat([windows[:, :2], windows[:, 2:] / ratio], 1)
            pixels = cut(pictures, window, self.search.side)
            scaled.append(self.network.exemplar(pixels, sizes / window[:, 2:]))
        return torch.stack(scaled, 1)

    def ratios(self) -> list[float]:
        """Sizes that are tried at each step, as a share of the last size; the first is 1."""
        return [1.0, 1 / self.search.step, self.search.step]

    def step(self, pictures: Tensor, exemplars: Tensor, boxes: Tensor) -> Tensor:
        """The next boxes: (B, 3, H, W) in [0, 1], exemplars, last boxes (B, 4) → (B, 4)."""
        windows = around(boxes, self.search.context)
        embedded = self.network.embed(cut(pictures, windows, self.search.side))
        best, shift = self.peak(self.network.compare(exemplars, embedded))
        centres, sizes = box_convert(boxes, "xyxy", "cxcywh").split(2, -1)
        frame = boxes.new_tensor([pictures.shape[3], pictures.shape[2]])
        centres = (centres + shift * windows[:, 2:]).clamp(min=torch.zeros_like(frame), max=frame)
        ratio = boxes.new_tensor(self.ratios())[best, None] ** (1 - self.search.damping)
        sizes = (sizes * ratio).clamp(LEAST, float(frame.max()))
        return box_convert(torch.cat([centres, sizes], 1), "cxcywh", "xyxy")

    def peak(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Where the object is: likeness (B, K, r, r) → index of the scale (B,), shift (B, 2) in windows."""
        s = self.search
        side = (maps.shape[-1] - 1) * s.upsampling + 1
        fine = F.interpolate(maps, (side, side), mode="bicubic", align_corners=True)
        margin = fine.new_full((fine.shape[1],), s.margin)
        margin[0] = 0
        best = (fine.flatten(2).amax(-1) - margin).argmax(1)
        chosen = fine[torch.arange(len(fine), device=fine.device), best].flatten(1)
        low, high = chosen.amin(1, keepdim=True), chosen.amax(1, keepdim=True)
        near = torch.hann_window(side + 2, periodic=False, device=fine.device)[1:-1]
        near = (near[:, None] * near).flatten()
        at = ((1 - s.cosine) * (chosen - low) / (high - low).clamp_min(1e-9) + s.cosine * near).argmax(1)
        cells = torch.stack([at % side, at // side], 1) / s.upsampling - (maps.shape[-1] - 1) / 2
        return best, cells * STRIDE / s.side


def check_start(clip: np.ndarray, box: Sequence[float] | np.ndarray) -> None:
    """Raise unless ``clip`` is uint8 (T, H, W, 3) and ``box`` a box that lies in its frame, at least in part."""
    check_uint8("a clip", clip)
    corners = np.asarray(box, dtype=np.float64)
    height, width = clip.shape[1:3]
    if corners.shape != (4,) or not np.isfinite(corners).all():
        raise InputError(f"a first box is {corners.tolist()}; give x1, y1, x2, y2 in pixels")
    x1, y1, x2, y2 = corners
    if x2 - x1 < 1 or y2 - y1 < 1 or x1 >= width or y1 >= height or x2 <= 0 or y2 <= 0:
        raise InputError(
            f"a first box is {corners.tolist()}; it must be a pixel wide and high and meet the frame, "
            f"{width} pixels wide and {height} high"
        )
