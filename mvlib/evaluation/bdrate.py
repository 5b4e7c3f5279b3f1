"""BD-rate with guards: two curves → sorted → efficient frontier → mean log-rate gap at equal quality → percent.

The interpolation (PCHIP on log rate) and the integral are the ``bjontegaard`` package's; what stands here
is what must be checked before its answer means anything.

References: [1] G. Bjøntegaard, VCEG-M33, 2001.  [2] C. Herglotz et al., "Beyond Bjøntegaard", ICIP 2022.
[3] D. Ding et al., "[VCM] Improvements of the BD-rate model using monotonic curve-fitting method", ISO/IEC
JTC 1/SC 29/WG 4 m63692, 2023: the fit of MPEG's common test conditions for machines.
"""

import math
import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np

from mvlib.errors import InputError


class CurveError(InputError):
    """A rate-quality curve from which no BD-rate can be taken; the subclasses say why."""


class SinglePointCurve(CurveError):
    """Fewer than two distinct points: there is no curve to compare."""


class NonMonotoneCurve(CurveError):
    """Quality does not rise with rate: hardly a point is left on the efficient frontier."""


class DisjointCurves(CurveError):
    """The two curves share no quality, so that 'at equal quality' means nothing."""


class SmallOverlap(UserWarning):
    """Two curves have less than half of their qualities in common."""


class BDRate(float):
    """A BD-rate in percent (negative = bits saved) that carries ``overlap``.

    overlap: length of the common quality interval over that of the whole interval spanned, 0..1. A BD-rate
    on a small overlap speaks of a corner of the curves only.
    """

    overlap: float

    def __new__(cls, percent: float, overlap: float) -> "BDRate":
        self = super().__new__(cls, percent)
        self.overlap = overlap
        return self

    def __reduce__(self) -> tuple[type, tuple[float, float]]:
        return BDRate, (float(self), self.overlap)


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


def bd_rate(
    anchor: Curve,
    test: Curve,
    *,
    fit: Literal["pchip", "monotone"] = "pchip",
) -> BDRate:
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
    """
    from bjontegaard import bd_rate as bjontegaard_bd_rate  # pulls in matplotlib, so not at import

    if fit not in ("pchip", "monotone"):
        raise InputError(f"fit must be 'pchip' or 'monotone', got {fit!r}")
    rate_a, quality_a = efficient_frontier(monotone_fit(anchor) if fit == "monotone" else anchor)
    rate_t, quality_t = efficient_frontier(monotone_fit(test) if fit == "monotone" else test)
    common = min(quality_a[-1], quality_t[-1]) - max(quality_a[0], quality_t[0])
    spanned = max(quality_a[-1], quality_t[-1]) - min(quality_a[0], quality_t[0])
    if common <= 0:
        raise DisjointCurves(
            f"anchor covers qualities {quality_a[0]:.4g}..{quality_a[-1]:.4g}, test {quality_t[0]:.4g}.."
            f"{quality_t[-1]:.4g}: no quality is common; choose QPs so that the curves overlap"
        )
    if small_overlap(common / spanned):
        warnings.warn(
            f"the curves share {common / spanned:.0%} of the qualities that either reaches, and the BD-rate speaks of "
            "that part alone; choose QPs so that they overlap by half",
            SmallOverlap,
            stacklevel=2,
        )
    percent = bjontegaard_bd_rate(
        rate_a, quality_a, rate_t, quality_t, method="pchip", require_matching_points=False, min_overlap=0
    )
    return BDRate(float(percent), float(common / spanned))


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
