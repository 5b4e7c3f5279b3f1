"""Blocks of a plane and their modes: costs of every block of every size → tree → blocks in use.

All blocks of a size are tried at once with all modes: a mode's predicted spectrum is one matrix times the neighbours,
the best mode has the least absolute transformed difference (plus the price of its bits), and its residual is then
quantised to get squared error + lambda * bits. Merging four blocks into one is decided from small to large, as an
encoder does. Nothing here carries a gradient.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from . import transform
from .neighbours import gather_neighbours, neighbour_index
from .predictors import mode_matrices, prediction_matrices
from .quantise import hard, per_image
from .settings import Settings, lagrangian
from .tables import table

# Modes of larger blocks are compared on their 8×8 lowest frequencies, where a residual has its energy.
_LOW = 8
# Bits of the first two modes (DC, planar or an axis) and of the others, for choosing only.
_LIKELY, _OTHER = 2.0, 5.0


@dataclass
class Chosen:
    """Blocks of one size, sorted by mode.

    Attributes:
        k: side.
        images, blocks, modes: int64 (n,): picture, block in raster order, position in the size's list of modes.
        counts: how many blocks each mode has.
    """

    k: int
    images: Tensor
    blocks: Tensor
    modes: Tensor
    counts: list[int]


def sort_by_mode(k: int, images: Tensor, blocks: Tensor, modes: Tensor, count: int) -> Chosen:
    """Make a :class:`Chosen` of blocks in any order; ``count`` is the length of the list of modes."""
    modes, order = modes.sort()
    counts = torch.bincount(modes, minlength=count).tolist()
    return Chosen(k, images[order], blocks[order], modes, counts)


def predict(neighbours: Tensor, chosen: Chosen, matrices: Tensor) -> Tensor:
    """Predict each block with its mode: (n, 4k+1) -> (n, k*k). One matrix product per mode in use."""
    parts = neighbours.split(chosen.counts)
    return torch.cat([p @ m.T for p, m in zip(parts, matrices, strict=True) if len(p)])


def quick_bits(levels: Tensor) -> Tensor:
    """Rough bits of levels (..., k*k) -> (...,), for choosing only: about 4 for a one, 2 more each doubling."""
    magnitude = levels.abs()
    return (3.5 * magnitude.clamp(max=1) + 2 * torch.log2(magnitude.clamp(min=1))).sum(-1)


def mode_costs(coefficients: Tensor, neighbours: Tensor, spectra: Tensor, price: Tensor) -> Tensor:
    """Least absolute transformed difference plus mode bits, of every mode.

    Args:
        coefficients: (n, c) of the source.  neighbours: (n, 4k+1).  spectra: (M, c, 4k+1).  price: (n, 1) per bit.

    Returns:
        (n, M).
    """
    m, c, s = spectra.shape
    guesses = (neighbours @ spectra.reshape(m * c, s).T).reshape(-1, m, c)
    cost = guesses.sub_(coefficients[:, None]).abs_().sum(-1)
    bits = cost.new_full((m,), _OTHER)
    bits[:2] = _LIKELY
    return cost + price * bits


@table
def mode_spectra(
    standard: str, k: int, kind: str, modes: tuple[int, ...], luma: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The lowest frequencies that modes are compared on, int64 (c,), and every mode's matrix to them, (M, c, 4k+1)."""
    low = np.arange(k * k).reshape(k, k)[:_LOW, :_LOW].reshape(-1)
    return low, transform.full_matrix(kind, k)[low] @ mode_matrices(standard, k, modes, luma)


@dataclass
class _Grid:
    """All blocks of side k of a batch of planes, with what predicts them."""

    images: Tensor  # (B*N,)
    numbers: Tensor  # (B*N,)
    coefficients: Tensor  # (B*N, k*k)
    neighbours: Tensor  # (B*N, 4k+1)
    costs: Tensor  # (B*N, M)
    matrices: Tensor  # (M, k*k, 4k+1)


def _try_modes(plane: Tensor, guess: Tensor, price: Tensor, settings: Settings, k: int, luma: bool) -> _Grid:
    b, _, h, w = plane.shape
    modes = (settings.luma_modes if luma else settings.chroma_modes)[k]
    kind = (settings.luma_transforms if luma else settings.chroma_transforms)[k]
    n = (h // k) * (w // k)
    images = torch.arange(b, device=plane.device).repeat_interleave(n)
    numbers = torch.arange(n, device=plane.device).repeat(b)
    index = neighbour_index(h, w, k, settings.unit if luma else settings.unit // 2, like=plane)
    neighbours = gather_neighbours(guess, index, images, numbers)
    coefficients = transform.forward(transform.to_blocks(plane, k), kind).reshape(b * n, k * k)
    low, spectra = mode_spectra(settings.standard, k, kind, modes, luma, like=plane)
    costs = mode_costs(coefficients[:, low], neighbours, spectra, price[images][:, None])
    matrices = prediction_matrices(settings.standard, k, modes, luma, like=plane)
    return _Grid(images, numbers, coefficients, neighbours, costs, matrices)


@torch.no_grad()
def size_costs(
    plane: Tensor, guess: Tensor, qp: Tensor, step: Tensor, settings: Settings, k: int
) -> tuple[Tensor, Tensor]:
    """Cost of coding every luma block of side k in its best mode.

    Args:
        plane: luma (B, 1, H, W).  guess: what the decoder will have, roughly; same shape.  qp, step: (B,).

    Returns:
        cost (B, N): squared error + lambda * bits; position in the list of modes, int64 (B, N).
    """
    b, kind, lam = plane.shape[0], settings.luma_transforms[k], lagrangian(settings, qp)
    grid = _try_modes(plane, guess, lam.sqrt(), settings, k, luma=True)
    best, order = grid.costs.argmin(1).sort()
    counts = torch.bincount(best, minlength=len(grid.matrices)).tolist()
    chosen = Chosen(k, grid.images[order], grid.numbers[order], best, counts)
    predicted = transform.forward(predict(grid.neighbours[order], chosen, grid.matrices), kind)
    scale = step[chosen.images][:, None]
    scaled = (grid.coefficients[order] - predicted) / scale
    levels = hard(scaled, settings.intra_offset)
    error = ((scaled - levels) * scale).square().sum(-1)
    bits = quick_bits(levels) + 3.0 * (levels != 0).any(-1) + 4.0
    cost, modes = torch.empty_like(error), torch.empty_like(best)
    cost[order], modes[order] = error + lam[chosen.images] * bits, best
    return cost.reshape(b, -1), modes.reshape(b, -1)


@torch.no_grad()
def shared_modes(planes: Tensor, guess: Tensor, qp: Tensor, settings: Settings, k: int) -> Tensor:
    """Best mode of every chroma block of side k, one for both planes.

    Args:
        planes: Cb of all pictures, then Cr: (2B, 1, H, W).  guess: the same shape.  qp: (B,).

    Returns:
        int64 (B, N).
    """
    price = lagrangian(settings, qp).sqrt().repeat(2)
    costs = _try_modes(planes, guess, price, settings, k, luma=False).costs
    return costs.reshape(2, len(qp), -1, costs.shape[-1]).sum(0).argmin(-1)


def _children(cost: Tensor, h: int, w: int, k: int, big: int) -> Tensor:
    """Sum the cost of blocks of side k over blocks of side ``big``: (B, N) -> (B, h/big, w/big)."""
    r = big // k
    grid = cost.reshape(-1, h // big, r, w // big, r)
    return grid.sum((2, 4))


def choose_sizes(costs: dict[int, Tensor], h: int, w: int, free_tree: bool) -> dict[int, Tensor]:
    """Decide which blocks of each size are used.

    Args:
        costs: side -> (B, N).  free_tree: merge four blocks wherever that is cheaper; else one side per largest block.

    Returns:
        side -> bool (B, N); together they cover the plane once.
    """
    sizes = sorted(costs)
    top = sizes[-1]
    if not free_tree:
        totals = torch.stack([_children(costs[k], h, w, k, top) for k in sizes])
        winner = totals.argmin(0)  # (B, h/top, w/top)
        spread = {k: winner.repeat_interleave(top // k, 1).repeat_interleave(top // k, 2) for k in sizes}
        return {k: (spread[k] == i).flatten(1) for i, k in enumerate(sizes)}
    best, whole = costs[sizes[0]].reshape(-1, h // sizes[0], w // sizes[0]), {}
    for small, big in pairwise(sizes):
        split = _children(best.flatten(1), h, w, small, big)
        own = costs[big].reshape(split.shape)
        whole[big] = own <= split
        best = torch.minimum(own, split)
    used, free = {}, torch.ones_like(best, dtype=torch.bool)
    for k in reversed(sizes):
        take = free & whole[k] if k in whole else free
        used[k] = take.flatten(1)
        free = free & ~take
        if k != sizes[0]:
            free = free.repeat_interleave(2, 1).repeat_interleave(2, 2)
    return used


def collect(used: dict[int, Tensor], modes: dict[int, Tensor], counts: dict[int, int]) -> list[Chosen]:
    """List the blocks in use, size by size."""
    out = []
    for k, mask in used.items():
        images, blocks = mask.nonzero(as_tuple=True)
        if len(images):
            out.append(sort_by_mode(k, images, blocks, modes[k][images, blocks], counts[k]))
    return out


def rough_decode(plane: Tensor, step: Tensor) -> Tensor:
    """A first guess of the decoded plane: every 8×8 block transformed and quantised, its mean kept.

    Without prediction a quantised mean would be off by up to half a step, and a flat area, where an encoder sends
    nothing after its first block, would keep that error through all passes.
    """
    coefficients = transform.forward(transform.to_blocks(plane, 8))
    scale = per_image(step, coefficients)
    decoded = hard(coefficients / scale, 1 / 3) * scale
    decoded[..., 0] = coefficients[..., 0]
    return transform.from_blocks(transform.inverse(decoded), *plane.shape[-2:])
