"""From scores to the quality on a curve: mean over samples → higher is better, evenly spread over QP."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from mvlib.errors import InputError


def kl_in_db(mean_kl: np.ndarray) -> np.ndarray:
    """Quality on the curve from a mean KL in nats: -10 log10(KL).

    KL falls about tenfold over the QP range, as MSE does; on the logarithm every QP step weighs alike, where
    the plain value would let the worst QP speak for all.
    """
    return -10 * np.log10(np.maximum(mean_kl, 1e-6))


def similarity_in_db(mean: np.ndarray) -> np.ndarray:
    """Quality on the curve from a mean similarity in [0, 1], as it is usual for MS-SSIM: -10 log10(1 - similarity)."""
    return -10 * np.log10(np.maximum(1 - mean, 1e-6))


SCALES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "distance": kl_in_db,
    "accuracy": lambda mean: mean,  # it is a quality already, such as the share of pictures that agree
    "similarity": similarity_in_db,
}
"""What a mean score is → how it becomes the quality of a curve. An accuracy is right or wrong: a condition should take
nothing of it where the codec takes nothing."""


@dataclass(frozen=True)
class Score:
    """What the analysers of this package say of a coded picture or clip.

    Attributes:
        scale: which of ``SCALES`` a mean of it is on.
        kinds: what it is a score of: pictures, clips.
        levels: mean scores at which the bits of two rows are compared besides; empty: only over the whole curve.
    """

    scale: str
    kinds: tuple[str, ...] = ("pictures", "clips")
    levels: tuple[float, ...] = ()


_KEPT = (0.9, 0.85, 0.8)
SCORES = {
    "kl": Score("distance", levels=(0.05, 0.1, 0.3)),  # of the prediction from the clean one, in nats
    "top1": Score("accuracy", levels=_KEPT),  # agreement with the clean prediction
    "label": Score("accuracy", levels=_KEPT),  # accuracy on what is labelled
    "divergence": Score("distance"),  # of detectors: a KL over places and classes with the boxes' overlap
    "ap": Score("accuracy", ("pictures",)),  # COCO's average precision
    "ao": Score("accuracy", ("clips",)),  # of trackers: GOT-10k's average overlap and success rates
    "sr50": Score("accuracy", ("clips",)),
    "sr75": Score("accuracy", ("clips",)),
    "features": Score("distance"),  # a squared distance of late maps
}
QUALITY_OF = {name: SCALES[score.scale] for name, score in SCORES.items()}
FIDELITY_SCALES = {"psnr-y": "accuracy", "ms-ssim": "similarity"}
"""What a person would lose, by which rows are compared too → its scale."""


def scale_of(score: str, own: Mapping[str, str]) -> str:
    """The scale of ``score``, from the ``own`` ones of an analyser or the known ones.

    Raises ValueError where neither has it.
    """
    scale = own.get(score) or (SCORES[score].scale if score in SCORES else None)
    if scale not in SCALES:
        raise InputError(
            f"score {score!r} has the scale {scale!r}; say which in the analyser's scales: {', '.join(SCALES)}"
        )
    return scale
