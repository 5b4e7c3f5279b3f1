"""Quantisation: coefficient → divide by the step → round with a dead zone → level → multiply by the step.

The step belongs to an orthonormal transform of 8-bit samples: Qstep = 2^((QP-4)/6), doubled every six QP.
Levels are rounded by a callable, ``rounding(u, offset) -> level`` with u = coefficient / step; the hard
quantiser is ``sign(u) * floor(|u| + offset)``, so offset 1/2 is plain rounding and a smaller one widens the
zone that becomes zero.

References: ITU-T H.265 8.6.3 and table 8-10; ITU-T H.264 table 8-15; Agustsson and Theis, "Universally
quantized neural compression", NeurIPS 2020 (soft rounding).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mvlib.errors import InputError, choose

Rounding = Callable[[Tensor, float], Tensor]
QP_MAX = 51
ROUTES = ("straight_through", "noise", "soft")

# Chroma QP for a luma QP, 4:2:0; the two standards differ only above 29.
_H265 = [*range(30), 29, 30, 31, 32, 33, 33, 34, 34, 35, 35, 36, 36, 37, 37] + [
    qp - 6 for qp in range(44, 58)
]
_H264 = [*range(30), 29, 30, 31, 32, 32, 33, 34, 34, 35, 35, 36, 36, 37, 37, 37, 38, 38, 38, 39, 39, 39, 39]
CHROMA_QP = {"h265": _H265, "h264": _H264}


def qstep(qp: Tensor) -> Tensor:
    """Quantiser step in 8-bit sample units: 2^((qp-4)/6), so 1 at qp 4 and 8 at qp 22. Any shape."""
    return torch.exp2((qp - 4) / 6)


def chroma_qp(qp: Tensor, standard: str = "h265", offset: float = 0.0) -> Tensor:
    """QP of the chroma planes for a luma QP, interpolated linearly between the standard's whole numbers.

    Args:
        qp: luma QP, any shape; ``offset`` is added to it first (the stream's chroma_qp_index_offset).
        standard: "h264" or "h265".
    """
    return lookup(CHROMA_QP[standard], qp + offset)


def lookup(table: Sequence[float], position: Tensor) -> Tensor:
    """Read a table at real-valued positions, linearly between entries, the ends held. Any shape."""
    values = torch.tensor(table, dtype=position.dtype, device=position.device)
    position = position.clamp(0, len(table) - 1)
    low = position.floor().clamp(max=len(table) - 2).long()
    return torch.lerp(values[low], values[low + 1], position - low)


def hard(u: Tensor, offset: float) -> Tensor:
    """Dead-zone quantiser ``sign(u) * floor(|u| + offset)``; its gradient is zero."""
    return torch.sign(u) * torch.floor(u.abs() + offset)


def straight_through(u: Tensor, offset: float) -> Tensor:
    """Value of :func:`hard`, gradient of the identity."""
    return u + (hard(u.detach(), offset) - u.detach())


def uniform_noise(u: Tensor, offset: float) -> Tensor:
    """Add noise uniform in [-1/2, 1/2]: the error of plain rounding, without its steps. ``offset`` is not used."""
    return u + torch.rand_like(u) - 0.5


def soft(temperature: float) -> Rounding:
    """Return a smooth rounding: temperature -> 0 is :func:`hard`, temperature -> infinity the identity.

    Raises ValueError for a temperature that is not positive.
    """
    if not temperature > 0:
        raise InputError(
            f"temperature {temperature} must be above 0; as it falls, soft rounding becomes hard"
        )
    sharpness = min(1 / temperature, 1e4)

    def rounding(u: Tensor, offset: float) -> Tensor:
        # The dead zone fades with the sharpness, else the smooth limit would be a shrunken identity.
        shift = (0.5 - offset) * torch.tanh(torch.tensor(sharpness / 8)).item()
        v = (u.abs() - shift).clamp(min=0)
        cell = torch.floor(v)
        r = v - cell - 0.5
        half = torch.tanh(torch.tensor(sharpness / 2)).item()
        return torch.sign(u) * (cell + 0.5 + torch.tanh(sharpness * r) / (2 * half))

    return rounding


def straight_through_round(x: Tensor) -> Tensor:
    """Round halves up, gradient of the identity: for samples, which have no dead zone."""
    return x + (torch.floor(x.detach() + 0.5) - x.detach())


def per_image(value: Tensor, like: Tensor) -> Tensor:
    """View (B,) as (B, 1, ..., 1) to scale a tensor (B, ...)."""
    return value.reshape(-1, *[1] * (like.dim() - 1))


def rounding_of(route: str, temperature: float) -> Rounding:
    """The rounding that a gradient route stands for; ``temperature`` is for "soft" alone."""
    if choose("route", route, ROUTES) == "soft":
        return soft(temperature)
    return straight_through if route == "straight_through" else uniform_noise
