"""The clip panel: clip, preprocessor, codec, QP → stream of a real encoder → what recogniser and tracker make of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import ipywidgets as ipw
import numpy as np

from mvlib.analysers.actions import ACTION_NETWORKS, Recogniser
from mvlib.analysers.trackers import TRACKER_NAMES, Tracker
from mvlib.datasets import ACTIONS
from mvlib.errors import InputError, InputTypeError
from mvlib.evaluation.experiment import VideoExperiment
from mvlib.evaluation.material import load_material
from mvlib.evaluation.samples import Sample
from mvlib.plots import difference
from mvlib.preprocess import available_preprocessors

from . import clip_drawing
from .clip_looking import ClipLook, ClipLooker, Version
from .looking import Before
from .parts import NONE, alarm, choice, slider, spoken, strength_slider, titled
from .pictures import png
from .player import player
from .words import clip_caption

CODECS = ("x264", "x265", "svtav1", "vp9")
BY_FRAME, PLAYING = "frame by frame", "playing"
_GAIN, _GAIN_BEFORE = 2, 4  # what a preprocessor takes out is meant to be hard to see
_SCENES, _FRAMES = 6, 16
_LEGEND = (
    f' <span style="font-weight:normal;white-space:nowrap"><span style="color:{clip_drawing.FOUND}">▢</span> tracked '
    "▢ true</span>"
)


def example_clips() -> dict[str, Sample]:
    """Name → clip and what is known of it: generated scenes and objects in real films, as the evaluation takes them."""
    scenes = load_material(VideoExperiment(material="acting", limit=_SCENES))
    films = load_material(VideoExperiment(material="tracks", frames=2 * _FRAMES, limit=None))
    acted = [scenes[i] for i in range(len(scenes))]
    real = [films[i] for i in range(0, len(films), 2)]
    return {ACTIONS[s.label]: s for s in acted} | {f"film: {s.source}": s for s in real}


class ClipExplorer(ipw.VBox):
    """A panel with a clip, a codec and a QP; each new setting is really encoded and decoded once, then remembered.

    ``panel.clip``, ``panel.codec``, ``panel.qp``, ``panel.preprocessor``, ``panel.strength``, ``panel.recogniser``,
    ``panel.tracker``, ``panel.view`` and ``panel.frame`` are the controls themselves, and ``panel.caption`` says in
    words what is shown.  Whatever goes wrong stands in the panel in red, and in ``caption``.

    The recogniser speaks after each frame, of the frames so far (at most the last 16): where a line rises is where it
    understood.  The tracker is given the true box of the first frame, of the decoded clip as well.

    Args:
        clips: name → uint8 (T, H, W, 3) RGB, or a ``Sample``, with what is known of it.  By default generated
            scenes and real films of the test side.
        codecs: names for ``RealCodec``.
        preprocessors: names for ``load_preprocessor``, by default all whose weights are there; or name → function
            (frames, QP) → frames of the same shape, or name → None for a name as above.
        recognisers, trackers: names for ``mvlib.analysers.load``, or name → the machine itself; the first of each is
            watched first.  Empty leaves the choice out.
        qp: where the slider starts, 0..51.

    Raises:
        ValueError, TypeError: no clip or codec, a clip that isn't uint8 (T >= 2, H, W, 3), or a QP outside 0..51.
    """

    def __init__(
        self,
        clips: Mapping[str, np.ndarray | Sample] | None = None,
        codecs: Sequence[str] = CODECS,
        preprocessors: Sequence[str] | Mapping[str, Callable | None] | None = None,
        recognisers: Sequence[str] | Mapping[str, Recogniser] = tuple(ACTION_NETWORKS),
        trackers: Sequence[str] | Mapping[str, Tracker] = TRACKER_NAMES,
        qp: int = 40,
    ) -> None:
        clips = example_clips() if clips is None else dict(clips)
        if not clips or not codecs or not 0 <= qp <= 51:
            raise InputError(
                f"{len(clips)} clips, {len(codecs)} codecs, qp {qp}; "
                "give at least one clip and one codec, and a qp of 0..51"
            )
        samples = {name: _sample(name, clip) for name, clip in clips.items()}
        preprocessors = available_preprocessors() if preprocessors is None else preprocessors
        self._looker = ClipLooker(samples, _given(preprocessors), _given(recognisers) | _given(trackers))
        self._look: ClipLook | None = None
        self._words = ""
        self._make_controls(list(samples), codecs, qp)
        self._make_machines(list(preprocessors), list(recognisers), list(trackers))
        super().__init__(self._lay_out(), layout=ipw.Layout(max_width="1180px"))
        for control in self._controls:
            control.observe(self._moved, "value")
        self._moved()

    @property
    def caption(self) -> str:
        """What is shown, in words: codec, QP, bits, PSNR, what the recogniser says and how well the tracker follows.

        Behind a preprocessor, in brackets, the same without it.
        """
        return self._words

    def __repr__(self) -> str:
        return f"ClipExplorer({len(self.clip.options)} clips, {len(self.codec.options)} codecs)"

    @property
    def _controls(self) -> list[ipw.Widget]:
        asked = [self.clip, self.codec, self.qp, self.preprocessor, self.strength]
        return [*asked, self.recogniser, self.tracker, self.view, self.frame]

    def _make_controls(self, clips: list[str], codecs: Sequence[str], qp: int) -> None:
        self.clip = choice("Clip", clips, "240px")
        self.codec = choice("Codec", codecs, "160px", "x265" if "x265" in codecs else None)
        self.qp = slider("QP", qp, 51)
        self.view = choice("Show", (BY_FRAME, PLAYING), "200px")
        self.frame = slider("Frame", 0, len(self._looker.clips[clips[0]].frames) - 1)
        self.frame.value = self.frame.max // 2

    def _make_machines(self, preprocessors: list[str], recognisers: list[str], trackers: list[str]) -> None:
        self.preprocessor = choice("Preprocessor", [NONE, *preprocessors], "240px")
        self.strength = strength_slider()
        self.recogniser = choice("Recogniser", [*recognisers, NONE], "240px")
        self.tracker = choice("Tracker", [*trackers, NONE], "200px")

    def _lay_out(self) -> list[ipw.Widget]:
        self._images, self._titles, figures = titled(4)
        self._removed = figures[-1]
        self._stills, self._film = ipw.HBox(figures), ipw.HTML()
        self._caption, self._alert = ipw.HTML(), ipw.HTML()
        third = {"flex": "1 1 0", "min_width": "0", "margin": "8px 6px 0"}
        self._bits, self._said, self._overlap = (ipw.HTML(layout=ipw.Layout(**third)) for _ in range(3))
        row = ipw.Layout(margin="0 4px", grid_gap="12px")
        return [
            ipw.HBox([self.clip, self.codec, self.qp], layout=row),
            ipw.HBox([self.preprocessor, self.strength, self.recogniser, self.tracker], layout=row),
            ipw.HBox([self.view, self.frame], layout=row),
            self._caption,
            self._stills,
            self._film,
            ipw.HBox([self._bits, self._said, self._overlap]),
            self._alert,
        ]

    def _moved(self, change: object = None) -> None:
        """Show what the controls ask for; an error goes into the panel, for a kernel's log is out of sight."""
        try:
            if isinstance(change, Mapping) and change["owner"] is self.clip:
                self._fit_slider()
            self.strength.disabled = self.preprocessor.value == NONE
            self.frame.disabled = self.view.value == PLAYING
            self.tracker.disabled = self._looker.clips[self.clip.value].boxes is None
            before = None if self.strength.disabled else Before(self.preprocessor.value, self.strength.value)
            version = Version(self.clip.value, self.codec.value, self.qp.value, before)
            machines = (None if c.value == NONE else c.value for c in (self.recogniser, self.tracker))
            self._show(self._looker.look(version, *machines), self.frame.value)
            self._alert.value = ""
        except Exception as error:
            self._words = f"{type(error).__name__}: {error}"
            self._alert.value = alarm(self._words)

    def _fit_slider(self) -> None:
        """Keep the shown frame inside a clip of another length."""
        with self.frame.hold_trait_notifications():
            last = len(self._looker.clips[self.clip.value].frames) - 1
            self.frame.value, self.frame.max = min(self.frame.value, last), last

    def _show(self, look: ClipLook, t: int) -> None:
        playing = self.view.value == PLAYING
        self._stills.layout.display = "none" if playing else None
        self._film.layout.display = None if playing else "none"
        films = clip_drawing.film(look) if playing else clip_drawing.film(look, t)
        if playing:
            zoom = max(1, round(400 / look.sample.frames.shape[2]))
            self._film.value = player(films, fps=8, zoom=zoom).data + (
                _LEGEND if look.track is not None else ""
            )
        else:
            self._show_stills(look, t, films)
        self._bits.value = clip_drawing.bits(look, t)
        self._draw(self._said, clip_drawing.said if look.coded is not None else None, look, t)
        scored = look.track is not None and look.counted.any()
        self._draw(self._overlap, clip_drawing.overlap if scored else None, look, t)
        self._look = look
        self._words = clip_caption(look, t)
        self._caption.value = spoken(self._words)

    def _show_stills(self, look: ClipLook, t: int, films: dict[str, np.ndarray]) -> None:
        self._removed.layout.display = "none" if look.before is None else None
        height, width = look.sample.frames.shape[1:3]
        original = look.sample.frames[t]
        pictures = {
            f"original, {width}×{height} pixels": films["original"][0],
            f"decoded{_LEGEND if look.track is not None else ''}": films["decoded"][0],
            f"difference ×{_GAIN}, grey: none": difference(original, look.clip.decoded[t], _GAIN),
            f"changed before coding, ×{_GAIN_BEFORE}": difference(original, look.clip.given[t], _GAIN_BEFORE),
        }
        for image, title, (text, picture) in zip(self._images, self._titles, pictures.items(), strict=True):
            title.value, image.value = f"<b>{text}</b>", png(picture)

    @staticmethod
    def _draw(place: ipw.HTML, chart: Callable | None, look: ClipLook, t: int) -> None:
        place.layout.display = "none" if chart is None else None
        place.value = "" if chart is None else chart(look, t)


def _given(named: Sequence[str] | Mapping) -> dict:
    """What is given itself, of things that may be named only."""
    if not isinstance(named, Mapping):
        return {}
    return {name: thing for name, thing in named.items() if thing is not None}


def _sample(name: str, clip: np.ndarray | Sample) -> Sample:
    sample = Sample(clip, name) if isinstance(clip, np.ndarray) else clip
    frames = getattr(sample, "frames", None)
    if not isinstance(frames, np.ndarray) or frames.dtype != np.uint8:
        kind = frames.dtype if isinstance(frames, np.ndarray) else type(clip).__name__
        raise InputTypeError(f"clip {name!r} is {kind}; give a numpy array of uint8, or a Sample")
    if frames.ndim != 4 or frames.shape[3] != 3 or len(frames) < 2 or min(frames.shape[1:3]) < 16:
        raise InputError(
            f"clip {name!r} has shape {frames.shape}; give (T, H, W, 3) with at least 2 frames, sides of 16 or more"
        )
    # torch warns of arrays that can't be written to, as real films are.
    return sample if frames.flags.writeable else replace(sample, frames=frames.copy())
