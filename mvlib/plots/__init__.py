"""Figures of the course: measured numbers and pictures → matplotlib axes with units."""

from .curves import Curve, against_qp, rate_quality, report_curves, training_curves
from .frames import difference, followed, pictures
from .style import COLOURS, MARKERS, colour_of, log_axis

__all__ = [
    "COLOURS",
    "MARKERS",
    "Curve",
    "against_qp",
    "colour_of",
    "difference",
    "followed",
    "log_axis",
    "pictures",
    "rate_quality",
    "report_curves",
    "training_curves",
]
