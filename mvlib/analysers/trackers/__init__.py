"""Trackers: a clip and the box of one object in its first frame → its box in every frame.

``load("siam_lite0")`` and ``load("siam_nanodet")`` of ``mvlib.analysers`` compare features of two unlike networks;
neither was trained for it.
"""

from .build import TRACKER_NAMES, load_tracker
from .siamese import response_divergence
from .tracker import Search, Tracker

__all__ = ["TRACKER_NAMES", "Search", "Tracker", "load_tracker", "response_divergence"]
