"""Refuse by name what an analyser cannot look at: pictures or clips → checked, in the type that it computes in."""

import torch
from torch import Tensor

from mvlib.errors import InputError, InputTypeError

# A preprocessor may overshoot [0, 1] a little before it is clamped; a picture in 0..255 is far outside.
_LOWEST, _HIGHEST = -1.0, 2.0


@torch.compiler.disable  # it reads values, which a compiled graph cannot do halfway
def checked(x: Tensor, dtype: torch.dtype, clips: bool = False) -> Tensor:
    """``x`` as ``dtype``; its gradient passes.

    Args:
        x: float RGB in [0, 1]: pictures (B, 3, H, W), or ``clips`` (B, T, 3, H, W) with T of 2 or more.

    Raises:
        TypeError: not a floating-point tensor.
        ValueError: wrong shape, values far outside [0, 1] (a picture in 0..255), or one that is no number.
    """
    what, shape = ("clips", "(B, T, 3, H, W) with T of 2 or more") if clips else ("pictures", "(B, 3, H, W)")
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise InputTypeError(
            f"{what} are {kind}; give a float tensor in [0, 1] (from uint8: x.float() / 255)"
        )
    if x.ndim != (5 if clips else 4) or x.shape[-3] != 3 or 0 in x.shape or (clips and x.shape[1] < 2):
        raise InputError(f"{what} have shape {tuple(x.shape)}; give {shape}, for a single one x[None]")
    low, high = torch.stack(torch.aminmax(x.detach())).tolist()
    # Written so that NaN, for which every comparison is false, is caught as well.
    if not (low >= _LOWEST and high <= _HIGHEST):
        why = "divide 0..255 by 255" if low == low else "look where they come from"
        raise InputError(f"{what} span {low:.3g}..{high:.3g}; the scale is [0, 1]: {why}")
    return x.to(dtype)
