"""Block transforms: plane → k×k blocks → orthonormal coefficients, and back.

Blocks are rows of k*k samples, and a transform is one orthonormal matrix (k*k, k*k) applied to the row, so
that a plain DCT, the sine transform of HEVC's small intra blocks and H.264's two-stage 16×16 transform are
the same operation. Large DCTs run separably, which needs k/2 times fewer multiplications.

References: ITU-T H.265 8.6.4 (DCT-II of 4 to 32, DST-VII of 4×4 intra luma); ITU-T H.264 8.5 (4×4, 8×8, and the
Hadamard transform of the DC values of 16×16 blocks and of chroma).
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .tables import table

_SEPARABLE_FROM = 16


def to_cells(plane: Tensor, k: int) -> Tensor:
    """(B, C, H, W) → (B, C, H/k, W/k, k, k)."""
    b, c, h, w = plane.shape
    return plane.reshape(b, c, h // k, k, w // k, k).transpose(3, 4)


def from_cells(cells: Tensor) -> Tensor:
    """(B, C, h, w, k, k) → (B, C, h·k, w·k); the inverse of :func:`to_cells`."""
    b, c, h, w, k, _ = cells.shape
    return cells.transpose(3, 4).reshape(b, c, h * k, w * k)


def spread(cells: Tensor, times: int, dim: int = 1) -> Tensor:
    """(…, h, w, …) → (…, h·times, w·times, …), with h at ``dim``: every cell of a block gets the block's value."""
    return cells.repeat_interleave(times, dim).repeat_interleave(times, dim + 1)


def to_blocks(plane: Tensor, k: int) -> Tensor:
    """(B, 1, H, W) with sides a multiple of k -> (B, N, k*k), blocks and samples in raster order."""
    return to_cells(plane, k).reshape(len(plane), -1, k * k)


def from_blocks(blocks: Tensor, height: int, width: int) -> Tensor:
    """(B, N, k*k) -> (B, 1, height, width), the inverse of :func:`to_blocks`."""
    k = round(blocks.shape[-1] ** 0.5)
    return from_cells(blocks.reshape(-1, 1, height // k, width // k, k, k))


def dct_basis(k: int) -> np.ndarray:
    """Orthonormal DCT-II of k points, (k, k), row = frequency."""
    n = np.arange(k)
    basis = np.cos(np.pi * (2 * n + 1) * n[:, None] / (2 * k)) * (2 / k) ** 0.5
    basis[0] /= 2**0.5
    return basis


def dst_basis(k: int) -> np.ndarray:
    """Orthonormal DST-VII of k points, (k, k): grows away from the predicting side, as intra residuals do."""
    n = np.arange(k)
    return np.sin(np.pi * (2 * n[:, None] + 1) * (n + 1) / (2 * k + 1)) * 2 / (2 * k + 1) ** 0.5


def _nested(k: int) -> np.ndarray:
    """H.264's transform of a k×k block: 4×4 DCTs, then a Hadamard transform over their DC values; (k*k, k*k)."""
    inner = np.kron(dct_basis(4), dct_basis(4))  # (16, 16)
    count = k // 4
    full = np.zeros((k * k, k * k))
    index = np.arange(k * k).reshape(count, 4, count, 4).swapaxes(1, 2).reshape(count * count, 16)
    for samples in index:  # a 4×4 block each: coefficient (u, v) of a block lies where its sample (u, v) lay
        full[samples[:, None], samples] = inner
    hadamard = np.array([[1.0, 1], [1, -1]]) / 2**0.5
    mix = hadamard if count == 2 else np.kron(hadamard, hadamard)
    full[index[:, 0]] = np.kron(mix, mix) @ full[index[:, 0]]
    return full


def full_matrix(kind: str, k: int) -> np.ndarray:
    """Orthonormal matrix (k*k, k*k) of transform ``kind``: "dct", "dst" or "nested"; a row is one coefficient."""
    if kind == "nested":
        return _nested(k)
    basis = dst_basis(k) if kind == "dst" else dct_basis(k)
    return np.kron(basis, basis)


matrix, _basis = table(full_matrix), table(dct_basis)


def forward(blocks: Tensor, kind: str = "dct") -> Tensor:
    """Transform (..., k*k) samples to (..., k*k) orthonormal coefficients, row-major from the lowest frequency."""
    return _applied(blocks, kind, lambda m: m)


def inverse(coefficients: Tensor, kind: str = "dct") -> Tensor:
    """The inverse of :func:`forward`."""
    return _applied(coefficients, kind, lambda m: m.T)


def _applied(rows: Tensor, kind: str, turned: Callable[[Tensor], Tensor]) -> Tensor:
    k = round(rows.shape[-1] ** 0.5)
    if kind == "dct" and k >= _SEPARABLE_FROM:
        d = turned(_basis(k, like=rows))
        return (d @ (rows.reshape(-1, k, k) @ d.T)).reshape(rows.shape)
    return rows @ turned(matrix(kind, k, like=rows)).T


def split_nested(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Part the coefficients of a "nested" transform, which are sent apart.

    Args:
        rows: (n, k*k), k 8 or 16.

    Returns:
        DC values (n, 16), row-major in 4×4, zero where k = 8 has only 2×2 of them; and the 4×4 blocks with their DC
        zeroed, (n * (k/4)², 16).
    """
    n, area = rows.shape
    k = round(area**0.5)
    count = k // 4
    cells = rows.reshape(n, count, 4, count, 4).transpose(2, 3)  # (n, count, count, 4, 4)
    dc = torch.nn.functional.pad(cells[..., 0, 0], (0, 4 - count, 0, 4 - count)).reshape(n, 16)
    ac = cells.reshape(n * count * count, 16)
    return dc, torch.cat([torch.zeros_like(ac[:, :1]), ac[:, 1:]], 1)
