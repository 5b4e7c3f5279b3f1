"""Motion of every block: cost volumes on a pyramid → winners per block size → half and quarter samples.

The choice is hard: argmin of the sum of absolute differences plus lambda times the vector's bits, without a
gradient. All blocks and candidates are compared at once; a vector's bits count from the median of its neighbours,
which the first pass has found, so that the second pass stays parallel where a real encoder goes block by block.
Vectors are (x, y) in quarter luma samples and point from the block to its place in the reference.
"""

import torch
import torch.nn.functional as F

from mvlib._planes import shift_differences
from mvlib.errors import InputError

from .interpolate import CELL, fetch
from .transform import spread, to_cells

# Full search on the picture reduced by 1, 2, 4: reach in samples of the reduced picture.
_REACH = {1: 4, 2: 8, 4: 8}
# Refinement in quarter samples: rings of two, one, a half and a quarter sample; smaller blocks leave out the first.
_STEPS = (8, 4, 2, 1)


def exp_golomb_bits(delta: torch.Tensor) -> torch.Tensor:
    """Bits of a signed Exp-Golomb code, summed over the last axis.

    delta: integer (..., n). Returns float (...): 2·floor(log2(2|d| + [d ≤ 0])) + 1 each; zero costs one bit.
    """
    return (2 * torch.floor(torch.log2(_code(delta))) + 1).sum(-1)


def _code(delta: torch.Tensor) -> torch.Tensor:
    """Number of a signed value in the code, from one: 0, 1, -1, 2, ... → 1, 2, 3, 4, ... as float."""
    return (2 * delta.abs() + (delta <= 0)).float()


def neighbours(field: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The vectors of each block's left, upper and upper right neighbour, zero outside the picture."""
    out = F.pad(field, (0, 0, 1, 1, 1, 0))
    return out[:, 1:, :-2], out[:, :-1, 1:-1], out[:, :-1, 2:]


def neighbour_median(field: torch.Tensor) -> torch.Tensor:
    """Each block's predicted vector: the median of its left, upper and upper right neighbours.

    field: (B, h, w, 2). Outside the picture counts as zero, except that the first row reads its left neighbour
    alone, as in H.264 8.4.1.3. Returns the same shape and type.
    """
    left, up, right = neighbours(field)
    median = torch.maximum(torch.minimum(left, up), torch.minimum(torch.maximum(left, up), right))
    return torch.cat([left[:, :1], median[:, 1:]], 1)


def pool(cells: torch.Tensor, times: int) -> torch.Tensor:
    """Sums of times × times cells: (B, S, h, w) → (B, S, h/times, w/times)."""
    return cells if times == 1 else F.avg_pool2d(cells, times) * times**2


def _volume(current: torch.Tensor, reference: torch.Tensor, reach: int, scale: int) -> torch.Tensor:
    """Absolute differences per cell for every full-sample shift of a picture reduced by `scale`.

    Both (B, 1, H, W). Returns (B, (2·reach + 1)², H/8, W/8) in units of the full-size picture.
    """
    now, before = (F.avg_pool2d(p, scale) if scale > 1 else p for p in (current, reference))
    return shift_differences(now, before, reach, CELL // scale) * CELL**2


def _winners(volume: torch.Tensor, reach: int, scale: int, lam: torch.Tensor) -> torch.Tensor:
    """argmin of difference + lambda·bits, twice: bits from zero, then from the median of the first winners.

    The two components' bits add up, so they are counted along each axis of the window and not for every shift.
    """
    b, _, h, w = volume.shape
    side = torch.arange(-reach, reach + 1, device=volume.device) * (4 * scale)  # quarter samples
    grid = volume.view(b, len(side), len(side), h, w)  # axes: y, x
    found = torch.zeros(b, h, w, 2, dtype=torch.long, device=volume.device)
    for _ in range(2):
        delta = side[:, None, None, None] - neighbour_median(found)[:, None]  # (B, n, h, w, 2)
        bits = lam[:, None, None, None, None] * (2 * torch.floor(torch.log2(_code(delta))) + 1)
        x, y = bits.unbind(-1)
        best = (grid + x[:, None] + y[:, :, None]).flatten(1, 2).argmin(1)
        found = side[torch.stack([best % len(side), torch.div(best, len(side), rounding_mode="floor")], -1)]
    return found


class _Matcher:
    """Compares candidate vectors of blocks of one size with the picture, at any quarter sample."""

    def __init__(self, current: torch.Tensor, phases: torch.Tensor, lam: torch.Tensor):
        self.phases, self.lam = phases, lam[:, None, None]
        self.blocks = to_cells(current, CELL)[:, 0].contiguous()

    def cost(self, candidates: torch.Tensor, predicted: torch.Tensor, times: int) -> torch.Tensor:
        """candidates (n, B, h, w, 2) → (n, B, h, w)."""
        n, b = candidates.shape[:2]
        got = fetch(self.phases, spread(candidates, times, 2))[:, :, 0]  # (n, B, H/8, W/8, 8, 8)
        sad = got.sub_(self.blocks).abs_().sum((-1, -2))
        sad = pool(sad, times) if n > 1 or b > 1 else pool(sad.view(1, 1, *sad.shape[-2:]), times)
        return sad.view(candidates.shape[:-1]) + self.lam * exp_golomb_bits(candidates - predicted)

    def best(self, candidates: torch.Tensor, predicted: torch.Tensor, times: int) -> torch.Tensor:
        """The cheapest of n candidates for every block: (n, B, h, w, 2) → (B, h, w, 2)."""
        pick = self.cost(candidates, predicted, times).argmin(0)
        return candidates.gather(0, pick[None, ..., None].expand(1, *candidates.shape[1:]))[0]


def _ring(device: torch.device) -> torch.Tensor:
    """The centre and its eight neighbours, centre first so that it wins a tie."""
    r = [(0, 0), (-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1)]
    return torch.tensor(r, device=device)[:, None, None, None]


@torch.no_grad()
def search(
    current: torch.Tensor,
    phases: torch.Tensor,
    lam: torch.Tensor,
    blocks: tuple[int, ...] = (8, 16, 32),
    reach: int = 32,
) -> dict[int, torch.Tensor]:
    """Motion vectors for every block of every size.

    current: luma (B, 1, H, W), H and W multiples of the largest block. phases: the reference's `luma_phases`.
    lam: (B,) price of a bit in sums of absolute differences. reach: full samples, 8 to 32; 16 looks at half size
    and 32 at quarter size too. Returns {size: (B, H/size, W/size, 2)} integers in quarter samples.
    Cost: about 300 comparisons of every sample, linear in the samples.
    """
    h, w = current.shape[-2:]
    if h % max(blocks) or w % max(blocks):
        raise InputError(
            f"a picture of {h} x {w} is no multiple of the largest block, {max(blocks)}; pad it first"
        )
    margin = (phases.shape[-1] - w) // 2
    reference = phases[0, :, :, margin : margin + h, margin : margin + w]
    levels = [s for s in (1, 2, 4) if s == 1 or 8 * s <= reach]
    volumes = [(_volume(current, reference, _REACH[s], s), _REACH[s], s) for s in levels]
    matcher = _Matcher(current, phases, lam)
    fields: dict[int, torch.Tensor] = {}
    for k in sorted(blocks, reverse=True):  # a large block's vector is a candidate of the small ones in it
        larger = [spread(field, size // k) for size, field in fields.items()]
        fields[k] = _refine(matcher, volumes, k // CELL, larger)
    return fields


def _refine(matcher: _Matcher, volumes: list, times: int, larger: list[torch.Tensor]) -> torch.Tensor:
    lam = matcher.lam.flatten()
    found = [_winners(pool(v, times), reach, scale, lam) for v, reach, scale in volumes] + larger
    predicted = neighbour_median(larger[-1]) if larger else torch.zeros_like(found[0])
    best = matcher.best(torch.stack(found), predicted, times)
    ring = _ring(best.device)
    for step in _STEPS[bool(larger) :]:
        predicted = neighbour_median(best)
        candidates = best + step * ring
        if step == _STEPS[-1]:
            extra = torch.stack([predicted, torch.zeros_like(best)])
            candidates = torch.cat([candidates, extra])
        best = matcher.best(candidates, predicted, times)
    return best
