"""A start for video preprocessors: scene, exact outline of who acts → what may go → squared error, no codec involved.

Rate and a machine's answer say little about a network that knows nothing yet: the gradient of both is mostly noise
(docs/tries.md).  Generated scenes know where the actor is.  A network that keeps it and blurs the rest has found
most of what the joint training looks for, and takes a fraction of its time, since nothing is encoded.
"""

import torch
from torch import Tensor, nn

from mvlib.preprocess.bands import detail_bands

from .experiment import VideoTraining

BANDS = 3
"""Of the picture without an actor: the rest is its blur with a standard deviation of 3.2 pixels."""
MARGIN = 9
"""Pixels around the actor that stay too: encoders blur across the edges of their blocks."""


class Outline(nn.Module):
    """Squared distance to the scene with all but the actor blurred; an error on the actor counts ``weight`` more."""

    channels = 4
    """Of what it is given: RGB and the actor's mask."""

    def __init__(self, training: VideoTraining, weight: float = 3.0) -> None:
        super().__init__()
        self.training, self.weight = training, weight
        self.analysers = nn.ModuleDict()

    def forward(self, x: Tensor, y: Tensor, qp: Tensor, codec: str) -> dict[str, Tensor]:
        """Loss and its parts, means over the batch.

        Args:
            x: scenes (B, T, 4, H, W) in [0, 1], RGB and mask.  y: preprocessed (B, T, 3, H, W).
            qp, codec: not asked; they are those of ``Objective``.
        Returns:
            loss: in shares of the detail that lies off the actor; detail left: the share of it that y still has;
            lost on the actor: squared error there, in shares of the actor's detail.
        """
        clean, y = x[:, :, :3].flatten(0, 1), y.flatten(0, 1)
        stays = near(x[:, :, 3:].flatten(0, 1))
        detail = sum(detail_bands(clean, BANDS))
        wanted = clean - (1 - stays) * detail
        there = detail.square().mean() + 1e-8
        loss = ((y - wanted).square() * (1 + self.weight * stays)).mean() / there
        with torch.no_grad():
            off, on = (1 - stays), stays
            left = (off * sum(detail_bands(y, BANDS)).square()).mean() / (
                (off * detail.square()).mean() + 1e-8
            )
            harmed = (on * (y - clean).square()).mean() / ((on * detail.square()).mean() + 1e-8)
        return {"loss": loss, "detail left": left, "lost on the actor": harmed}


def near(mask: Tensor) -> Tensor:
    """A mask (N, 1, H, W), grown by ``MARGIN`` pixels and softened by half as many."""
    grown = nn.functional.max_pool2d(mask, 2 * MARGIN + 1, 1, MARGIN)
    return nn.functional.avg_pool2d(grown, MARGIN, 1, MARGIN // 2, count_include_pad=False)
