"""Blocks without motion: uncovered ground and cuts → intra modes for the few blocks that need them → coding.

Trying all directions on all blocks would cost more than the rest of a P frame. A block is tried only where its
best inter cost exceeds a good part of what its mere deviation from its own mean would cost: an uncovered wall
qualifies, a moving texture does not. Neighbours are those of ``intra.py``: read from a roughly decoded plane for
the choice, from the frame's own inter blocks for the coding.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from . import transform
from .intra import code_plane
from .neighbours import gather_neighbours, neighbour_index
from .partition import Chosen, mode_costs, mode_spectra, predict, sort_by_mode
from .predictors import prediction_matrices
from .quantise import Rounding, hard
from .rate import Levels
from .settings import Settings

MODE_BITS = 6.0
_HOPE = 0.7  # directions rarely save more than this share of the cost of the block's deviation from its mean


def candidates(inter_cost: Tensor, mean_cost: Tensor, lam: Tensor) -> tuple[Tensor, Tensor]:
    """Images and block numbers, int64 (n,) each, worth an intra try; both costs (B, H/k, W/k), lam (B, 1, 1).

    A block whose inter cost is hardly more than an intra mode's own bits cannot gain.
    """
    hopeful = (inter_cost > _HOPE * mean_cost) & (inter_cost > 2 * MODE_BITS * lam)
    images, blocks = hopeful.flatten(1).nonzero(as_tuple=True)
    return images, blocks


def without_mean(plane: Tensor, k: int) -> Tensor:
    """(B, 1, H, W) minus the mean of each k × k block."""
    return plane - F.avg_pool2d(plane, k).repeat_interleave(k, 2).repeat_interleave(k, 3)


def try_intra(
    plane: Tensor, guess: Tensor, images: Tensor, blocks: Tensor, price: Tensor, k: int, settings: Settings
) -> tuple[Tensor, Tensor]:
    """Best intra mode of chosen k × k luma blocks, by sum of absolute transformed differences.

    plane, guess: (B, 1, H, W), source and roughly decoded. price: (n,) of a bit.
    Returns the transformed residual (n, k²) and the mode's position in the list of modes (n,).
    """
    modes, kind = settings.luma_modes[k], settings.luma_transforms[k]
    index = neighbour_index(*plane.shape[-2:], k, settings.unit, like=plane)
    around = gather_neighbours(guess, index, images, blocks)
    source = transform.forward(transform.to_blocks(plane, k)[images, blocks], kind)
    low, spectra = mode_spectra(settings.standard, k, kind, modes, True, like=plane)
    best = mode_costs(source[:, low], around, spectra, price[:, None]).argmin(1)
    chosen = sort_by_mode(k, images, blocks, best, len(modes))
    matrices = prediction_matrices(settings.standard, k, modes, True, like=plane)
    order = best.argsort(stable=True)
    residual = torch.empty_like(source)
    residual[order] = source[order] - transform.forward(predict(around[order], chosen, matrices), kind)
    return residual, best


def intra_cost(
    coefficients: Tensor, step: Tensor, lam: Tensor, bits_of: Callable[[Tensor], Tensor], settings: Settings
) -> Tensor:
    """Squared error + lambda·bits of transformed blocks (n, k²); step, lam: (n,); bits_of: levels → bits."""
    level = hard(coefficients / step[:, None], settings.intra_offset)
    error = (coefficients - level * step[:, None]).square().sum(-1)
    return error + lam * (bits_of(level) + MODE_BITS)


def code_intra_blocks(
    plane: Tensor,
    inter: Tensor,
    chosen: list[Chosen],
    step: Tensor,
    rounding: Rounding,
    settings: Settings,
    luma: bool,
) -> tuple[Tensor, list[Levels]]:
    """Code the intra blocks of a P frame's plane: (B, 1, H, W), zero elsewhere, and their levels.

    plane: source. inter: the decoded plane, with something near the source in the intra blocks. A block's
    neighbours are taken from there, and once more after the first pass has decoded all intra blocks.
    """
    with torch.no_grad():
        first, _ = code_plane(plane, inter, chosen, step, hard, settings, luma)
        inside = intra_mask(chosen, plane)
    around = torch.where(inside, first, inter)
    return code_plane(plane, around, chosen, step, rounding, settings, luma)


def intra_mask(chosen: list[Chosen], plane: Tensor) -> Tensor:
    """Which samples belong to the chosen blocks: bool, the plane's shape."""
    inside = torch.zeros_like(plane, dtype=torch.bool)
    h, w = plane.shape[-2:]
    for c in chosen:
        flat = inside.new_zeros(plane.shape[0], (h // c.k) * (w // c.k), c.k**2)
        flat[c.images, c.blocks] = True
        inside |= transform.from_blocks(flat, h, w)
    return inside


def choose(direction: Tensor, mask: Tensor, k: int, count: int) -> list[Chosen]:
    """Blocks of one size from maps per block: direction and mask (B, H/k, W/k)."""
    images, blocks = mask.flatten(1).nonzero(as_tuple=True)
    if not len(images):
        return []
    return [sort_by_mode(k, images, blocks, direction.flatten(1)[images, blocks], count)]
