"""From scores to the quality on a curve: mean over samples → higher is better, evenly spread over QP."""

from collections.abc import Callable

import numpy as np

from mvlib.errors import InputError


def kl_in_db(mean_kl: np.ndarray) -> np.ndarray:
    """Quality on the curve from a mean KL in nats: -10 log10(KL).

    KL falls about tenfold over the QP range, as MSE does; on the logarithm every QP step weighs alike, where
    the plain value would let the worst QP speak for all.
    """
    return -10 * np.log10(np.maximum(mean_kl, 1e-6))


def as_it_is(mean: np.ndarray) -> np.ndarray:
    """A score that is a quality already, such as the share of pictures that agree."""
    return mean


# What a mean score is → how it becomes the quality of a curve. An accuracy is right or wrong: a condition should take
# nothing of it where the codec takes nothing.
SCALES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"distance": kl_in_db, "accuracy": as_it_is}
# Classifiers and recognisers have "kl" and "top1" (agreement with the clean prediction) and "label" (accuracy on what
# is labelled); detectors "divergence", a KL over places and classes with the boxes' overlap, and "ap", COCO's average
# precision; trackers GOT-10k's average overlap and success rates; "features" is a squared distance of late maps.
SCALE_OF = dict.fromkeys(("kl", "divergence", "features"), "distance")
SCALE_OF |= dict.fromkeys(("top1", "label", "ap", "ao", "sr50", "sr75"), "accuracy")
QUALITY_OF = {score: SCALES[scale] for score, scale in SCALE_OF.items()}


def scale_of(score: str, own: dict[str, str]) -> str:
    """The scale of ``score``, from the ``own`` ones of an analyser or the known ones.

    Raises ValueError where neither has it.
    """
    scale = own.get(score) or SCALE_OF.get(score)
    if scale not in SCALES:
        raise InputError(
            f"score {score!r} has the scale {scale!r}; say which in the analyser's scales: {', '.join(SCALES)}"
        )
    return scale
