"""Modes of a P frame's blocks: candidates → distortion + lambda × bits → quad-tree, smallest first.

Four ways to code a block: *skip* (a neighbour's vector, no residual), *merge* (a neighbour's vector and a residual),
*inter* (its own vector and a residual), *intra* (no reference at all). All blocks of one size are tried at once and the
tree is merged upwards, so there is no loop over blocks; nothing here has a gradient, as in a real encoder the choice is
a choice. Vectors of neighbours come from the search, not from the decisions still to be taken: the one approximation
that keeps it parallel.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from . import transform
from .colour import Planes
from .fallback import candidates, intra_cost, try_intra, without_mean
from .interpolate import CELL, fetch
from .motion import exp_golomb_bits, neighbour_median, neighbours, pool
from .partition import rough_decode
from .plan import INTER, MERGE, SKIP, Plan
from .quantise import chroma_qp, hard, per_image, qstep
from .settings import Settings, lagrangian
from .transform import from_cells, spread, to_cells


class Prices:
    """Everything a decision needs to know about the quantiser: steps, lambda, bits of levels."""

    def __init__(self, settings: Settings, qp: Tensor):
        self.tools = settings.tools
        self.luma, self.chroma = qstep(qp), qstep(chroma_qp(qp, settings.standard))
        self.lam = lagrangian(self.tools, qp)

    def coded(self, residual: Tensor, k: int, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Squared error and bits of every k × k block of (B, 1, H, W): two (B, H/k, W/k)."""
        b, _, h, w = residual.shape
        step = per_image(steps, residual[:, 0])
        c = transform.forward(transform.to_blocks(residual, k))
        level = hard(c / step, self.tools.offset)
        error = (c - level * step).square().sum(-1)
        bits = self.level_bits(level)
        return error.view(b, h // k, w // k), bits.view(b, h // k, w // k)

    def level_bits(self, level: Tensor) -> Tensor:
        """Rough bits of blocks of levels (..., k²) → (...)."""
        magnitude = level.abs()
        some, each, log = self.tools.level_bits
        nonzero = (magnitude > 0).sum(-1)
        return some * (nonzero > 0) + each * nonzero + log * torch.log2(magnitude.clamp(min=1)).sum(-1)


class Decider:
    """Tries the ways to code the blocks of the current picture against one reference."""

    def __init__(self, current: Planes, luma: Tensor, chroma: Tensor, qp: Tensor, settings: Settings):
        self.tools, self.prices, self.settings = settings.tools, Prices(settings, qp), settings
        self.rough = rough_decode(current.y, self.prices.luma)
        self.current, self.luma, self.chroma = current, luma, chroma
        self.colour = torch.cat([current.cb, current.cr], 1)

    def residual(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """vectors (B, H/8, W/8, 2) → residual of luma (B, 1, H, W) and chroma (B, 2, H/2, W/2)."""
        y = self.current.y - from_cells(fetch(self.luma, vectors))
        return y, self.colour - from_cells(fetch(self.chroma, vectors, CELL // 2))

    def squared(self, y: Tensor, c: Tensor, k: int) -> Tensor:
        """Squared error of the prediction alone: (B, H/k, W/k)."""
        luma = F.avg_pool2d(y.square(), k)[:, 0] * k**2
        return luma + F.avg_pool2d(c.square(), k // 2).sum(1) * (k // 2) ** 2

    def coded_chroma(self, c: Tensor, k: int) -> Tensor:
        """Cost of coding the chroma residual: (B, H/k, W/k)."""
        lam = self.prices.lam[:, None, None]
        b, _, h, w = c.shape
        small = 4 if self.settings.standard == "h264" else k // 2
        steps = self.prices.chroma.repeat_interleave(2)
        error, bits = self.prices.coded(c.reshape(2 * b, 1, h, w), small, steps)
        cost = (error + lam.repeat_interleave(2, 0) * bits).view(b, 2, h // small, w // small).sum(1)
        return pool(cost, k // 2 // small)

    def coded_luma(self, y: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Best cost of coding the luma residual, (B, H/k, W/k), and the transform size that reaches it."""
        lam, sizes = self.prices.lam[:, None, None], self.tools.transforms[k]
        costs = []
        for t in sizes:
            error, bits = self.prices.coded(y, t, self.prices.luma)
            costs.append(pool(error + lam * bits, k // t))
        best, index = torch.stack(costs).min(0)
        return best, torch.tensor(sizes, device=y.device)[index]

    def coded(self, y: Tensor, c: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Best cost of coding the residual of all planes, (B, H/k, W/k), and luma's transform size."""
        luma, size = self.coded_luma(y, k)
        return luma + self.coded_chroma(c, k), size

    def intra(self, k: int, inter: Tensor) -> tuple[Tensor, Tensor]:
        """Cost and direction of intra coding, (B, H/k, W/k); infinite where it was not worth a try."""
        cost, direction = torch.full_like(inter, torch.inf), torch.zeros_like(inter, dtype=torch.long)
        if k not in self.tools.intra:
            return cost, direction
        chroma = self.coded_chroma(without_mean(self.colour, k // 2), k)
        mean = self.coded_luma(without_mean(self.current.y, k), k)[0] + chroma
        images, blocks = candidates(inter, mean, self.prices.lam[:, None, None])
        if len(images):
            step, lam = self.prices.luma[images], self.prices.lam[images]
            plane, rough = self.current.y, self.rough
            found, best = try_intra(plane, rough, images, blocks, lam.sqrt(), k, self.settings)
            value = intra_cost(found, step, lam, self.prices.level_bits, self.settings)
            cost.flatten(1)[images, blocks] = value + chroma.flatten(1)[images, blocks]
            direction.flatten(1)[images, blocks] = best
        return cost, direction

    def level(self, k: int, found: Tensor) -> tuple[Tensor, Plan]:
        """Cost (B, H/k, W/k) and plan of the best way to code every block of side k."""
        times, lam, flags = k // CELL, self.prices.lam[:, None, None], self.tools.flag_bits
        merge = self.merge_vectors(found, times)
        y, c = self.residual(spread(merge, times))
        cost_merge, t_merge = self.coded(y, c, k)
        costs = [self.squared(y, c, k) + lam * flags[SKIP], cost_merge + lam * flags[MERGE]]
        if k < self.tools.smallest_skip:
            costs[0] = torch.full_like(costs[0], torch.inf)
        bits = exp_golomb_bits(found - neighbour_median(found)) * self.tools.vector_bits
        cost_own, t_own = self.coded(*self.residual(spread(found, times)), k)
        costs.append(cost_own + lam * (flags[INTER] + bits))
        intra, direction = self.intra(k, torch.stack(costs).amin(0))
        best, mode = torch.stack([*costs, intra]).min(0)
        own = mode == INTER
        plan = Plan(
            torch.full_like(mode, k),
            mode,
            torch.where(own, t_own, t_merge),
            direction,
            torch.where(own[..., None], found, merge),
            torch.where(own, bits, 0) / times**2,
        )
        return best, Plan(*(spread(getattr(plan, n), times) for n in vars(plan)))

    def merge_vectors(self, found: Tensor, times: int) -> Tensor:
        """The neighbour's vector with the smallest squared luma error, for every block: (B, H/k, W/k, 2)."""
        candidates = torch.stack([*neighbours(found), neighbour_median(found), torch.zeros_like(found)])
        block = to_cells(self.current.y, CELL)[:, 0]
        error = (fetch(self.luma, spread(candidates, times, 2))[:, :, 0] - block).square().sum((-1, -2))
        error = pool(error, times)
        pick = error.argmin(0)
        return candidates.gather(0, pick[None, ..., None].expand(1, *found.shape))[0]


@torch.no_grad()
def decide(
    current: Planes,
    luma: Tensor,
    chroma: Tensor,
    vectors: dict[int, Tensor],
    qp: Tensor,
    settings: Settings,
) -> Plan:
    """Choose block sizes and modes for a P frame.

    current: planes whose sides are multiples of the largest block. luma, chroma: the reference's phases. vectors: the
    search's result. qp: (B,). Bottom-up: four blocks are replaced by the larger one if that is no dearer.
    """
    decider = Decider(current, luma, chroma, qp, settings)
    split = decider.prices.lam[:, None, None]  # a split flag is about one bit
    smallest, *larger = settings.tools.blocks
    cost, plan = decider.level(smallest, vectors[smallest])
    for k in larger:
        own_cost, own = decider.level(k, vectors[k])
        halves = pool(cost, 2) + split
        take = own_cost <= halves
        cost = torch.minimum(own_cost, halves)
        times = k // CELL
        plan = plan.merged_with(own, spread(take, times))
    return plan
