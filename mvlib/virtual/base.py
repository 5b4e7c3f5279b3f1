"""The base of virtual codecs: input → checks → a subclass's ``code`` → decoded clip and bits, real values if wished."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mvlib._checks import check_unit, each_number
from mvlib._numbers import whole
from mvlib._planes import to_frames
from mvlib.errors import InputError

from .quantise import Rounding, rounding_of

_SLACK = 1e-3  # beyond [0, 1] by less than this is rounding


def checked_clip(clip: Tensor) -> Tensor:
    """Return the clip in float32 (float64 stays), or raise TypeError or ValueError.

    Args:
        clip: float (B, T, 3, H, W) in [0, 1].
    """
    shape = (
        "(B, T, 3, H, W) with no side 0: a batch of pictures (B, 3, H, W) becomes one by pictures[:, None]"
    )
    check_unit("the clip", clip, shape, (5,), (-_SLACK, 1 + _SLACK))
    return clip if clip.dtype == torch.float64 else clip.float()


def checked_through(through: int | None) -> int | None:
    """Return how many references in a row a gradient may pass, None for all; or raise TypeError or ValueError."""
    return None if through is None else whole("through (references in a row, None for all)", through, 0)


def checked_tables(tables: tuple[Tensor, Tensor], clip: Tensor) -> list[Tensor]:
    """Return quantiser tables of luma and chroma as (B, 64) in the clip's type, or raise ValueError.

    Args:
        tables: two, each (64,), (8, 8), (B, 64) or (B, 8, 8) numbers of 1..255.
    """
    if not isinstance(tables, tuple | list | Tensor) or len(tables) != 2:
        raise InputError("tables are not two; give those of luma and of chroma, 64 steps each")
    out = []
    for name, given in zip(("luma", "chroma"), tables, strict=True):
        table = torch.as_tensor(given, device=clip.device).to(clip.dtype)
        whole_shape = tuple(table.shape)
        if whole_shape not in ((64,), (8, 8), (len(clip), 64), (len(clip), 8, 8)):
            raise InputError(
                f"the {name} table has shape {whole_shape}; give (64,) or (8, 8), or one for each clip"
            )
        table = table.reshape(-1, 64)
        low, high = (v.item() for v in table.detach().aminmax())
        if not (low >= 1 and high <= 255):
            raise InputError(f"the {name} table spans {low}..{high}; JPEG's steps are 1..255")
        out.append(table.expand(len(clip), 64))
    return out


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
    """The quantiser of a call, and what gives a real codec the same.

    Attributes:
        setting: what ``code`` takes: (B,) numbers, or tables.
        real: name and (B,) numbers of the argument by which a real codec takes the same, such as ("qp", qp); None
            where it has none.
    """

    setting: Any
    real: tuple[str, Tensor] | None


@dataclass
class Way:
    """Options of a call's computation.

    Attributes:
        rounding: of levels, see ``quantise.py``.
        smooth: it has a slope of its own, which the bits' gradient follows; see ``rate.block_bits``.
        through, choices: as in ``VirtualBase.forward``; without choices the codec chooses, and puts here what it chose.
    """

    rounding: Rounding
    smooth: bool
    through: int | None
    choices: list


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
            TypeError, ValueError: the clip or what sets the quantiser is none; the message says what is allowed.
        """
        clip, through = checked_clip(clip), checked_through(through)
        chosen = self.quantiser(clip, qp, **quantiser)
        if real is not None and chosen.real is None:
            raise InputError("a real codec takes no such tables; give qp or quality, or leave real out")
        smooth = rounding is not None or route != "straight_through"
        rounding = rounding or rounding_of(route, temperature)
        way = Way(rounding, smooth, through, [] if choices is None else choices)
        with torch.autocast(clip.device.type, enabled=False):
            frames, bits, types = self.code(clip.clamp(0, 1), chosen.setting, way)
            out = VirtualOut(_same_layout(frames, clip), bits.sum(1), bits, types)
            return (
                out
                if real is None or chosen.real is None
                else with_real_values(out, clip, *chosen.real, real)
            )

    def quantiser(self, clip: Tensor, qp: Tensor | float | None) -> Quantiser:
        """The quantiser of a call, checked; a subclass may take other arguments in place of qp."""
        qp = each_number(qp, clip)
        return Quantiser(qp, ("qp", qp))

    @abstractmethod
    def code(self, clip: Tensor, setting: Any, way: Way) -> tuple[Tensor, Tensor, list[str]]:
        """Frames (B, T, 3, H, W), bits (B, T) and types of a checked clip."""


def with_real_values(
    out: VirtualOut, clip: Tensor, scale: str, numbers: Tensor, real: Callable
) -> VirtualOut:
    """Replace values by a real codec's, keeping the gradient: real + (virtual - virtual.detach())."""
    coded = [
        real(frames, **{scale: round(q)}) for frames, q in zip(to_frames(clip), numbers.tolist(), strict=True)
    ]
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
