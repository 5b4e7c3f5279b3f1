"""Paired cluster bootstrap: sources drawn with replacement → both curves averaged anew → BD-rate → 95 % interval.

Two crops of one photograph, or two excerpts of one clip, are not independent: whole *sources* are drawn. And
anchor and test are averaged over the same draw, because the question is their difference on the same pictures.

Reference: B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13 (percentile interval).
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from .bdrate import CurveError, bd_rate


@dataclass(frozen=True)
class Interval:
    """A BD-rate with its bootstrap interval, in percent."""

    bd_rate: float
    low: float
    high: float
    overlap: float
    """Share of the spanned quality range that anchor and test have in common, 0..1."""
    failed: float
    """Share of the draws that gave no BD-rate (curves disjoint or not monotone); the interval is over the rest."""

    def __str__(self) -> str:
        return f"{self.bd_rate:+.1f} [{self.low:+.1f}, {self.high:+.1f}]"

    def as_dict(self) -> dict[str, float]:
        return {k: round(v, 3) for k, v in asdict(self).items()}


def draw_weights(sources: Sequence[Hashable], draws: int, seed: int = 0) -> np.ndarray:
    """How often each item counts in each bootstrap draw, all items of one source alike.

    Args:
        sources: the source of each of N items.  draws: number R of bootstrap samples.
    Returns:
        (R, N) weights; each row sums over sources to the number of sources.
    """
    names, index = np.unique(np.asarray(sources, dtype=object).astype(str), return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"a bootstrap over sources needs at least 2 of them; got {len(names)}")
    counts = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=draws
    )
    return counts[:, index].astype(np.float64)


def bootstrap_bd_rate(
    anchor: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    sources: Sequence[Hashable],
    *,
    to_quality: Callable[[np.ndarray], np.ndarray] = lambda mean: mean,
    draws: int = 1000,
    seed: int = 0,
) -> Interval:
    """BD-rate of two sets of per-item measurements with its 95 % interval.

    Args:
        anchor, test: (rates, scores), each (N, Q): N items at Q operating points. The curve is the mean over
            items at each operating point.
        sources: source of each item, (N,); items of one source are drawn together.
        to_quality: turns a mean score into the quality on the curve, e.g. ``lambda kl: -10 * np.log10(kl)``.
    Raises:
        CurveError: when the curves over all items give no BD-rate.
    """

    def value(weights: np.ndarray):
        curves = [
            list(zip(weights @ rate, to_quality(weights @ score), strict=True))
            for rate, score in (anchor, test)
        ]
        return bd_rate(*curves)

    n = len(sources)
    for rate, score in (anchor, test):
        if rate.shape != score.shape or rate.shape[0] != n:
            raise ValueError(
                f"rates {rate.shape} and scores {score.shape} must both be ({n}, Q), one row a source"
            )
    point = value(np.full(n, 1 / n))
    drawn, failed = [], 0
    for weights in draw_weights(sources, draws, seed):
        try:
            drawn.append(float(value(weights / weights.sum())))
        except CurveError:
            failed += 1
    low, high = np.percentile(drawn, [2.5, 97.5]) if drawn else (np.nan, np.nan)
    return Interval(float(point), float(low), float(high), point.overlap, failed / draws)
