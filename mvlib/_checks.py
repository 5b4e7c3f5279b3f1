"""Pictures, clips and QPs that a caller gives: refused with the value, the range and what to do, in one place."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mvlib._numbers import is_number
from mvlib.errors import InputError, InputTypeError

if TYPE_CHECKING:  # a worker that only encodes never imports torch
    from torch import Tensor


def check_uint8(name: str, frames: Any, *, dims: int = 4, least: int = 1, side: int = 1) -> np.ndarray:
    """``frames``, uint8 (T, H, W, 3), or one picture (H, W, 3) with ``dims`` of 3; contiguous.

    Args:
        name: of the frames, for messages.
        least: of frames.  side: the shortest that is allowed, in pixels.

    Raises:
        TypeError: no NumPy array of uint8.  ValueError: another shape, or too small.
    """
    shape = "(T, H, W, 3)" if dims == 4 else "(H, W, 3)"
    if not isinstance(frames, np.ndarray) or frames.dtype != np.uint8:
        raise InputTypeError(
            f"{name} is {_kind(frames, np.ndarray)}; give a uint8 numpy array {shape}, of floats (x * 255).round()"
        )
    fits = frames.ndim == dims and frames.shape[-1] == 3 and min(frames.shape[-3:-1]) >= side
    if not fits or (dims == 4 and len(frames) < least):
        counts = f"at least {least} frame{'s'[: least > 1]}, " if dims == 4 else ""
        raise InputError(
            f"{name} has shape {frames.shape}; give {shape} with {counts}sides of {side} pixels or more"
        )
    return np.ascontiguousarray(frames)


def check_unit(
    name: str, x: Any, shape: str, dims: tuple[int, ...], beyond: tuple[float, float], least: int = 1
) -> None:
    """Raise unless ``x`` is a float tensor (…, 3, H, W) in [0, 1] with so many ``dims``, no side of 0.

    Args:
        name: of the pictures, for messages.  shape: what is allowed, in words.
        beyond: the lowest and highest value that is let pass, a little outside [0, 1].  least: of frames.

    Raises:
        TypeError: no floating-point tensor.  ValueError: another shape, values outside, or one that is no number.
    """
    import torch

    if not isinstance(x, torch.Tensor) or not x.is_floating_point():
        raise InputTypeError(
            f"{name} is {_kind(x, torch.Tensor)}; give a float tensor in [0, 1] (of uint8: x.float() / 255)"
        )
    if x.ndim not in dims or x.shape[-3] != 3 or 0 in x.shape or (x.ndim == 5 and x.shape[1] < least):
        raise InputError(f"{name} has shape {tuple(x.shape)}; give {shape}")
    low, high = torch.stack(torch.aminmax(x.detach())).tolist()
    # Written so that NaN, for which every comparison is false, is caught as well.
    if not (low >= beyond[0] and high <= beyond[1]):
        why = "divide 0..255 by 255, or clamp" if low == low else "look where the NaN comes from"
        raise InputError(f"the values of {name} span {low:.4g}..{high:.4g}; the scale is [0, 1]: {why}")


def each_number(
    qp: "Tensor | float | None",
    x: "Tensor",
    name: str = "qp",
    span: tuple[float, float] = (0, 51),
    scale: str = "in H.264 and HEVC",
) -> "Tensor":
    """``qp`` as (B,), in the type of the batch ``x``.

    Args:
        qp: a number, or a tensor of one or of B numbers, on the device of ``x``.
        name: of the number, for messages.  span: lowest and highest.  scale: whose they are.

    Raises:
        TypeError: no number.  ValueError: another shape or device, or a value out of range.
    """
    import torch

    if not isinstance(qp, torch.Tensor):
        if qp is None or not is_number(qp):
            raise InputTypeError(f"{name} is {type(qp).__name__}; give a number or a tensor (B,)")
        qp = torch.full((len(x),), float(qp), dtype=x.dtype, device=x.device)
    if qp.dtype == torch.bool or qp.is_complex():
        raise InputTypeError(f"{name} is a tensor of {qp.dtype}; give numbers")
    if qp.device != x.device and qp.dim() > 0:
        raise InputError(f"{name} is on {qp.device}, what is coded on {x.device}; bring both to one device")
    if qp.dim() > 1 or (qp.dim() == 1 and len(qp) != len(x)):
        raise InputError(
            f"{name} has shape {tuple(qp.shape)} for a batch of {len(x)}; give one number, or one for each"
        )
    low, high = (v.item() for v in qp.detach().float().aminmax())
    if not (low >= span[0] and high <= span[1]):
        worst = high if low >= span[0] else low
        raise InputError(f"{name} {worst} is out of range; it is {span[0]}..{span[1]}, as {scale}")
    return qp.to(x).expand(len(x))


def _kind(value: Any, array: Any) -> str:
    """What ``value`` is: the type of its elements where it is an ``array``, else its class."""
    return str(value.dtype) if isinstance(value, array) else type(value).__name__
