"""What a machine makes of coded clips: clean and coded clips → recogniser, tracker or frame by frame → scores.

A recogniser is compared with its own prediction for the clean clip, and with the action where it is known; a tracker
is given the true box of the first frame and compared with the boxes that are known; machines for pictures look at
every frame, and the mean over frames counts.
"""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from mvlib.analysers import Classifier, feature_distance, kl_to_clean, label_accuracy, top1_agreement
from mvlib.analysers.detectors import Detector, Heads, heads_divergence
from mvlib.analysers.features import watching
from mvlib.errors import InputError

from .looking import OTHERS, knows
from .tracking import SCORES as TRACKING
from .tracking import tracking_scores
from .video_material import ClipSample


def clip_scores_of(
    analyser: nn.Module, wanted: Sequence[str] = (), classes: Sequence[str] | None = None
) -> tuple[str, ...]:
    """The scores that ``analyser`` has in clips, of those ``wanted`` (empty: all).

    Args:
        classes: as in ``looking.scores_of``: names of actions.
    Raises:
        ValueError: it has none of the wanted ones, or "label" is wanted of a recogniser of other classes.
    """
    recogniser = not _is_tracker(analyser) and not isinstance(analyser, Classifier | Detector)
    if _is_tracker(analyser):
        has = TRACKING
    elif isinstance(analyser, Detector):
        has = ("divergence",)
    else:
        has = ("kl", "top1", "label") if recogniser and knows(analyser, classes) else ("kl", "top1")
    if not _is_tracker(analyser) and "features" in wanted:
        has += ("features",)  # a measure for training; only on demand
    found = tuple(s for s in has if not wanted or s in wanted)
    strange = "label" in wanted and recogniser and "label" not in has
    if not found or strange:
        why = OTHERS if strange else ""
        raise InputError(
            f"{analyser.name} has no score {', '.join(wanted)} in clips, only {', '.join(has)}{why}"
        )
    return found


class View(NamedTuple):
    """What an analyser says of a clip: logits (1, C), or of each of its frames (T, C) or heads; and late maps."""

    said: Tensor | Heads
    maps: list[Tensor]


class ClipLook:
    """An analyser that looks at coded versions of a few clips again and again; see ``looking.Look``."""

    def __init__(self, analyser: nn.Module, samples: Sequence[ClipSample], wanted: Sequence[str]) -> None:
        self.analyser, self.samples, self.wanted = analyser, samples, tuple(wanted)
        self.device = next(analyser.parameters()).device
        self.clean = None if _is_tracker(analyser) else list(self._views([s.frames for s in samples]))

    def scores(self, decoded: Sequence[Sequence[np.ndarray]]) -> dict[str, np.ndarray]:
        """Every wanted score of the decoded clips [Q][n] of (T, H, W, 3): (n, Q), NaN where nothing is known."""
        point = self._track if self.clean is None else self._compare
        points = [point(clips) for clips in decoded]
        return {score: np.stack([p[score] for p in points], 1) for score in self.wanted}

    def _track(self, clips: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        known = [i for i, s in enumerate(self.samples) if s.boxes is not None and s.visible[1:].any()]
        samples = [self.samples[i] for i in known]
        truth = [s.boxes for s in samples], [s.visible for s in samples]
        found = tracking_scores(self.analyser, [clips[i] for i in known], *truth) if known else {}
        result = {score: np.full(len(clips), np.nan) for score in self.wanted}
        for score in self.wanted if known else ():
            result[score][known] = found[score]
        return result

    def _compare(self, clips: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        result: dict[str, list[float]] = {score: [] for score in self.wanted}
        for clean, coded, sample in zip(self.clean, self._views(clips), self.samples, strict=True):
            for score in self.wanted:
                result[score].append(float(_COMPARED[score](clean, coded, sample).mean()))
        return {score: np.array(values) for score, values in result.items()}

    @torch.inference_mode()
    def _views(self, clips: Sequence[np.ndarray]) -> Iterable[View]:
        by_frame = isinstance(self.analyser, Classifier | Detector)
        for clip in clips:
            x = torch.from_numpy(clip).to(self.device).permute(0, 3, 1, 2).float().div(255)
            with watching(self.analyser) if "features" in self.wanted else nullcontext([]) as maps:
                yield View(self.analyser(x if by_frame else x[None]), maps)


_COMPARED = {
    "kl": lambda clean, coded, sample: kl_to_clean(clean.said, coded.said),
    "top1": lambda clean, coded, sample: top1_agreement(clean.said, coded.said),
    "label": lambda clean, coded, sample: label_accuracy(coded.said, [sample.action]),
    "divergence": lambda clean, coded, sample: heads_divergence(clean.said, coded.said),
    "features": lambda clean, coded, sample: feature_distance(clean.maps, coded.maps),
}


def _is_tracker(analyser: nn.Module) -> bool:
    return hasattr(analyser, "track_many")
