"""Numbers that a caller gives: what is a number, a whole one, one in range; True is none, NumPy's own are. And PSNR."""

from dataclasses import fields
from numbers import Integral, Real
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from mvlib.errors import InputError, InputTypeError


def is_number(value: Any) -> bool:
    """Whether ``value`` is a real number, Python's or NumPy's; a bool is not."""
    return isinstance(value, Real) and not isinstance(value, bool)


def whole(name: str, value: Any, least: int | None = None) -> int:
    """``value`` as an int.

    Raises:
        TypeError: no whole number; a bool is none.  ValueError: below ``least``.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InputTypeError(f"{name} must be a whole number, not {value!r}")
    if least is not None and value < least:
        raise InputError(f"{name} is {value}; it must be at least {least}")
    return int(value)


def check_numbers(options: Any) -> None:
    """Look at the fields of a frozen dataclass that are whole numbers, or tuples of numbers: each becomes Python's own.

    Else a NumPy number would be stored as text. Raises TypeError for what is none, such as a bool.
    """
    hints = get_type_hints(type(options))
    for name in (f.name for f in fields(options)):
        value, kinds = getattr(options, name), (hints[name], *get_args(hints[name]))
        if get_origin(hints[name]) is tuple:  # of int | float, ...
            kinds += get_args(kinds[1])
        if int in kinds and isinstance(value, list | tuple):
            if wrong := [v for v in value if not is_number(v)]:
                raise InputTypeError(f"{name} holds {wrong[0]!r}, which is no number")
            plain = tuple(int(v) if isinstance(v, Integral) else float(v) for v in value)
            object.__setattr__(options, name, plain)
        elif int in kinds and value is not None:
            object.__setattr__(options, name, whole(name, value))


def psnr_of(mse: float) -> float:
    """PSNR in dB of samples in 0..255 with a mean squared error of ``mse``; infinite for none."""
    return 10 * float(np.log10(255**2 / mse)) if mse else float("inf")


def psnr(original: np.ndarray, decoded: np.ndarray) -> float:
    """PSNR in dB of uint8 arrays of one shape, all samples together; infinite where they are equal."""
    return psnr_of(np.mean(np.square(original.astype(np.float32) - decoded)))
