"""Trainings by outline: scene, exact mask of who acts → what must stay → error there, and what the rest costs.

The gradient of an analyser's answer is mostly noise, as measured on pictures (docs/tries.md).  Generated scenes know
where the actor is, and that it must stay takes no analyser at all.  ``Outline`` is a start without a codec; ``Guarded``
goes on through the virtual codec, which knows what detail costs, and where a change between frames costs more than it
saves.
"""

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

from torch import Tensor, nn

from mvlib.preprocess import detail_bands

from .experiment import Training
from .objective import Objective
from .slope import Slope

BANDS = 3
"""Of the picture without an actor: the rest is its blur with a standard deviation of 3.2 pixels."""
MARGIN = 9
"""Pixels around the actor that stay too: encoders blur across the edges of their blocks."""
FLAT = (2 / 255) ** 2
"""Detail of less energy than this is as good as none."""
WEIGHT = 1.0
"""Of the harm: an actor without any detail weighs as much as all the codec's bits."""


class Outline(nn.Module):
    """Squared distance to the scene with all but the actor blurred, where every pixel's own detail is the unit.

    So a faint texture counts as a strong one, and the loss says how much of the detail is treated wrongly.  The actor
    and all the rest have the same say, small as the actor may be.
    """

    def __init__(self, training: Training) -> None:
        super().__init__()
        self.options = training
        # Nobody looks, nothing is coded.
        self.analysers: dict[str, nn.Module] = {}
        self.codecs: dict[str, Callable] = {}
        self.slopes: dict[tuple[str, str], Slope] = {}

    def forward(self, x: Tensor, y: Tensor, qp: Tensor, codec: str) -> dict[str, Tensor]:
        """Loss and its parts, means over the batch.

        Args:
            x: scenes (B, T, 4, H, W) or pictures (B, 4, H, W) in [0, 1], RGB and mask.  y: preprocessed, 3 channels.
            qp, codec: not used; they are those of ``Objective``.
        Returns:
            loss: the mean of its parts: "left", detail off the actor that is still there, and "harmed", detail of the
            actor that is not; both in shares of the detail, squared.
        """
        left, harmed = misplaced_detail(x, y)
        return {"loss": (left + harmed) / 2, "left": left.detach(), "harmed": harmed.detach()}


class Guarded(Objective):
    """Rate through the virtual codec, in units of the codec's own, plus ``WEIGHT`` times the harm to the actor."""

    def forward(self, x: Tensor, y: Tensor, qp: Tensor, codec: str, *_: Any, **__: Any) -> dict[str, Tensor]:
        """Loss and its parts, means over the batch: as ``Objective``, with x as in ``Outline``."""
        bpp = self.code(y, qp, codec).bits / (y[0].numel() / 3)
        rate = (bpp / self.slopes[codec, self.options.analysers[0]].bpp(qp)).mean()
        left, harmed = misplaced_detail(x, y)
        parts = {"rate": rate, "bpp": bpp.mean(), "left": left, "harmed": harmed}
        weight = WEIGHT * self.options.slope_scale
        return {"loss": rate + weight * harmed} | {name: part.detach() for name, part in parts.items()}


def misplaced_detail(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Detail off the things that is still there, and detail of the things that is not; arguments as in ``Outline``.

    Our recognisers shrink a frame before they look at it, so in scenes the finest band is no detail: none is to stay.
    """
    clean, mask = x[..., :3, :, :].flatten(0, -4), x[..., 3:, :, :].flatten(0, -4)
    y, stays = y.flatten(0, -4), near(mask)
    if x.ndim == 5:
        clean = clean - detail_bands(clean, 1)[0]
    detail = reduce(add, detail_bands(clean, BANDS))
    energy = nn.functional.avg_pool2d(detail.square().mean(1, keepdim=True), 9, 1, 4, count_include_pad=False)
    wrong = (y - clean + (1 - stays) * detail).square().mean(1, keepdim=True) / (energy + FLAT)
    left, harmed = ((wrong * part).sum() / part.sum().clamp_min(1) for part in (1 - stays, stays))
    return left, harmed


def near(mask: Tensor) -> Tensor:
    """A mask (N, 1, H, W), grown by ``MARGIN`` pixels and softened by half as many."""
    grown = nn.functional.max_pool2d(mask, 2 * MARGIN + 1, 1, MARGIN)
    return nn.functional.avg_pool2d(grown, MARGIN, 1, MARGIN // 2, count_include_pad=False)
