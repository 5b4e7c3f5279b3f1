"""A preprocessor without weights: picture → a dozen gradient steps through a virtual codec on the picture itself.

What a network learns for all pictures, this looks for in one: the small change after which the codec's own error
falls where the analyser does not look. It needs the analyser and its gradient where the picture is encoded, seconds
rather than milliseconds, and nothing where it is decoded. The distance of late maps is what is lowered, and each step
sees the picture through another crop, now and then mirrored; without both, the change suits one network and no other.

Reference: the objective of the joint training, with pixels in place of weights; random crops after Athalye et al.,
"Synthesizing Robust Adversarial Examples", ICML 2018.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from mvlib._numbers import check_numbers, is_number
from mvlib.errors import InputError

from .base import QP_RANGE, Preprocessor

View = Callable[[Tensor], Tensor]


class Objective(Protocol):
    """What is lowered; it holds codecs and analysers."""

    @property
    def codecs(self) -> Mapping[str, Callable]:
        """Codecs by their names."""

    def __call__(
        self, x: Tensor, y: Tensor, qp: Tensor, codec: str, view: View | None = None
    ) -> Mapping[str, Tensor]:
        """The mean over a batch as "loss", for clean and changed pictures (B, 3, H, W) at qp (B,)."""


@dataclass(frozen=True)
class RefinementConfig:
    """How pictures are refined; the defaults took the most bits on training photographs with x265 at QP 37."""

    analysers: tuple[str, ...] = ("efficientnet_lite0",)
    """Analysers that look on; the more unlike, the better for those that don't."""
    codecs: tuple[str, ...] = ("x265",)
    """Virtual codecs, one step each in turn."""
    steps: int = 12
    lr: float = 1.5
    """Of Adam: about how many grey levels a sample moves in a step."""
    views: bool = True
    """Look through a random crop, mirrored now and then, another one in every step."""
    task: str = "features"
    """What is kept, as in a training: features or output."""
    seed: int = 0
    anchor: Path | None = None
    """Measured curves of the codec alone, which give the slope; None: the package's own."""
    # Ablations.
    route: str = "virtual"
    """As in a training: virtual or real_forward."""
    rounding: str = "straight_through"
    """As in a training: straight_through, noise or soft."""
    fitted_rate: bool = True
    """As in a training: false for the rate before any fit."""
    at_qp: int | None = None
    """Refine for this QP, whatever the codec will be given."""
    precision: str = "auto"
    """Of the analysers: float32, bf16, or auto, as in a training. On pictures, a refinement's bits agreed within 4 %
    and its distances of maps within 0.15 of those of coding alone, whichever was taken."""

    def __post_init__(self) -> None:
        check_numbers(self)
        if self.steps < 1 or not self.lr > 0:
            raise InputError(f"steps is {self.steps} and lr {self.lr}; both must be above 0")
        if self.at_qp is not None and not (
            is_number(self.at_qp) and QP_RANGE[0] <= self.at_qp <= QP_RANGE[1]
        ):
            raise InputError(f"at_qp is {self.at_qp}; the H.264/HEVC scale goes from 0 to 51")


class Refinement(Preprocessor):
    """Gradient steps on each picture; of the codec it knows nothing but its virtual twin.

    No picture depends on the others of its batch. ``mvlib.load_preprocessor("refined:x265:efficientnet_lite0:12")``
    makes one by names.

    Args:
        objective: what is lowered, as ``mvlib.training.objective.Objective``; its codecs take a step each in turn.
        config: how; the names in it are not looked up.
    """

    def __init__(self, objective: Objective, config: RefinementConfig | None = None) -> None:
        super().__init__()
        self.config, self.objective = config or RefinementConfig(), objective

    @property
    def told_qp(self) -> bool:
        return self.config.at_qp is None

    def process(self, x: Tensor, qp: Tensor) -> Tensor:
        with torch.inference_mode(False), torch.enable_grad():  # the caller may be without gradients
            change = self._change(x.detach().clone(), qp.detach().clone())
        return x + change

    def _change(self, x: Tensor, qp: Tensor) -> Tensor:
        c, codecs = self.config, list(self.objective.codecs)
        if c.at_qp is not None:
            qp = torch.full_like(qp, c.at_qp)
        change = torch.zeros_like(x).requires_grad_()
        # Gradients are of a mean over a batch: eps far below them, or the size of the batch would count.
        optimiser = torch.optim.Adam([change], lr=c.lr / 255, eps=1e-14)
        generator = torch.Generator().manual_seed(c.seed)
        for step in range(c.steps):
            view = random_view(x.shape[-2:], generator) if c.views else None
            y = (x + change).clamp(0, 1)
            loss = self.objective(x, y, qp, codecs[step % len(codecs)], view)["loss"]
            (change.grad,) = torch.autograd.grad(loss, [change])
            optimiser.step()
        return change.detach()


def random_view(size: tuple[int, int], generator: torch.Generator) -> View:
    """A crop of 4/5 to all of both sides of pictures of ``size`` (H, W), mirrored every second time, as a function."""
    share = (
        0.8 + 0.4 * torch.rand((), generator=generator).item(),
    ) * 2  # all of the picture every second time
    crop = [min(side, round(s * side)) for s, side in zip(share, size, strict=True)]
    top, left = (
        int(torch.randint(0, side - c + 1, (), generator=generator))
        for c, side in zip(crop, size, strict=True)
    )
    mirrored = torch.rand((), generator=generator).item() < 0.5

    def view(x: Tensor) -> Tensor:
        x = x[..., top : top + crop[0], left : left + crop[1]]
        return x.flip(-1) if mirrored else x

    return view
