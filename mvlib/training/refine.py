"""A preprocessor without weights: picture → a dozen gradient steps through the virtual codec on the picture itself.

What a network learns for all pictures, this looks for in one: the small change after which the codec's own error
falls where the machine does not look. It needs the machine and its gradient where the picture is encoded, seconds
rather than milliseconds, and nothing where it is decoded. The distance of late maps is what is lowered, and each step
sees the picture through another crop, now and then mirrored; without both, the change suits one network and no other.

Reference: the objective of the joint training, with pixels in place of weights; random crops after Athalye et al.,
"Synthesizing Robust Adversarial Examples", ICML 2018.
"""

from dataclasses import dataclass, field, fields
from pathlib import Path

import torch
from torch import Tensor

from mvlib._numbers import check_numbers
from mvlib._precision import chosen
from mvlib.codecs.versions import fingerprint
from mvlib.errors import InputError
from mvlib.preprocess.base import qp_vector

from .experiment import ImageTraining
from .objective import Objective


@dataclass(frozen=True)
class Refinement:
    """How pictures are refined; the defaults took the most bits on training photographs before x265 at QP 37."""

    analysers: tuple[str, ...] = ("efficientnet_lite0",)
    """Machines that look on; the more unlike, the better for those that don't."""
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
    # Ablations. Out of the text form, so that what was measured before they existed is still found by it.
    route: str = field(default="virtual", repr=False)
    """As in a training: virtual or real_forward."""
    rounding: str = field(default="straight_through", repr=False)
    """As in a training: straight_through, noise or soft."""
    fitted_rate: bool = field(default=True, repr=False)
    """As in a training: false for the rate before any fit."""
    at_qp: int | None = field(default=None, repr=False)
    """Refine for this QP, whatever the codec will be given."""
    precision: str = field(default="auto", repr=False)
    """Of the analysers: float32, bf16, or auto, as in a training. On pictures, a refinement's bits agreed within 4 %
    and its distances of maps within 0.15 of those of coding alone, whichever was taken."""

    def __post_init__(self) -> None:
        check_numbers(self)
        if self.steps < 1 or not self.lr > 0:
            raise InputError(f"steps is {self.steps} and lr {self.lr}; both must be above 0")

    @property
    def identity(self) -> str:
        """What was asked for, as text; what that leads to, ``Refiner.leads_to`` holds."""
        ablated = {f.name: getattr(self, f.name) for f in fields(self) if not f.repr}
        changed = {k: v for k, v in ablated.items() if v != type(self).__dataclass_fields__[k].default}
        return repr(self) + (f" {changed}" if changed else "")


class Refiner:
    """Refines pictures; of the codec it knows nothing but its virtual twin.

    What the analysers compute in, "bf16" or "float32", is its ``precision``: on CPUs without instructions for bfloat16
    that is many times slower, so without a wish the faster one is taken.
    """

    def __init__(self, options: Refinement | None = None, device: str = "cpu") -> None:
        self.options = o = options or Refinement()
        self.precision = chosen(o.precision, device)
        training = ImageTraining(
            analysers=o.analysers,
            codecs=o.codecs,
            task=o.task,
            anchor=o.anchor,
            route=o.route,
            rounding=o.rounding,
            fitted_rate=o.fitted_rate,
            precision=self.precision,
        )
        self.objective, self.device = Objective(training).to(device), device

    @property
    def leads_to(self) -> tuple:
        """What the options lead to here, all that a refined picture depends on beside them, the picture and its QP.

        Machines with their weights, virtual codecs with their fitted tables, slopes with the measured curve.
        """
        o = self.objective
        real = [(repr(codec), fingerprint(name)) for name, codec in o.real.items()]
        return o.analysers, o.codecs, o.slopes, real, self.precision

    def __call__(self, x: Tensor, qp: Tensor | float) -> Tensor:
        """The pictures to encode, from ``x`` (B, 3, H, W) in [0, 1], H and W at least 32; the same shape.

        Args:
            qp: what the codec will be given: one number, or (B,).

        No picture depends on the others of its batch. Raises as the virtual codec and the analysers.
        """
        o, x = self.options, x.to(self.device)
        qp = qp_vector(qp if o.at_qp is None else o.at_qp, x)
        change = torch.zeros_like(x).requires_grad_()
        # Gradients are of a mean over a batch: eps far below them, or the size of the batch would count.
        optimiser = torch.optim.Adam([change], lr=o.lr / 255, eps=1e-14)
        chance = torch.Generator().manual_seed(o.seed)
        for step in range(o.steps):
            view = random_view(x.shape[-2:], chance) if o.views else None
            y = (x + change).clamp(0, 1)
            parts = self.objective(x, y, qp, o.codecs[step % len(o.codecs)], view)
            optimiser.zero_grad()
            parts["loss"].backward()
            optimiser.step()
        return (x + change.detach()).clamp(0, 1)


def random_view(size: tuple[int, int], chance: torch.Generator):
    """A crop of 4/5 to all of both sides of pictures of ``size`` (H, W), mirrored every second time, as a function."""
    share = (0.8 + 0.4 * torch.rand((), generator=chance).item(),) * 2  # all of the picture every second time
    crop = [min(side, round(s * side)) for s, side in zip(share, size, strict=True)]
    top, left = (
        int(torch.randint(0, side - c + 1, (), generator=chance)) for c, side in zip(crop, size, strict=True)
    )
    mirrored = torch.rand((), generator=chance).item() < 0.5

    def view(x: Tensor) -> Tensor:
        x = x[..., top : top + crop[0], left : left + crop[1]]
        return x.flip(-1) if mirrored else x

    return view
