"""Paired cluster bootstrap: sources drawn with replacement → both curves averaged anew → BD-rate → 95 % interval.

Two crops of one photograph, or two excerpts of one clip, are not independent: whole *sources* are drawn. And
anchor and test are averaged over the same draw, because the question is their difference on the same pictures.
A scene has two sources, its background and its actor: both are drawn, and it counts as often as the product [2].

References: [1] B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13 (percentile interval).
[2] A. Owen, "The pigeonhole bootstrap", Annals of Applied Statistics, 2007.
"""

import warnings
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mvlib.errors import InputError
from mvlib.samples import Crossed

from .averages import Score, means
from .bdrate import CurveError, bd_rate, rate_at

FEW = 20
"""Effective clusters below which an interval says little."""
MOST_FAILED = 0.05
"""Share of the draws that may give nothing; an interval of fewer draws is that of those that happen to be kind."""


@dataclass(frozen=True)
class Interval:
    """A BD-rate, or a saving at one quality, in percent, or a BD-quality, with its bootstrap interval."""

    bd_rate: float
    low: float | None
    high: float | None
    """None where there is no interval: all items are of one source, or no draw gave a BD-rate."""
    overlap: float
    """Share of the spanned range of qualities, of a BD-quality of rates, that anchor and test have in common, 0..1."""
    failed: float
    """Share of the draws that gave no BD-rate (curves disjoint or not monotone); the interval is over the rest."""
    below_zero: float | None = None
    """Share of the draws, of those that gave a BD-rate, that save bits; None without an interval."""

    def __str__(self) -> str:
        interval = "no interval" if self.low is None else f"{self.low:+.1f}, {self.high:+.1f}"
        return f"{self.bd_rate:+.1f} [{interval}]"

    def as_dict(self) -> dict[str, float | None]:
        return {k: rounded(v, 3) for k, v in asdict(self).items()}


QUALITY = {
    "bd_rate": "bd_quality",
    "low": "quality_low",
    "high": "quality_high",
    "failed": "quality_failed",
    "overlap": "rate_overlap",
}
"""What an ``Interval`` has → what a BD-quality is called in a result, where it stands beside a BD-rate."""


def significant(entry: Mapping[str, Any]) -> bool:
    """Whether an interval of a result leaves out 0, and is one of nearly all draws; without one nothing is."""
    low, high = entry.get("low"), entry.get("high")
    if low is None or high is None or entry.get("failed", 0) > MOST_FAILED:
        return False
    return not low <= 0 <= high


def rounded(value: float | None, digits: int) -> float | None:
    """``value`` as it is written to a file; JSON has no NaN, what is not known is None there."""
    return None if value is None or np.isnan(value) else round(float(value), digits)


def ways(sources: Iterable[Hashable]) -> list[tuple[Hashable, ...]]:
    """The sources of all items, one way of clustering after the other: one, or those of ``Crossed``."""
    parts = [source if isinstance(source, Crossed) else (source,) for source in sources]
    if len({len(part) for part in parts}) > 1:
        raise InputError("some items have more sources than others; give each as many")
    return list(zip(*parts, strict=True))


def effective_clusters(sources: Sequence[Hashable]) -> float:
    """How many clusters of one size would say as much: (sum of n)² / sum of n², of the poorest way of clustering."""
    counts = [np.bincount(_places(way)) for way in ways(sources)]
    return float(min(n.sum() ** 2 / np.square(n).sum() for n in counts))


def _places(sources: Sequence[Hashable]) -> np.ndarray:
    # In one order, whatever the order of the items: a seed is then worth the same draws.
    ordered = sorted(dict.fromkeys(sources), key=lambda source: (str(source), type(source).__name__))
    place = {source: i for i, source in enumerate(ordered)}
    return np.array([place[source] for source in sources])


def draw_weights(sources: Sequence[Hashable], draws: int, seed: int = 0) -> np.ndarray:
    """How often each item counts in each bootstrap draw, all items of one source alike.

    Args:
        sources: the source of each of N items, of any kind; the same where they are equal. ``Crossed`` for items that
            have several: each is drawn by itself, and the counts multiply.
        draws: number R of bootstrap samples.
    Returns:
        (R, N) weights; of one source each, a row sums over sources to the number of sources.
    """
    weights = np.ones((draws, len(sources)))
    for i, way in enumerate(ways(sources)):
        places = _places(way)
        n = places.max() + 1
        if n < 2:
            raise InputError(f"a bootstrap over sources needs at least 2 of them; got {n}")
        random = np.random.default_rng(seed if i == 0 else (seed, i))
        weights *= random.multinomial(n, np.full(n, 1 / n), size=draws)[:, places]
    return weights


def weightings(sources: Sequence[Hashable], draws: int, seed: int = 0) -> np.ndarray:
    """The set as it is, and each bootstrap draw of it: (1 + R, N); one source can't be drawn from, (1, N)."""
    plain = np.ones((1, len(sources)))
    if any(len(set(way)) < 2 for way in ways(sources)):
        return plain
    return np.concatenate([plain, draw_weights(sources, draws, seed)])


def bounds(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of each column of ``drawn`` (R, Q), over the draws that have a value; NaN if none has."""
    low, high = np.full((2, drawn.shape[1]), np.nan)
    known = ~np.isnan(drawn).all(0)
    if known.any():
        low[known], high[known] = np.nanpercentile(drawn[:, known], [2.5, 97.5], axis=0)
    return low, high


Side = tuple[np.ndarray, Score]
"""Rates and scores of N items at Q operating points, (N, Q) each."""


def curves(
    anchor: Side,
    test: Side,
    sources: Sequence[Hashable],
    to_quality: Callable[[np.ndarray], np.ndarray],
    draws: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean curves of both, of all items and of each bootstrap draw: (1 + R, Q, 2) each, of rate and quality."""
    n = len(sources)
    for rate, score in (anchor, test):
        shape = score.shape if isinstance(score, np.ndarray) else (len(score), rate.shape[1])
        if rate.shape != shape or rate.shape[0] != n:
            raise InputError(f"rates {rate.shape} and scores {shape} must both be ({n}, Q), one row a source")
    weights = weightings(sources, draws, seed)
    a, t = (
        np.stack([means(rate, weights), to_quality(means(score, weights))], 2)
        for rate, score in (anchor, test)
    )
    return a, t


def bootstrap_bd_rate(
    anchor: Side,
    test: Side,
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
        sources: source of each item, (N,); items of one source are drawn together. See ``draw_weights``.
        to_quality: turns a mean score into the quality on the curve, e.g. ``lambda kl: -10 * np.log10(kl)``.
    Returns:
        without ``low`` and ``high`` if all items are of one source.
    Raises:
        CurveError: when the curves over all items give no BD-rate.
    """
    return interval_of(*curves(anchor, test, sources, to_quality, draws, seed))


def interval_of(anchor: np.ndarray, test: np.ndarray, of: Callable[..., float] = bd_rate) -> Interval:
    """BD-rate, or what else ``of`` computes of two curves, as ``bd_quality``, and interval of what ``curves`` gives."""
    drawn, failed = [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the overlap of all items stands in the result
        point = of(anchor[0], test[0])
        for pair in zip(anchor[1:], test[1:], strict=True):
            try:
                drawn.append(float(of(*pair)))
            except CurveError:
                failed += 1
    low, high = map(float, np.percentile(drawn, [2.5, 97.5])) if drawn else (None, None)
    below = float(np.mean(np.less(drawn, 0))) if drawn else None
    overlap = getattr(point, "overlap", 1.0)
    return Interval(float(point), low, high, overlap, failed / max(1, len(anchor) - 1), below)


def saving_at(anchor: np.ndarray, test: np.ndarray, quality: float) -> Interval:
    """Percent of bits at one quality alone, and its interval, of what ``curves`` gives.

    Raises:
        CurveError: one of the curves over all items does not reach that quality.
    """

    def saving(a: np.ndarray, t: np.ndarray) -> float:
        return 100 * (rate_at(t, quality) / rate_at(a, quality) - 1)

    return interval_of(anchor, test, saving)


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
