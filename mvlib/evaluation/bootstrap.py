"""Paired cluster bootstrap: sources drawn with replacement → both curves averaged anew → BD-rate → 95 % interval.

Two crops of one photograph, or two excerpts of one clip, are not independent: whole *sources* are drawn. And
anchor and test are averaged over the same draw, because the question is their difference on the same pictures.

Reference: B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13 (percentile interval).
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from mvlib.errors import InputError

from .averages import Score, means
from .bdrate import CurveError, bd_rate


@dataclass(frozen=True)
class Interval:
    """A BD-rate with its bootstrap interval, in percent."""

    bd_rate: float
    low: float | None
    high: float | None
    """None where there is no interval: all items are of one source, or no draw gave a BD-rate."""
    overlap: float
    """Share of the spanned quality range that anchor and test have in common, 0..1."""
    failed: float
    """Share of the draws that gave no BD-rate (curves disjoint or not monotone); the interval is over the rest."""

    def __str__(self) -> str:
        interval = "no interval" if self.low is None else f"{self.low:+.1f}, {self.high:+.1f}"
        return f"{self.bd_rate:+.1f} [{interval}]"

    def as_dict(self) -> dict[str, float | None]:
        return {k: rounded(v, 3) for k, v in asdict(self).items()}


def rounded(value: float | None, digits: int) -> float | None:
    """``value`` as it is written to a file; JSON has no NaN, what is not known is None there."""
    return None if value is None or np.isnan(value) else round(float(value), digits)


def draw_weights(sources: Sequence[Hashable], draws: int, seed: int = 0) -> np.ndarray:
    """How often each item counts in each bootstrap draw, all items of one source alike.

    Args:
        sources: the source of each of N items, of any kind; the same where they are equal.
        draws: number R of bootstrap samples.
    Returns:
        (R, N) weights; each row sums over sources to the number of sources.
    """
    # In one order, whatever the order of the items: a seed is then worth the same draws.
    ordered = sorted(dict.fromkeys(sources), key=lambda source: (str(source), type(source).__name__))
    place = {source: i for i, source in enumerate(ordered)}
    n = len(place)
    if n < 2:
        raise InputError(f"a bootstrap over sources needs at least 2 of them; got {n}")
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws)
    return counts[:, [place[source] for source in sources]].astype(np.float64)


def weightings(sources: Sequence[Hashable], draws: int, seed: int = 0) -> np.ndarray:
    """The set as it is, and each bootstrap draw of it: (1 + R, N); one source can't be drawn from, (1, N)."""
    plain = np.ones((1, len(sources)))
    return np.concatenate([plain, draw_weights(sources, draws, seed)]) if len(set(sources)) > 1 else plain


def bounds(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of each column of ``drawn`` (R, Q), over the draws that have a value; NaN if none has."""
    low, high = np.full((2, drawn.shape[1]), np.nan)
    known = ~np.isnan(drawn).all(0)
    if known.any():
        low[known], high[known] = np.nanpercentile(drawn[:, known], [2.5, 97.5], axis=0)
    return low, high


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
    Returns:
        without ``low`` and ``high`` if all items are of one source.
    Raises:
        CurveError: when the curves over all items give no BD-rate.
    """
    n = len(sources)
    for rate, score in (anchor, test):
        shape = score.shape if isinstance(score, np.ndarray) else (len(score), rate.shape[1])
        if rate.shape != shape or rate.shape[0] != n:
            raise InputError(f"rates {rate.shape} and scores {shape} must both be ({n}, Q), one row a source")
    weights = weightings(sources, draws, seed)
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
    low, high = map(float, np.percentile(drawn, [2.5, 97.5])) if drawn else (None, None)
    return Interval(float(point), low, high, point.overlap, failed / max(1, len(weights) - 1))


@dataclass(frozen=True)
class Difference:
    """A mean score without and with something, and the difference with its bootstrap interval; NaN: not known."""

    anchor: float
    test: float
    difference: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float | None]:
        return {k: rounded(v, 4) for k, v in asdict(self).items()}


def bootstrap_difference(
    anchor: Score, test: Score, sources: Sequence[Hashable], *, draws: int = 1000, seed: int = 0
) -> list[Difference]:
    """Test minus anchor at each of Q operating points, with 95 % intervals; arguments as in ``bootstrap_bd_rate``."""
    weights = weightings(sources, draws, seed)
    a, b = means(anchor, weights), means(test, weights)
    rows = zip(a[0], b[0], (b - a)[0], *bounds((b - a)[1:]), strict=True)
    return [Difference(*map(float, row)) for row in rows]
