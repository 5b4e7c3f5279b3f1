"""BD-rate with guards: two curves → sorted → efficient frontier → mean log-rate gap at equal quality → percent.

And BD-quality, from the same curves: the mean gap in quality at equal rate.

The interpolation (PCHIP on log rate) and the integral are the ``bjontegaard`` package's; what stands here
is what must be checked before its answer means anything.

References: [1] G. Bjøntegaard, VCEG-M33, 2001.  [2] C. Herglotz et al., "Beyond Bjøntegaard", ICIP 2022.
[3] D. Ding et al., "[VCM] Improvements of the BD-rate model using monotonic curve-fitting method", ISO/IEC
JTC 1/SC 29/WG 4 m63692, 2023: the fit of MPEG's common test conditions for machines.
"""

import math
import warnings
from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np

from mvlib.errors import InputError


class CurveError(InputError):
    """A rate-quality curve from which no BD-rate or BD-quality can be taken; the subclasses say why."""


class SinglePointCurve(CurveError):
    """Fewer than two distinct points: there is no curve to compare."""


class NonMonotoneCurve(CurveError):
    """Quality does not rise with rate: hardly a point is left on the efficient frontier."""


class DisjointCurves(CurveError):
    """The two curves share no quality, so that 'at equal quality' means nothing; for BD-quality no rate."""


class SmallOverlap(UserWarning):
    """Two curves have less than half of their qualities in common; for BD-quality of their rates."""


class _WithOverlap(float):
    overlap: float

    def __new__(cls, value: float, overlap: float) -> Self:
        self = super().__new__(cls, value)
        self.overlap = overlap
        return self

    def __reduce__(self) -> tuple[type, tuple[float, float]]:
        return type(self), (float(self), self.overlap)


class BDRate(_WithOverlap):
    """A BD-rate in percent (negative = bits saved) that carries ``overlap``.

    overlap: length of the common quality interval over that of the whole interval spanned, 0..1. A BD-rate
    on a small overlap speaks of a corner of the curves only.
    """


class BDQuality(_WithOverlap):
    """A BD-quality in the unit of the qualities (positive = better) that carries ``overlap``.

    overlap: the common interval of the logarithm of rate over the whole interval spanned, 0..1.
    """


Curve = Sequence[tuple[float, float]] | np.ndarray
"""(rate, quality) pairs, or (N, 2)."""


def small_overlap(overlap: float) -> bool:
    """Whether two curves have, to a percent, less than half of the qualities that either reaches in common."""
    return round(100 * overlap) < 50


def _checked(curve: Curve) -> np.ndarray:
    """``curve`` as (N, 2) of rate and quality; raises CurveError for what no curve is."""
    points = np.asarray(curve, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise CurveError(
            f"a curve is a sequence of (rate, quality) pairs; got an array of shape {points.shape}"
        )
    if not np.isfinite(points).all() or (points[:, 0] <= 0).any():
        raise CurveError(f"rates must be finite and > 0, qualities finite; got {points.tolist()}")
    if len(np.unique(points[:, 0])) < 2:
        raise SinglePointCurve(f"a curve needs at least two different rates; got {points.tolist()}")
    return points


def efficient_frontier(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """Points of ``curve`` that no cheaper point equals or beats, in order of rate.

    Noise makes measured quality dip where the curve is flat (top-1 near saturation). Nobody would operate a
    codec at a point that costs more and gives less, so such points are dropped, for anchor and test alike.

    Args:
        curve: (rate, quality) pairs in any order; rate > 0 in bits or bpp, quality higher is better.
    Returns:
        rates and qualities (N,), both strictly rising.
    Raises:
        SinglePointCurve, NonMonotoneCurve: see there.  CurveError: a value that is not finite, a rate <= 0.
    """
    points = _checked(curve)
    # Equal rates: the better point comes first and hides the others.
    points = points[np.lexsort((-points[:, 1], points[:, 0]))]
    best_before = np.concatenate([[-np.inf], np.maximum.accumulate(points[:-1, 1])])
    frontier = points[points[:, 1] > best_before]
    if len(frontier) < 2 or len(frontier) < len(points) / 2:
        raise NonMonotoneCurve(
            f"quality must rise with rate, but only {len(frontier)} of {len(points)} points do so: "
            f"{points.tolist()}; measure more pictures, or other QPs"
        )
    return frontier[:, 0], frontier[:, 1]


def monotone_fit(curve: Curve, points: int = 65) -> np.ndarray:
    """A cubic in the logarithm of rate that never falls, fitted to all points of ``curve`` by least squares.

    A score that is noisy where the curve is flat (AP of few objects, right answers near saturation) dips and rises by
    chance; the fit goes between the points, where the efficient frontier keeps the lucky ones.  In the Bernstein basis
    a cubic whose coefficients do not fall does not fall either, so that the fit is a convex problem.

    Args:
        curve: at least two (rate, quality) pairs in any order; rate > 0.
    Returns:
        (points, 2): rates evenly apart in their logarithm, from the lowest to the highest of ``curve``, and qualities.
    Raises:
        SinglePointCurve, CurveError: as ``bd_rate``.
    Source: after [3], which fits a cubic under the same condition; with fewer than four points, of lower degree.
    """
    from scipy.optimize import lsq_linear

    rate, quality = _checked(curve).T
    low, high = np.log(rate.min()), np.log(rate.max())
    degree = min(3, len(np.unique(rate)) - 1)
    counts = np.arange(degree + 1)
    choose = np.array([math.comb(degree, int(k)) for k in counts])

    def steps(t: np.ndarray) -> np.ndarray:
        # Column k: what an increment of the coefficients from the k-th on adds.
        basis = choose * t[:, None] ** counts * (1 - t[:, None]) ** (degree - counts)
        return basis[:, ::-1].cumsum(1)[:, ::-1]

    lowest = np.r_[-np.inf, np.zeros(degree)]
    found = lsq_linear(steps((np.log(rate) - low) / (high - low)), quality, (lowest, np.inf), method="bvls")
    t = np.linspace(0, 1, points)
    return np.stack([np.exp(low + t * (high - low)), steps(t) @ found.x], 1)


Fit = Literal["pchip", "monotone"]
"""How points become a curve, as ``bd_rate`` says."""


def bd_rate(anchor: Curve, test: Curve, *, fit: Fit = "pchip") -> BDRate:
    """Mean difference in rate, in percent, at equal quality; negative means that ``test`` saves bits.

    Args:
        anchor, test: curves, sequences of (bits or bpp, quality) with quality higher is better (give a
            divergence or an error with its sign turned). At least two points each, four or more are usual.
        fit: "pchip" goes through the points of the efficient frontier; "monotone" first fits a cubic that never
            falls to all points (``mvlib.evaluation.bdrate.monotone_fit``), as MPEG's test conditions for machines do.
    Returns:
        percent as a float with ``.overlap`` (0..1). Identical curves give 0, half the rate gives -50.
    Raises:
        CurveError: a ValueError, as SinglePointCurve, NonMonotoneCurve or DisjointCurves.
    Warns:
        SmallOverlap: the curves have less than half of the qualities that either reaches in common.

    Example:
        >>> import mvlib
        >>> anchor = [(1000, 30.0), (2000, 33.0), (4000, 36.0), (8000, 39.0)]
        >>> round(mvlib.bd_rate(anchor, [(bits / 2, quality) for bits, quality in anchor]), 3)
        -50.0
    """
    from bjontegaard import bd_rate as bjontegaard_bd_rate  # pulls in matplotlib, so not at import

    a, t = _frontiers(anchor, test, fit)
    overlap = _overlap(a[1], t[1], "qualities", "BD-rate")
    return BDRate(float(bjontegaard_bd_rate(*a, *t, **_PCHIP)), overlap)


def bd_quality(anchor: Curve, test: Curve, *, fit: Fit = "pchip") -> BDQuality:
    """Mean difference in quality at equal rate, in the unit of the qualities; positive means that ``test`` is better.

    Known as BD-PSNR where the quality is a PSNR. The mean is over the logarithm of rate, on which all rates
    weigh alike: twice the bits are one step wherever they are.

    Args:
        anchor, test, fit: as of ``bd_rate``.
    Returns:
        a float with ``.overlap`` (0..1). Identical curves give 0, a curve that is better by d at every rate gives d.
    Raises:
        CurveError: as ``bd_rate``; DisjointCurves where the curves share no rate.
    Warns:
        SmallOverlap: the curves have less than half of the rates in common, on the logarithm.
    Source: [1].

    Example:
        >>> import mvlib
        >>> alone = [(1000, 28.0), (2000, 31.5), (4000, 34.5), (8000, 37.0)]  # bits, dB
        >>> better = [(rate, quality + 0.5) for rate, quality in alone]
        >>> round(mvlib.bd_quality(alone, better), 6)
        0.5
        >>> round(mvlib.bd_rate(alone, better), 1)
        -10.9
    """
    from bjontegaard import bd_psnr  # pulls in matplotlib, so not at import

    a, t = _frontiers(anchor, test, fit)
    overlap = _overlap(np.log(a[0]), np.log(t[0]), "rates", "BD-quality")
    return BDQuality(float(bd_psnr(*a, *t, **_PCHIP)), overlap)


_PCHIP: dict[str, Any] = {"method": "pchip", "require_matching_points": False, "min_overlap": 0}


def _frontiers(anchor: Curve, test: Curve, fit: Fit) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    if fit not in ("pchip", "monotone"):
        raise InputError(f"fit must be 'pchip' or 'monotone', got {fit!r}")
    if fit == "monotone":
        anchor, test = monotone_fit(anchor), monotone_fit(test)
    return efficient_frontier(anchor), efficient_frontier(test)


def _overlap(anchor: np.ndarray, test: np.ndarray, of: str, number: str) -> float:
    """Share that two rising axes have in common of what they span; raises where it is none, warns where it is small."""
    common = min(anchor[-1], test[-1]) - max(anchor[0], test[0])
    spanned = max(anchor[-1], test[-1]) - min(anchor[0], test[0])
    if common <= 0:
        ends = np.array([anchor[[0, -1]], test[[0, -1]]])
        (a, b), (c, d) = np.exp(ends) if of == "rates" else ends
        one = {"rates": "rate", "qualities": "quality"}[of]
        raise DisjointCurves(
            f"anchor covers {of} {a:.4g}..{b:.4g}, test {c:.4g}..{d:.4g}: no {one} is common; "
            "choose QPs so that the curves overlap"
        )
    if small_overlap(common / spanned):
        warnings.warn(
            f"the curves share {common / spanned:.0%} of the {of} that either reaches, and the {number} speaks of "
            "that part alone; choose QPs so that they overlap by half",
            SmallOverlap,
            stacklevel=3,
        )
    return float(common / spanned)


def rate_at(curve: Curve, quality: float) -> float:
    """Rate that ``curve`` needs for ``quality``, by the interpolation of the BD-rate: PCHIP of the logarithm of rate.

    Raises:
        CurveError: as ``bd_rate``; DisjointCurves where the curve doesn't reach that quality.
    """
    from scipy.interpolate import PchipInterpolator  # slow to import

    rates, qualities = efficient_frontier(curve)
    if not qualities[0] <= quality <= qualities[-1]:
        raise DisjointCurves(
            f"the curve covers qualities {qualities[0]:.4g}..{qualities[-1]:.4g}, and not {quality:.4g}"
        )
    return float(np.exp(PchipInterpolator(qualities, np.log(rates))(quality)))
