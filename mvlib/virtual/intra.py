"""Intra coding, all blocks at once: planes → choose sizes and modes → predict → residual → levels → planes.

A real encoder goes block by block, because a block is predicted from the *decoded* samples around it. Here all
blocks are coded in parallel, in passes: a pass predicts from the decoded plane of the pass before it. With
sizes and modes fixed, every pass makes one more block along each chain of neighbours exact, so passes tend to the
sequential result; how near a few of them come is measured in the fidelity report.

Choices are hard and carry no gradient. In the last pass the neighbours have the decoded values and the gradient of
the source samples, so that a sample is charged for what it does to its neighbours' residuals too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from . import transform
from .neighbours import gather_neighbours, neighbour_index
from .predictors import prediction_matrices
from .quantise import Rounding, per_image
from .settings import Settings

_LOW = (
    8  # modes of larger blocks are compared on their 8×8 lowest frequencies, where a residual has its energy
)


@dataclass
class Chosen:
    """The blocks of one size that were chosen, sorted by mode.

    Attributes:
        k: side.  images, blocks, modes: int64 (n,): image, block in raster order, position in the list of modes.
        counts: how many blocks each mode has.
    """

    k: int
    images: Tensor
    blocks: Tensor
    modes: Tensor
    counts: list[int]


@dataclass
class Levels:
    """Quantised blocks: what the rate estimate sees.

    Attributes:
        k: side of the blocks.  chroma: whether they belong to a chroma plane.
        values: (n, k*k) levels as rounded.  scaled: (n, k*k) coefficients / step.
        images: int64 (n,).
    """

    k: int
    chroma: bool
    values: Tensor
    scaled: Tensor
    images: Tensor


def lagrangian(qp: Tensor, settings: Settings) -> Tensor:
    """Squared error, in 8-bit units, that one bit is worth at ``qp`` (B,)."""
    return settings.lambda_scale * torch.exp(settings.lambda_rate * qp)


def sort_by_mode(k: int, images: Tensor, blocks: Tensor, modes: Tensor, count: int) -> Chosen:
    """Make a :class:`Chosen` of blocks in any order."""
    modes, order = modes.sort()
    counts = torch.bincount(modes, minlength=count).tolist()
    return Chosen(k, images[order], blocks[order], modes, counts)


def predict(neighbours: Tensor, chosen: Chosen, matrices: Tensor) -> Tensor:
    """Predict each block with its mode: (n, 4k+1) -> (n, k*k). One matrix product per mode in use."""
    parts = neighbours.split(chosen.counts)
    return torch.cat([p @ m.T for p, m in zip(parts, matrices, strict=True) if len(p)])


def quick_bits(levels: Tensor) -> Tensor:
    """Rough bits of blocks of levels (..., k*k) -> (...,), for choosing only: about 4 for a one, 2 more each doubling."""
    magnitude = levels.abs()
    return (3.5 * magnitude.clamp(max=1) + 2 * torch.log2(magnitude.clamp(min=1))).sum(-1)


def _best_modes(coefficients: Tensor, neighbours: Tensor, spectra: Tensor, price: Tensor) -> Tensor:
    """Mode with the least absolute transformed difference plus mode bits.

    Args:
        coefficients: (n, c) of the source.  neighbours: (n, 4k+1).  spectra: (M, c, 4k+1).  price: (n, 1) per bit.

    Returns:
        int64 (n,).
    """
    m, c, s = spectra.shape
    guesses = (neighbours @ spectra.reshape(m * c, s).T).reshape(-1, m, c)
    cost = guesses.sub_(coefficients[:, None]).abs_().sum(-1)
    bits = cost.new_full((m,), 5.0)
    bits[:2] = 2.0
    return (cost + price * bits).argmin(1)


def _low(k: int, device) -> Tensor:
    index = torch.arange(k * k, device=device).reshape(k, k)
    return index[:_LOW, :_LOW].reshape(-1)


def _spectra(
    settings: Settings, k: int, kind: str, modes: tuple[int, ...], luma: bool, device: str
) -> Tensor:
    matrices = prediction_matrices(settings.standard, k, modes, luma, device)
    spectra = transform.forward(matrices.transpose(1, 2), kind).transpose(1, 2)  # (M, k*k, 4k+1)
    return spectra[:, _low(k, device)].contiguous()


def size_costs(plane: Tensor, guess: Tensor, qp: Tensor, step: Tensor, settings: Settings, k: int):
    """Cost of coding every block of side k in its best mode.

    Args:
        plane: luma (B, 1, H, W).  guess: what the decoder will have, roughly; same shape.
        qp, step: (B,).

    Returns:
        cost (B, N): squared error + lambda * bits; modes int64 (B, N).
    """
    b, _, h, w = plane.shape
    modes, kind, device = settings.luma_modes[k], settings.luma_transforms[k], str(plane.device)
    blocks = transform.to_blocks(plane, k)
    n = blocks.shape[1]
    images = torch.arange(b, device=plane.device).repeat_interleave(n)
    numbers = torch.arange(n, device=plane.device).repeat(b)
    index = neighbour_index(h, w, k, settings.unit, device)
    neighbours = gather_neighbours(guess, index, images, numbers)
    coefficients = transform.forward(blocks, kind).reshape(b * n, k * k)
    lam = lagrangian(qp, settings)
    spectra = _spectra(settings, k, kind, modes, True, device)
    low = coefficients[:, _low(k, plane.device)]
    best = _best_modes(low, neighbours, spectra, lam.sqrt()[images][:, None])
    chosen = sort_by_mode(k, images, numbers, best, len(modes))
    order = best.argsort()
    matrices = prediction_matrices(settings.standard, k, modes, True, device)
    predicted = transform.forward(predict(neighbours[order], chosen, matrices), kind)
    residual = torch.empty_like(predicted)
    residual[order] = coefficients[order] - predicted
    scaled = residual / step[images][:, None]
    levels = torch.sign(scaled) * torch.floor(scaled.abs() + settings.intra_offset)
    error = (scaled - levels).square().sum(-1) * step[images] ** 2
    coded = (levels != 0).any(-1)
    bits = quick_bits(levels) + 3.0 * coded + 4.0
    return (error + lam[images] * bits).reshape(b, n), best.reshape(b, n)


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
    for small, big in zip(sizes, sizes[1:], strict=False):
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


def code_plane(
    plane: Tensor,
    neighbours_from: Tensor,
    chosen: list[Chosen],
    step: Tensor,
    rounding: Rounding,
    settings: Settings,
    chroma: bool = False,
) -> tuple[Tensor, list[Levels]]:
    """Predict, transform, quantise and decode the chosen blocks.

    Args:
        plane: source samples (B, 1, H, W).  neighbours_from: plane that the prediction reads, same shape.
        chosen: blocks that cover the plane once.  step: (B,).  rounding: see ``quantise.py``.

    Returns:
        decoded plane (B, 1, H, W), not clipped, and the levels.
    """
    b, _, h, w = plane.shape
    device = str(plane.device)
    transforms = settings.chroma_transforms if chroma else settings.luma_transforms
    mode_lists = settings.chroma_modes if chroma else settings.luma_modes
    unit = settings.unit // 2 if chroma else settings.unit
    decoded, levels = 0, []
    for c in chosen:
        k, kind = c.k, transforms[c.k]
        index = neighbour_index(h, w, k, unit, device)
        matrices = prediction_matrices(settings.standard, k, mode_lists[k], not chroma, device)
        prediction = predict(gather_neighbours(neighbours_from, index, c.images, c.blocks), c, matrices)
        source = transform.to_blocks(plane, k)
        scale = step[c.images][:, None]
        scaled = transform.forward(source[c.images, c.blocks] - prediction, kind) / scale
        values = rounding(scaled, settings.intra_offset)
        result = prediction + transform.inverse(values * scale, kind)
        empty = torch.zeros_like(source)
        decoded = decoded + transform.from_blocks(empty.index_put((c.images, c.blocks), result), h, w)
        levels.append(Levels(k, chroma, values, scaled, c.images))
    return decoded, levels


def rough_decode(plane: Tensor, step: Tensor, kind: str = "dct", k: int = 8) -> Tensor:
    """A first guess of the decoded plane: every k×k block transformed and quantised without prediction."""
    coefficients = transform.forward(transform.to_blocks(plane, k), kind)
    scale = per_image(step, coefficients)
    levels = torch.sign(coefficients) * torch.floor((coefficients / scale).abs() + 1 / 3)
    h, w = plane.shape[-2:]
    return transform.from_blocks(transform.inverse(levels * scale, kind), h, w)
