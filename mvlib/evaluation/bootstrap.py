"""Paired cluster bootstrap: sources drawn with replacement → both curves averaged anew → BD-rate → 95 % interval.

Two crops of one photograph, or two excerpts of one clip, are not independent: whole *sources* are drawn. And
anchor and test are averaged over the same draw, because the question is their difference on the same pictures.

Reference: B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13 (percentile interval).
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from .bdrate import CurveError, bd_rate
from .scores import Precision, Score, means


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
    anchor: tuple[np.ndarray, Score],
    test: tuple[np.ndarray, Score],
    sources: Sequence[Hashable],
    *,
    to_quality: Callable[[np.ndarray], np.ndarray] = lambda mean: mean,
    draws: int = 1000,
    seed: int = 0,
) -> Interval:
    """BD-rate of two sets of per-item measurements with its 95 % interval.

    Args:
        anchor, test: (rates, scores), each (N, Q): N items at Q operating points. The curve is the mean over
            items at each operating point; a score that is no mean, a ``Precision``, is computed anew for each draw.
        sources: source of each item, (N,); items of one source are drawn together.
        to_quality: turns a mean score into the quality on the curve, e.g. ``lambda kl: -10 * np.log10(kl)``.
    Raises:
        CurveError: when the curves over all items give no BD-rate.
    """
    n = len(sources)
    for rate, score in (anchor, test):
        shape = (len(score), rate.shape[1]) if isinstance(score, Precision) else score.shape
        if rate.shape != shape or rate.shape[0] != n:
            raise ValueError(f"rates {rate.shape} and scores {shape} must both be ({n}, Q), one row a source")
    # The first draw is the set as it is.
    weights = np.concatenate([np.ones((1, n)), draw_weights(sources, draws, seed)])
    curves = [
        np.stack([means(rate, weights), to_quality(means(score, weights))], 2)  # (R, Q, 2)
        for rate, score in (anchor, test)
    ]
    point = bd_rate(curves[0][0], curves[1][0])
    drawn, failed = [], 0
    for pair in zip(curves[0][1:], curves[1][1:], strict=True):
        try:
            drawn.append(float(bd_rate(*pair)))
        except CurveError:
            failed += 1
    low, high = np.percentile(drawn, [2.5, 97.5]) if drawn else (np.nan, np.nan)
    return Interval(float(point), float(low), float(high), point.overlap, failed / draws)


@dataclass(frozen=True)
class Difference:
    """A mean score without and with something, and the difference with its bootstrap interval."""

    anchor: float
    test: float
    difference: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        return {k: round(v, 4) for k, v in asdict(self).items()}


def bootstrap_difference(
    anchor: Score, test: Score, sources: Sequence[Hashable], *, draws: int = 1000, seed: int = 0
) -> list[Difference]:
    """Test minus anchor at each of Q operating points, with 95 % intervals; arguments as in ``bootstrap_bd_rate``."""
    weights = np.concatenate([np.ones((1, len(sources))), draw_weights(sources, draws, seed)])
    a, b = means(anchor, weights), means(test, weights)
    low, high = np.nanpercentile((b - a)[1:], [2.5, 97.5], axis=0)
    rows = zip(a[0], b[0], (b - a)[0], low, high, strict=True)
    return [Difference(*map(float, row)) for row in rows]
