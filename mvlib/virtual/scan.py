"""Places of coefficients in a block, what a coder knows by then, and how long a JPEG scan of them is.

Coders send a block from its last nonzero level down to the lowest frequency; what lies beyond costs nothing. When a
level's turn comes, the levels at higher frequencies are known, and their sizes predict its own.

A baseline JPEG scan has an exact length: levels → symbols → how often each occurs → optimal Huffman code → bits.
No bit is written. A level is sent as a symbol (run of zeros before it, size of its magnitude) and ``size`` plain
bits; runs are the distances between nonzero levels in zigzag order, found for all blocks at once. The code is made
for each picture, as libjpeg does with optimised codes: its total length needs the symbols' frequencies alone.

References: ITU-T H.265 6.5.3 (diagonal scan in groups of 4×4); ITU-T H.264 table 8-2 (zigzag); ITU-T H.266 9.3.4.2
(the template of five known neighbours); Said et al., PCS 2022, arXiv 2301.09776 (rates need that context); ITU-T T.81,
F.1.2 (symbols) and K.2 (optimal codes, of at most 16 bits).
"""

import heapq

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


_SYMBOLS = 256
_ZEROS, _END = 0xF0, 0x00  # sixteen zeros; nothing but zeros to the end of the block


def _size(levels: Tensor) -> Tensor:
    """Bits needed for |level|: 0 -> 0, 1 -> 1, 2..3 -> 2, 4..7 -> 3; int64."""
    return torch.frexp(levels.abs().float()).exponent.long()


def _count(symbols: Tensor, images: Tensor, pictures: int, times: Tensor) -> Tensor:
    """How often each symbol occurs in each picture: (pictures, 256)."""
    flat = torch.bincount(images * _SYMBOLS + symbols, weights=times, minlength=pictures * _SYMBOLS)
    return flat.reshape(pictures, _SYMBOLS)


def ac_counts(levels: Tensor, images: Tensor, pictures: int) -> Tensor:
    """Frequencies (pictures, 256) of the AC symbols 16 * run + size of blocks (n, 64), row-major whole levels."""
    place = torch.arange(64, device=levels.device)
    zigzag = levels[:, scan_rank(8, False, like=levels).argsort()]
    some = zigzag != 0
    some[:, 0] = True  # runs count from the DC value
    last = torch.where(some, place, 0).cummax(1).values
    run = (place[1:] - last[:, :-1] - 1)[some[:, 1:]]
    owner = images[:, None].expand(-1, 63)[some[:, 1:]]
    size = _size(zigzag[:, 1:][some[:, 1:]])
    counts = _count((run % 16) * 16 + size, owner, pictures, torch.ones_like(run, dtype=torch.float64))
    long_runs = torch.div(run, 16, rounding_mode="floor").double()
    counts += _count(torch.full_like(run, _ZEROS), owner, pictures, long_runs)
    ends = (last[:, -1] < 63).double()
    return counts + _count(torch.full_like(images, _END), images, pictures, ends)


def dc_counts(differences: Tensor, images: Tensor, pictures: int) -> Tensor:
    """Frequencies (pictures, 256) of the sizes of DC differences (n,)."""
    ones = torch.ones_like(differences, dtype=torch.float64)
    return _count(_size(differences), images, pictures, ones)


def optimal_length(frequencies: list[float]) -> float:
    """Total bits of an optimal prefix code in which, as JPEG demands, no code consists of ones only.

    Codes longer than 16 bits, which JPEG shortens, need some thousand times rarer symbols and are not treated.
    """
    heap = [*frequencies, 1e-9]  # a symbol that never comes takes the code of all ones
    heapq.heapify(heap)
    total = 0.0
    while len(heap) > 1:
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        total += merged
        heapq.heappush(heap, merged)
    return total


@torch.no_grad()
def coded_bits(counts: Tensor) -> Tensor:
    """Bits of symbols, of the levels' plain bits and of the header's list: (pictures, 256) -> (pictures,)."""
    plain = torch.arange(_SYMBOLS, device=counts.device) % 16
    codes = [optimal_length([c for c in row if c > 0]) for row in counts.tolist()]
    listed = 8.0 * (counts > 0).sum(1)
    return (counts * plain).sum(1) + counts.new_tensor(codes) + listed
