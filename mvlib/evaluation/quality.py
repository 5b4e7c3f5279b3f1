"""From scores to the quality on a curve: mean over pictures → higher is better, evenly spread over QP."""

import numpy as np


def kl_in_db(mean_kl: np.ndarray) -> np.ndarray:
    """Quality on the curve from a mean KL in nats: -10 log10(KL).

    KL falls about tenfold over the QP range, as MSE does; on the logarithm every QP step weighs alike, where
    the plain value would let the worst QP speak for all.
    """
    return -10 * np.log10(np.maximum(mean_kl, 1e-6))


def as_it_is(mean: np.ndarray) -> np.ndarray:
    """A score that is a quality already, such as the share of pictures that agree."""
    return mean


# What a score of the analyser is called in results -> how its mean becomes the quality of a curve. Classifiers have
# "kl" and "top1" (agreement with the clean prediction) and "label" (accuracy on the labelled pictures); detectors
# "divergence", which is a KL over places and classes with the boxes' overlap, and "ap", COCO's average precision.
QUALITY_OF = {"kl": kl_in_db, "top1": as_it_is, "label": as_it_is, "divergence": kl_in_db, "ap": as_it_is}
QUALITY_OF["features"] = kl_in_db  # a squared distance of maps: decibels like those of an MSE
# Trackers have GOT-10k's average overlap and success rates.
QUALITY_OF |= {"ao": as_it_is, "sr50": as_it_is, "sr75": as_it_is}
# Those that are right or wrong, of which a condition should take nothing where the codec takes nothing.
ACCURACIES = ("top1", "label", "ap", "ao", "sr50", "sr75")
