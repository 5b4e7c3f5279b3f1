"""Refuse bad input by name: clip, qp → what is wrong, what is allowed, what to do."""

from __future__ import annotations

import torch
from torch import Tensor

from mvlib._numbers import is_number, whole
from mvlib.errors import InputError, InputTypeError

from .quantise import QP_MAX

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
    qp: Tensor | float,
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
        if not is_number(qp):
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
