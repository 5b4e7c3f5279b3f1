"""What virtual codecs share: input → checks → a subclass's ``code`` → decoded clip and bits, real values if wished."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mvlib._numbers import is_number, whole
from mvlib._planes import to_frames
from mvlib.errors import InputError, InputTypeError

from .quantise import QP_MAX, Rounding, rounding_of

_SLACK = 1e-3  # beyond [0, 1] by less than this is rounding


def checked_clip(clip: Tensor) -> Tensor:
    """Return the clip in float32 (float64 stays), or raise TypeError or ValueError.

    Args:
        clip: float (B, T, 3, H, W) in [0, 1].
    """
    if not isinstance(clip, Tensor) or not clip.is_floating_point():
        kind = clip.dtype if isinstance(clip, Tensor) else type(clip).__name__
        raise InputTypeError(f"the clip is {kind}; give a float tensor in [0, 1] (divide uint8 by 255)")
    if clip.dim() != 5 or clip.shape[2] != 3 or 0 in clip.shape:
        raise InputError(
            f"the clip has shape {tuple(clip.shape)}; give (B, T, 3, H, W) with no side 0: "
            "a batch of pictures (B, 3, H, W) becomes one by pictures[:, None]"
        )
    low, high = (v.item() for v in clip.detach().float().aminmax())
    if not (low >= -_SLACK and high <= 1 + _SLACK):  # false for NaN too
        raise InputError(
            f"the clip's values span {low} to {high}; they must lie in [0, 1] and hold no NaN: clamp it"
        )
    return clip if clip.dtype == torch.float64 else clip.float()


def checked_qp(
    qp: Tensor | float | None,
    clip: Tensor,
    name: str = "qp",
    span: tuple[float, float] = (0, QP_MAX),
    scale: str = "in H.264 and HEVC",
) -> Tensor:
    """Return qp as (B,) in the clip's type, or raise TypeError or ValueError.

    Args:
        qp: a number, or a tensor (B,) on the clip's device; 0..51.
        name, span, scale: of another number that sets the quantiser, and whose scale it is.
    """
    count = clip.shape[0]
    if not isinstance(qp, Tensor):
        if qp is None or not is_number(qp):
            raise InputTypeError(f"{name} is {type(qp).__name__}; give a number or a tensor (B,)")
        qp = torch.full((count,), float(qp), dtype=clip.dtype, device=clip.device)
    if qp.dtype == torch.bool or qp.is_complex():
        raise InputTypeError(f"{name} is a tensor of {qp.dtype}; give numbers")
    if qp.device != clip.device and qp.dim() > 0:
        raise InputError(f"{name} is on {qp.device} and the clip on {clip.device}; bring both to one device")
    if qp.dim() > 1 or (qp.dim() == 1 and len(qp) != count):
        raise InputError(
            f"{name} has shape {tuple(qp.shape)}; give one number, or one for each of the {count} clips"
        )
    low, high = (v.item() for v in qp.detach().float().aminmax())
    if not (low >= span[0] and high <= span[1]):
        worst = high if low >= span[0] else low
        raise InputError(f"{name} {worst} is out of range; it is {span[0]}..{span[1]}, as {scale}")
    return qp.to(clip).expand(count)


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
    """What sets the quantiser of a call.

    Attributes:
        setting: what ``code`` takes: (B,) numbers, or tables.
        real: name and (B,) numbers of the argument by which a real codec takes the same, such as ("qp", qp); None
            where it has none.
    """

    setting: Any
    real: tuple[str, Tensor] | None


@dataclass
class Way:
    """How a call computes.

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
        qp = checked_qp(qp, clip)
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
