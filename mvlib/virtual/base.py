"""What virtual codecs share: input → checks → a subclass's ``code`` → decoded clip and bits, real values if wished."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mvlib.errors import InputError

from .checks import checked_clip, checked_qp, checked_through
from .quantise import Rounding, rounding_of


@dataclass
class VirtualOut:
    """Decoded clips and estimated bits.

    Attributes:
        frames: (B, T, 3, H, W) in [0, 1].  bits: (B,).  frame_bits: (B, T).
        frame_types: one letter a frame, "I" or "P".
    """

    frames: Tensor
    bits: Tensor
    frame_bits: Tensor
    frame_types: list[str]


@dataclass
class Quantiser:
    """What sets the quantiser of a call.

    Attributes:
        setting: what ``code`` takes: (B,) numbers, or tables.
        real: name and (B,) numbers of the argument by which a real codec takes the same, such as ("qp", qp); None
            where it has none.
    """

    setting: Any
    real: tuple[str, Tensor] | None


class VirtualBase(nn.Module, ABC):
    """A codec out of tensors, called like a network; it has no parameters of its own, gradients pass through it.

    Where B, T, H and W stand for batch, frames, height and width, a subclass writes ``code``.
    """

    @torch.compiler.disable  # what is computed depends on the values at every turn
    def forward(
        self,
        clip: Tensor,
        qp: Tensor | float | None = None,
        route: str = "straight_through",
        temperature: float = 0.2,
        rounding: Rounding | None = None,
        real: Callable | None = None,
        through: int | None = None,
        choices: list | None = None,
        **quantiser: Any,
    ) -> VirtualOut:
        """Code a batch of clips.

        Args:
            clip: float (B, T, 3, H, W) in [0, 1], any T >= 1 and H, W >= 1.
            qp: number or (B,), 0..51.
            route: how the gradient passes the rounding: "straight_through" (hard values; slope one for the picture
                and the smoothed slope of ``rate.py`` for bits), "noise" (uniform noise instead of rounding), "soft"
                (smooth rounding of the given ``temperature``; anneal it to 0).
            rounding: your own rounding instead, see ``quantise.py``.
            real: a real codec, ``real(uint8 (T, H, W, 3), qp=number)`` with ``.frames``, ``.frame_bits`` and
                ``.frame_types``: values are then its own, and only gradients are virtual.
            through: how many references in a row a gradient passes on its way back in time; None: all of them.
            choices: a list that the first call fills with its blocks, modes and vectors, for later calls on clips that
                hardly differ, which then choose nothing; None chooses every time.
            **quantiser: what the class takes in place of qp.

        Raises:
            TypeError, ValueError: see ``checks.py``.
        """
        clip, through = checked_clip(clip), checked_through(through)
        chosen = self.quantiser(clip, qp, **quantiser)
        if real is not None and chosen.real is None:
            raise InputError("a real codec takes no such tables; give qp or quality, or leave real out")
        smooth = rounding is not None or route != "straight_through"
        rounding = rounding or rounding_of(route, temperature)
        with torch.autocast(clip.device.type, enabled=False):
            kept = [] if choices is None else choices
            coded = self.code(clip.clamp(0, 1), chosen.setting, rounding, smooth, through, kept)
            frames, bits, types = coded
            out = VirtualOut(_same_layout(frames, clip), bits.sum(1), bits, types)
            return out if real is None else with_real_values(out, clip, *chosen.real, real)

    def quantiser(self, clip: Tensor, qp: Tensor | float | None) -> Quantiser:
        """The quantiser of a call, checked; a subclass may take other arguments in place of qp."""
        qp = checked_qp(qp, clip)
        return Quantiser(qp, ("qp", qp))

    @abstractmethod
    def code(
        self,
        clip: Tensor,
        setting: Any,
        rounding: Rounding,
        smooth: bool,
        through: int | None,
        choices: list,
    ) -> tuple[Tensor, Tensor, list[str]]:
        """Frames (B, T, 3, H, W), bits (B, T) and types of a checked clip.

        Args:
            smooth: the rounding has a slope of its own, which the bits' gradient follows; see ``rate.block_bits``.
            choices: as in ``forward``; empty, where it chooses, if anything, and puts here what it chose.
        """


def with_real_values(
    out: VirtualOut, clip: Tensor, scale: str, numbers: Tensor, real: Callable
) -> VirtualOut:
    """Replace values by a real codec's, keeping the gradient: real + (virtual - virtual.detach())."""
    pictures = (clip.detach().clamp(0, 1) * 255).round().byte().permute(0, 1, 3, 4, 2).cpu().numpy()
    coded = [real(frames, **{scale: round(q)}) for frames, q in zip(pictures, numbers.tolist(), strict=True)]
    frames = torch.stack([torch.from_numpy(c.frames) for c in coded]).permute(0, 1, 4, 2, 3)
    frames = frames.to(out.frames) / 255
    bits = torch.tensor([c.frame_bits for c in coded]).to(out.frame_bits)
    frame_bits = bits + (out.frame_bits - out.frame_bits.detach())
    return VirtualOut(
        frames + (out.frames - out.frames.detach()), frame_bits.sum(1), frame_bits, coded[0].frame_types
    )


def _same_layout(frames: Tensor, clip: Tensor) -> Tensor:
    """Lay the frames (B, T, 3, H, W) out in memory as the clip's are: channels last stays channels last."""
    pictures = clip.flatten(0, 1)
    if pictures.is_contiguous() or not pictures.is_contiguous(memory_format=torch.channels_last):
        return frames
    return frames.flatten(0, 1).contiguous(memory_format=torch.channels_last).unflatten(0, clip.shape[:2])
