"""A preprocessor without weights: picture or clip → a few gradient steps through a virtual codec on its own pixels.

What a network learns for all pictures, this looks for in one: the small change after which the codec's own error
falls where the analyser does not look. It needs the analyser and its gradient where the picture is encoded, seconds
rather than milliseconds, and nothing where it is decoded. The distance of late maps is what is lowered. The gradient is
that of a virtual codec; the values may be those of any real encoder, whose own errors are then answered.

A filter may go first: it takes out what costs bits in all pictures; the steps mend what that took from the analyser.

References: the objective of the joint training, with pixels in place of weights; real values forward and another
codec's gradient backward after Lu et al., TCSVT 2024, arXiv 2206.05650; random crops after Athalye et al.,
"Synthesizing Robust Adversarial Examples", ICML 2018.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from mvlib.errors import InputError

from .base import Preprocessor, VideoPreprocessor
from .refinement_config import FEW, RefinementConfig
from .update import Step

View = Callable[[Tensor], Tensor]


class RefinementObjective(Protocol):
    """The loss that is lowered; it holds codecs and analysers."""

    @property
    def codecs(self) -> Mapping[str, Callable]:
        """Codecs by their names."""

    def __call__(
        self, x: Tensor, y: Tensor, qp: Tensor, codec: str, view: View | None = None, *, kept: Any
    ) -> Mapping[str, Tensor]:
        """The mean over a batch as "loss", for clean and changed pictures or clips at qp (B,), and its part "rate".

        kept: what all steps on ``x`` share, from ``begin``; its ``decoded`` is what the codec made of ``y``.
        """

    def begin(self, same_choices: bool) -> Any:
        """Something empty for ``kept``; with ``same_choices`` the codec's choices of the first step hold for all."""


class Refinement(VideoPreprocessor):
    """Gradient steps on each picture, or on each clip as a whole, chunk after chunk.

    No picture or clip depends on the others of its batch.
    ``mvlib.load_preprocessor("refined:x265:efficientnet_lite0:4")`` makes one by names.

    Args:
        pictures: what is lowered on pictures, as ``mvlib.training.objective.Objective``; its codecs take a step each in
            turn. None where an analyser looks at clips only.
        clips: what is lowered on clips.
        config: how; the names in it are not looked up.
        update: corrects each of Adam's steps; None leaves them as they are.
        after: makes of each picture what the steps begin from; None begins from the picture itself.
    """

    takes_pictures = True

    def __init__(
        self,
        pictures: RefinementObjective | None,
        clips: RefinementObjective | None,
        config: RefinementConfig | None = None,
        update: nn.Module | None = None,
        after: Preprocessor | None = None,
    ) -> None:
        super().__init__()
        self.config, self.pictures, self.clips = config or RefinementConfig(), pictures, clips
        self.update, self.after = update, after
        if isinstance(after, VideoPreprocessor):
            raise InputError(
                f"after is {type(after).__name__}; give a preprocessor of single pictures, as contrast"
            )

    @property
    def uses_qp(self) -> bool:
        return self.config.at_qp is None

    def forward(self, x: Tensor, qp: Tensor | float) -> Tensor:
        """What to encode, as every preprocessor: pictures (B, 3, H, W), or clips (B, T, 3, H, W)."""
        if isinstance(x, Tensor) and x.ndim == 4:
            return super().forward(x[:, None], qp)[:, 0]
        return super().forward(x, qp)

    def process_chunk(self, x: Tensor, qp: Tensor, state: Any) -> tuple[Tensor, Any]:
        refined = []
        for part in x.split(self.config.chunk, 1):
            before, after = state or (part[:, :0], part[:, :0])
            with torch.inference_mode(False), torch.enable_grad():  # the caller may be without gradients
                whole = part.detach().clone(), after.detach().clone(), before.clone()
                change = self.change(*whole, qp.clone(), torch.Generator().manual_seed(self.config.seed))
            y = (part + change.detach()).clamp(0, 1)
            refined.append(y)
            kept = slice(-self.config.overlap, None) if self.config.overlap else slice(0, 0)
            state = tuple(torch.cat(pair, 1)[:, kept].detach() for pair in ((before, part), (after, y)))
        return torch.cat(refined, 1), state

    def change(
        self, x: Tensor, done: Tensor, clean: Tensor, qp: Tensor, generator: torch.Generator
    ) -> Tensor:
        """What filter and steps add to frames ``x`` (B, T, 3, H, W), after frames that are ``done`` and were ``clean``.

        In training, it has the gradient of the learned rule's weights; gradients and pictures that the rule is given
        have none.
        """
        c = self.config
        if c.at_qp is not None:
            qp = torch.full_like(qp, c.at_qp)
        with torch.no_grad():
            begun = x if self.after is None else self.after(x, qp)
        whole = torch.cat([clean, x], 1)
        still = whole.shape[1] == 1
        objective = self._objective(still)
        size = c.step_size(qp, still).view(-1, 1, 1, 1, 1)
        change, corrections = torch.zeros_like(x).requires_grad_(), torch.zeros_like(x)
        # Gradients are of a mean over a batch: eps far below them, or the size of the batch would count.
        optimiser = torch.optim.Adam([change], lr=1 / 255, eps=1e-14)
        codecs, kept = list(objective.codecs), objective.begin(c.steps <= FEW)
        for step in range(c.steps):
            view = random_view((x.shape[-2], x.shape[-1]), generator) if c.views else None
            y = torch.cat([done, (begun + size * change).clamp(0, 1)], 1)
            given = (whole[:, 0], y[:, 0]) if still else (whole, y)
            parts = objective(*given, qp, codecs[step % len(codecs)], view, kept=kept)
            before, update = change.detach().clone(), self.update
            (gradient,) = torch.autograd.grad(parts["loss"], [change], retain_graph=update is not None)
            change.grad = gradient
            optimiser.step()
            if update is not None:
                (rate,) = torch.autograd.grad(parts["rate"], [change])
                pictures = y, kept.decoded, gradient, rate, change - before, before
                correction = self._correction(update, x, pictures, qp, step)
                change.data += correction.detach()
                corrections = corrections + correction
        return begun - x + size * (change.detach() + (corrections - corrections.detach()))

    def _correction(
        self, update: nn.Module, x: Tensor, pictures: tuple[Tensor, ...], qp: Tensor, number: int
    ) -> Tensor:
        """What the learned rule adds to Adam's step, in units of the change.

        pictures: what the codec was given and made of it, gradients of loss and rate, the step, and the change before.
        """
        count = x.shape[1]
        y, decoded, gradient, rate, moved, before = (p.detach() for p in pictures)
        of_frames = (y[:, -count:], decoded.view_as(y)[:, -count:], gradient, rate, 255 * moved, 255 * before)
        given, coded, loss, bits, step, sum_before = (p.flatten(0, 1) for p in of_frames)
        clean = x.detach().flatten(0, 1)
        known = Step(clean, given, coded, loss, bits, step, sum_before, qp.repeat_interleave(count), number)
        with torch.set_grad_enabled(self.training):
            return update(known).view_as(x) / 255

    def _objective(self, still: bool) -> RefinementObjective:
        objective = self.pictures if still else self.clips
        if objective is not None:
            return objective
        if not still:
            raise InputError("this refinement is of pictures alone; give a picture")
        raise InputError(
            f"this refinement is guided by {', '.join(self.config.analysers)}, of which one looks at clips; give a "
            "clip, or guides that look at pictures"
        )


def random_view(size: tuple[int, int], generator: torch.Generator) -> View:
    """A crop of 4/5 to all of both sides of pictures of ``size`` (H, W), mirrored every second time, as a function."""
    share = 0.8 + 0.4 * torch.rand((), generator=generator).item()  # all of the picture every second time
    crop = [min(side, round(share * side)) for side in size]
    top, left = (
        int(torch.randint(0, side - c + 1, (), generator=generator))
        for c, side in zip(crop, size, strict=True)
    )
    mirrored = torch.rand((), generator=generator).item() < 0.5

    def view(x: Tensor) -> Tensor:
        x = x[..., top : top + crop[0], left : left + crop[1]]
        return x.flip(-1) if mirrored else x

    return view
