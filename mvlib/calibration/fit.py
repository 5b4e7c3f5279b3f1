"""Fits of a rate's numbers: levels → maximum likelihood of log-odds; features and real bits → positive weights.

Levels need no real encoder, only a virtual one that makes them. Weights are then fitted by least squares of the log
of the ratio of estimated to real bits, drawn softly towards what an ideal coder would pay.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

import torch
import torch.nn.functional as F
from torch import Tensor

from mvlib.virtual.rate import (
    MORE,
    SIGNIFICANT,
    Features,
    FrameRate,
    GroupRate,
    Levels,
    default_weight,
    level_context,
    log_odds,
    sent_mask,
)

_SAMPLES = 400_000  # levels kept for a group's likelihood
_RANKED = 8  # fewest pictures at one QP for a rank correlation
_PULL = 0.003  # weight of (log of a weight's ratio to its ideal)², against squared log errors of bits


def fit_groups(coded: Iterable[Sequence[Levels]], grouped: bool) -> dict[str, GroupRate]:
    """Log-odds of every group of levels, by maximum likelihood of the levels that would be sent.

    Args:
        coded: levels of pictures, frames or batches of them.  grouped: as in ``rate.block_bits``.
    """
    sides: dict[str, int] = {}
    pools: defaultdict[str, list[tuple[Tensor, ...]]] = defaultdict(list)
    for item in chain.from_iterable(coded):
        values = item.values.abs()
        sides[item.group] = round(values.shape[-1] ** 0.5)
        sent = sent_mask(item.values, grouped).nonzero(as_tuple=True)
        pools[item.group].append((values[sent], level_context(values)[sent], sent[1]))
    return {
        name: _fit_group(sides[name], *map(torch.cat, zip(*pool, strict=True)))
        for name, pool in sorted(pools.items())
    }


def _terms(k: int, m: Tensor, context: Tensor, place: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Magnitudes (n,), and the terms of both log-odds, (n, SIGNIFICANT) and (n, MORE), read off :func:`log_odds`."""
    keep = torch.randperm(len(m), generator=torch.Generator().manual_seed(0))[:_SAMPLES]
    m, context, place = m[keep], context[keep], place[keep]
    columns: list[list[Tensor]] = [[], []]
    for which, count in enumerate((SIGNIFICANT, MORE)):
        for i in range(count):
            unit = tuple(float(j == i) for j in range(count))
            zero = (0.0,) * (MORE if which == 0 else SIGNIFICANT)
            rate = GroupRate(unit, zero) if which == 0 else GroupRate(zero, unit)
            flat = log_odds(torch.zeros(1, k**2), k, rate)[which][0]
            slope = log_odds(torch.ones(1, k**2), k, rate)[which][0] - flat
            columns[which].append(flat[place] + slope[place] * context)
    return m, torch.stack(columns[0], 1), torch.stack(columns[1], 1)


def _minimise(loss: Callable[[Tensor], Tensor], start: Tensor) -> Tensor:
    x = start.double().requires_grad_()
    optimiser = torch.optim.LBFGS([x], max_iter=200, tolerance_change=1e-10, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = loss(x)
        value.backward()
        return value

    optimiser.step(closure)
    return x.detach()


def _logistic(terms: Tensor, outcome: Tensor, start: Sequence[float]) -> tuple[float, ...]:
    terms, outcome, first = terms.double(), outcome.double(), torch.tensor(start).double()

    def loss(x: Tensor) -> Tensor:
        bits = F.binary_cross_entropy_with_logits(terms @ x, outcome)
        return bits + 1e-4 * (x - first).square().sum()

    return tuple(round(v, 4) for v in _minimise(loss, first).tolist())


def _fit_group(k: int, magnitudes: Tensor, contexts: Tensor, places: Tensor) -> GroupRate:
    """Maximum likelihood of both log-odds on the levels of k×k blocks, flat; too few levels keep the defaults."""
    default = GroupRate()
    m, significant, more = _terms(k, magnitudes, contexts, places)
    if len(m) < 200 or (m >= 1).sum() < 50:
        return default
    first = _logistic(significant, m >= 0.5, default.significant)
    some = m >= 0.5
    return GroupRate(first, _logistic(more[some], m[some] >= 1.5, default.more))


def aligned(rows: Sequence[Features], counts: Sequence[int]) -> dict[str, list[Tensor]]:
    """Every feature of any row, row by row: (count,) tensors, zeros where a row lacks it."""
    names = sorted(set().union(*rows))
    return {n: [r.get(n, torch.zeros(c)) for r, c in zip(rows, counts, strict=True)] for n in names}


def fit_weights(
    features: Features, qp: Tensor, bits: Tensor, groups: dict[str, GroupRate], header: float
) -> FrameRate:
    """Fit positive weights of features (n,), the header and the curve over QP to real bits (n,)."""
    names = sorted(features)
    matrix = torch.stack([features[n] for n in names], 1).double()
    ideal = torch.tensor([default_weight(n) for n in names]).double()
    t, target = ((qp - 37) / 10).double(), bits.double().log()
    n = len(names)

    def loss(x: Tensor) -> Tensor:
        total = (matrix * (ideal * x[:n].exp())).sum(1) * torch.exp(x[n] * t + x[n + 1] * t * t)
        error = (total + header * x[n + 2].exp()).log() - target
        return error.square().mean() + _PULL * (x[:n].square().mean() + x[n + 2].square())

    x = _minimise(loss, torch.zeros(n + 3))
    weights = {name: round(w, 4) for name, w in zip(names, (ideal * x[:n].exp()).tolist(), strict=True)}
    curve = tuple(round(v, 5) for v in x[n : n + 2].tolist())
    return FrameRate(groups, weights, round(header * math.exp(x[n + 2]), 1), curve)


def errors(predicted: Tensor, real: Tensor, qp: Tensor) -> dict[str, float]:
    """How estimated bits follow real ones, all (n,): errors, correlation of logs, least rank correlation in a QP."""
    ratio = (predicted / real - 1).abs()
    pearson = torch.corrcoef(torch.stack([predicted.log(), real.log()]))[0, 1]
    ranks = []
    for value in qp.unique():
        at = qp == value
        if at.sum() >= _RANKED:
            pair = torch.stack([predicted[at], real[at]]).argsort(1).argsort(1).double()
            ranks.append(torch.corrcoef(pair)[0, 1].item())
    return {
        "median_relative_error": ratio.median().item(),
        "bias": (predicted / real).log().mean().exp().item() - 1,
        "pearson_log": pearson.item(),
        "spearman_least": min(ranks, default=float("nan")),
    }
