"""A start for video preprocessors: scene, exact outline of who acts → what may go → squared error, no codec involved.

Rate and a machine's answer say little about a network that knows nothing yet: the gradient of both is mostly noise
(docs/tries.md).  Generated scenes know where the actor is.  A network that keeps it and blurs the rest has found
most of what the joint training looks for, and takes a fraction of its time, since nothing is encoded.
"""

from torch import Tensor, nn

from mvlib.preprocess.bands import detail_bands

from .experiment import VideoTraining

BANDS = 3
"""Of the picture without an actor: the rest is its blur with a standard deviation of 3.2 pixels."""
MARGIN = 9
"""Pixels around the actor that stay too: encoders blur across the edges of their blocks."""
FLAT = (2 / 255) ** 2
"""Detail of less energy than this is as good as none."""


class Outline(nn.Module):
    """Squared distance to the scene with all but the actor blurred, where every pixel's own detail is the unit.

    So a faint texture counts as a strong one, and the loss says how much of the detail is treated wrongly.  The actor
    and all the rest have the same say, small as the actor may be.
    """

    def __init__(self, training: VideoTraining) -> None:
        super().__init__()
        self.training = training
        self.analysers = nn.ModuleDict()

    def forward(self, x: Tensor, y: Tensor, qp: Tensor, codec: str) -> dict[str, Tensor]:
        """Loss and its parts, means over the batch.

        Args:
            x: scenes (B, T, 4, H, W) in [0, 1], RGB and mask.  y: preprocessed (B, T, 3, H, W).
            qp, codec: not asked; they are those of ``Objective``.
        Returns:
            loss: the mean of its parts: "left", detail off the actor that is still there, and "harmed", detail of the
            actor that is not; both in shares of the detail, squared.
        """
        clean, y = x[:, :, :3].flatten(0, 1), y.flatten(0, 1)
        stays = near(x[:, :, 3:].flatten(0, 1))
        detail = sum(detail_bands(clean, BANDS))
        energy = nn.functional.avg_pool2d(
            detail.square().mean(1, keepdim=True), 9, 1, 4, count_include_pad=False
        )
        wrong = (y - clean + (1 - stays) * detail).square().mean(1, keepdim=True) / (energy + FLAT)
        left, harmed = ((wrong * part).sum() / part.sum().clamp_min(1) for part in (1 - stays, stays))
        return {"loss": (left + harmed) / 2, "left": left.detach(), "harmed": harmed.detach()}


def near(mask: Tensor) -> Tensor:
    """A mask (N, 1, H, W), grown by ``MARGIN`` pixels and softened by half as many."""
    grown = nn.functional.max_pool2d(mask, 2 * MARGIN + 1, 1, MARGIN)
    return nn.functional.avg_pool2d(grown, MARGIN, 1, MARGIN // 2, count_include_pad=False)
