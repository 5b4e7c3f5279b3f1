"""The clip panel: clip, preprocessor, codec, QP → stream of a real encoder → what recogniser and tracker see."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from mvlib.analysers.actions import ACTION_NETWORKS, Recogniser
from mvlib.analysers.trackers import TRACKER_NAMES, Tracker
from mvlib.samples import Sample

from . import drawing, samples
from .controls import NONE, choice, slider
from .explorer import Explorer, own
from .looks import Look
from .panel import check_start
from .player import player
from .screen import Screen

CODECS = ("x264", "x265", "svtav1", "vp9")
BY_FRAME, PLAYING = "frame by frame", "playing"


class ClipExplorer(Explorer):
    """A panel with a clip, a codec and a QP; each new setting is really encoded and decoded once, then remembered.

    ``panel.clip``, ``panel.codec``, ``panel.qp``, ``panel.preprocessor``, ``panel.strength``, ``panel.recogniser``,
    ``panel.tracker``, ``panel.view`` and ``panel.frame`` are the controls themselves, and ``panel.caption`` tells in
    words what is shown.  Whatever goes wrong stands in the panel in red, and in ``caption``.

    The recogniser answers after each frame, for the frames so far (at most the last 16): where a line rises is where
    it understood.  The tracker is given the true box of the first frame, of the decoded clip as well.

    Args:
        clips: name → uint8 (T, H, W, 3) RGB, a film, of which the first 32 frames are taken, 224 pixels on the
            shorter side, or a ``Sample``, with what is known of it.  By default generated scenes and real films of
            the test side.
        codecs: names for ``RealCodec``.
        preprocessors: names for ``mvlib.load_preprocessor``, "refined:…" too, by default those made for clips; or
            name → function (frames, QP) → frames of the same shape, or name → None for a name as above.
        recognisers, trackers: names for ``mvlib.analysers.load``, or name → the analyser itself; the first of each
            is chosen at first.  Empty leaves the choice out.
        qp: where the slider starts, 0..51.

    Raises:
        InputError, InputTypeError: no clip or codec, a clip that isn't uint8 (T >= 2, H, W, 3), a QP outside 0..51.
    """

    kind, gop, follow = "clip", "stock", False  # to code a clip takes about a second
    rows = (("clip", "codec", "qp"), ("preprocessor", "strength"), ("recogniser", "tracker", "view", "frame"))

    def __init__(
        self,
        clips: Mapping[str, np.ndarray | Sample] | None = None,
        codecs: Sequence[str] = CODECS,
        preprocessors: Sequence[str] | Mapping[str, Callable | None] | None = None,
        recognisers: Sequence[str] | Mapping[str, Recogniser] = tuple(ACTION_NETWORKS),
        trackers: Sequence[str] | Mapping[str, Tracker] = TRACKER_NAMES,
        qp: int = 40,
    ) -> None:
        given = samples.example_clips() if clips is None else clips
        known = {name: self._sample(name, value) for name, value in given.items()}
        check_start(qp, clips=known, codecs=codecs)
        self.recogniser = choice("Recogniser", [*recognisers, NONE])
        self.tracker = choice("Tracker", [*trackers, NONE], "190px")
        self.view = choice("Show", (BY_FRAME, PLAYING), "190px")
        last = len(next(iter(known.values())).frames) - 1
        self.frame = slider("Frame", last // 2, last)
        super().__init__(known, codecs, qp, preprocessors, own(recognisers) | own(trackers))

    def _fit(self) -> None:
        super()._fit()
        sample = self._known[self.clip.value]
        self.frame.disabled = self.view.value == PLAYING
        self.tracker.disabled = sample.boxes is None
        self.frame.max = len(sample.frames) - 1

    def _sample(self, name: str, given: Any) -> Sample:
        return samples.clip(name, given)

    def _draw(self, move: SimpleNamespace) -> Iterator[Screen]:
        t, playing = move.frame, move.view == PLAYING
        analysers = (None if name == NONE else name for name in (move.recogniser, move.tracker))
        for look, whole in self._looks(move, *analysers):
            charts = {"bits": drawing.frame_bits(look, t)}
            if look.classes:
                charts["answers"] = drawing.frame_answers(look, t)
            if look.track is not None and look.counted.any():
                charts["overlap"] = drawing.frame_overlaps(look, t)
            stills = {} if playing else self._stills_of(look, t, whole)
            yield self._screen_of(look, stills, charts, t, _film(look) if playing else "")


def _film(look: Look) -> str:
    frames = drawing.boxed_frames(look, range(len(look.given)))
    return player(dict(zip(("original", "decoded"), frames, strict=True)), fps=8, zoom=None).data
