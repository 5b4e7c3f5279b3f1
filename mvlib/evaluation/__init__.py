"""Evaluation on real bitstreams: conditions × codecs × QPs → rate and quality per picture → BD-rate with intervals.

``bd_rate``, ``bd_quality``, the bootstrap and ``Report`` are here. ``evaluation.evaluate`` is the call for one's own
parts, ``evaluation.protocol`` what it runs; ``evaluation.material`` makes the samples, ``evaluation.conditions`` the
baselines. They load torch and the analysers, this page does not.
"""

from .bdrate import (
    BDQuality,
    BDRate,
    CurveError,
    DisjointCurves,
    NonMonotoneCurve,
    SinglePointCurve,
    SmallOverlap,
    bd_quality,
    bd_rate,
)
from .bootstrap import Interval, bootstrap_bd_rate, draw_weights, effective_clusters, significant
from .result import Report

__all__ = [
    "BDQuality",
    "BDRate",
    "CurveError",
    "DisjointCurves",
    "Interval",
    "NonMonotoneCurve",
    "Report",
    "SinglePointCurve",
    "SmallOverlap",
    "bd_quality",
    "bd_rate",
    "bootstrap_bd_rate",
    "draw_weights",
    "effective_clusters",
    "significant",
]
