"""Where a coefficient stands in its block: scan order, frequency and the neighbours that a coder already knows.

Coders send a block from its last nonzero level down to the lowest frequency; what lies beyond costs nothing. When a
level's turn comes, the levels at higher frequencies are known, and their sizes predict its own.

References: ITU-T H.265 6.5.3 (diagonal scan in groups of 4×4); ITU-T H.264 table 8-2 (zigzag); ITU-T H.266 9.3.4.2
(the template of five known neighbours); Said et al., PCS 2022, arXiv 2301.09776 (rates need that context).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .tables import table

_TEMPLATE = {(0, 1): 1.0, (1, 0): 1.0, (1, 1): 0.7, (0, 2): 0.5, (2, 0): 0.5}


@table
def scan_rank(k: int, grouped: bool) -> np.ndarray:
    """Each coefficient's place in the scan, float (k*k,): zigzag, or diagonals in diagonals of 4×4 if ``grouped``."""
    v, u = np.mgrid[:k, :k]
    if not grouped:
        key = (u + v) * 4 * k + np.where((u + v) % 2 == 0, u, v)  # zigzag
    else:
        gv, gu = v // 4, u // 4
        key = ((gu + gv) * k + gu) * 1024 + (u % 4 + v % 4) * 16 + u % 4
    return key.reshape(-1).argsort().argsort().astype(float)


@table
def frequency(k: int) -> np.ndarray:
    """log2(1 + u + v) / log2(2k - 1), from 0 at DC to 1 at the highest frequency; float (k*k,)."""
    v, u = np.mgrid[:k, :k]
    return (np.log2(1 + u + v) / np.log2(2 * k - 1)).reshape(-1)


@table
def template_matrix(k: int) -> np.ndarray:
    """Matrix (k*k, k*k): magnitudes as a row times it = weighted sum over each one's known neighbours."""
    full = np.zeros((k, k, k, k))  # from (v, u) to (v, u)
    v, u = np.mgrid[:k, :k]
    for (dv, du), weight in _TEMPLATE.items():
        inside = (v + dv < k) & (u + du < k)
        full[(v + dv)[inside], (u + du)[inside], v[inside], u[inside]] = weight
    return full.reshape(k * k, k * k)


@torch.no_grad()
def last_position(levels: Tensor, grouped: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Find the last nonzero level of each block (n, k*k) in scan order.

    Returns:
        rank (n,), -1 for a block of zeros; and its column and row, (n,) each.
    """
    k = round(levels.shape[-1] ** 0.5)
    rank = scan_rank(k, grouped, like=levels)
    best, where = torch.where(levels.abs() >= 0.5, rank, -1.0).max(-1)
    return best, where % k, where // k
