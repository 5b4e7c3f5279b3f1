"""Explorers: sample, preprocessor, codec, QP → stream of a real encoder → what a person and an analyser see."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from mvlib.analysers import Classifier, load
from mvlib.plots import difference
from mvlib.preprocess import available_preprocessors, card_of
from mvlib.samples import Sample

from . import drawing, samples
from .controls import NONE, choice, slider, switch
from .looks import Before, Look, Looker, Version, seen
from .panel import Panel, check_start
from .screen import Screen, Still, columns
from .words import STEPS, caption, numbers, title_of

CODECS = ("x264", "x265", "svtav1", "vp9", "mjpeg", "jpeg", "webp", "avif")
CURVE_QPS = (51, 47, 43, 39, 35, 31, 27, 23, 19, 15, 11)
_GAIN, _GAIN_BEFORE = 2, 4  # what a preprocessor takes out is meant to be hard to see
LEGEND = (
    f'<div style="margin:4px 6px 0">box: <span style="color:{drawing.FOUND}">▢</span> tracked, ▢ true</div>'
)


class Explorer(Panel):
    """The base of panels with a real encoder: each new setting is really coded and decoded once, then remembered.

    A preprocessor changes the sample before it is coded; the strength scales its change, from 0 (none of it) to 1
    (what was trained).  Everything is still compared with the original, and with the codec alone at the same QP.
    While a slow preprocessor works, the codec alone is shown.

    Attributes:
        codec, qp, preprocessor, strength: controls, so ``panel.qp.value = 40`` moves the slider.
        pictures: "original", "decoded", "difference", "changed" → title and pixels.
    """

    hint = (
        "A preprocessor changes what the codec is given. Strength: how much of its change is made, from 0 (nothing) to "
        "1 (as trained)."
    )
    rows: Sequence[Sequence[str]]
    gop: str
    follow: bool
    """Whether the panel keeps up with a slider that is dragged."""

    def __init__(
        self,
        known: Mapping[str, Sample],
        codecs: Sequence[str],
        qp: int,
        preprocessors: Sequence[str] | Mapping[str, Callable | None] | None,
        analysers: Mapping[str, Any],
    ) -> None:
        if preprocessors is None:
            preprocessors = (
                *(n for n in available_preprocessors(self.kind) if card_of(n).get("in_panels", True)),
                *((STEPS,) if self.kind == "picture" else ()),
            )
        self._looker = Looker(known, self.gop, own(preprocessors), analysers)
        self._look: Look | None = None
        self.codec = choice("Codec", codecs, "130px", "x265" if "x265" in codecs else None)
        self.qp = slider("QP", qp, 51, follow=self.follow)
        self.preprocessor = choice(
            "Preprocessor", [(NONE, NONE), *((title_of(name), name) for name in preprocessors)], "330px"
        )
        self.strength = slider("Strength", 1.0, 1, 0.05, follow=self.follow)
        super().__init__(self._looker.samples, self.rows)

    @property
    def look(self) -> Look:
        """What is shown; waits until the last move is."""
        self.settle()
        return seen(self._look)

    def __repr__(self) -> str:
        known, codecs = len(self._known), len(self.codec.options)
        return f"{type(self).__name__}({known} {self.kind}s, {codecs} codecs)"

    def _fit(self) -> None:
        self.strength.disabled = self.preprocessor.value == NONE

    def _version(self, move: SimpleNamespace) -> Version:
        before = None if move.preprocessor == NONE else Before(move.preprocessor, move.strength)
        return Version(getattr(move, self.kind), move.codec, move.qp, before)

    def _looks(self, move: SimpleNamespace, *analysers: str | None) -> Iterator[tuple[Look, bool]]:
        """What is to be shown, and whether it is all; before a slow preprocessor the codec alone."""
        version = self._version(move)
        if self._looker.is_slow(version):
            yield self._looker.look(version._replace(before=None), *analysers), False
        yield self._looker.look(version, *analysers), True

    def _stills_of(self, look: Look, t: int, whole: bool = True) -> dict[str, Still]:
        """Frame ``t`` of the original, the decoded sample and their difference, and what a preprocessor changed."""
        original, (height, width) = look.sample.frames[t], look.sample.frames.shape[1:3]
        marked, decoded = (frames[0] for frames in drawing.boxed_frames(look, [t]))
        stills = {
            "original": Still(f"original, {width}×{height}", marked),
            "decoded": Still(f"decoded, {look.version.codec} at QP {look.version.qp}", decoded),
            "difference": Still(f"difference ×{_GAIN}", difference(original, look.decoded[t], _GAIN)),
        }
        if not whole:  # its place, so that the others stay in theirs
            stills["changed"] = Still("the preprocessor works …", difference(original, original, _GAIN))
        elif look.version.before is not None:
            changed = difference(original, look.given[t], _GAIN_BEFORE)
            stills["changed"] = Still(f"prepared: change ×{_GAIN_BEFORE}", changed)
        return stills

    def _screen_of(
        self, look: Look, stills: Mapping[str, Still], charts: Mapping[str, str], t: int = 0, film: str = ""
    ) -> Screen:
        """Pictures or a film above the charts, and the numbers of ``look`` above all."""
        self._look = look
        above = film or columns([still.html() for still in stills.values()], "mvlib-still")
        above += LEGEND if look.track is not None else ""
        body = above + columns(list(charts.values()), "mvlib-chart")
        return Screen(caption(look, t), body, stills, charts, numbers(look, t))


class QPExplorer(Explorer):
    """A panel with a picture, a codec and a QP; each move really encodes, decodes and looks.

    ``panel.picture``, ``panel.codec``, ``panel.qp``, ``panel.others`` (whether the curves of other codecs are drawn),
    ``panel.preprocessor`` and ``panel.strength`` are the controls themselves, so ``panel.qp.value = 40`` moves the
    slider, and ``panel.caption`` then tells in words what is shown. Whatever goes wrong stands in the panel in
    red, and in ``caption``.

    Args:
        pictures: name → uint8 (H, W, 3) RGB, (H, W) grey or (H, W, 4) with alpha, or a file; by default photographs
            of the test side.
        codecs: names for ``RealCodec``.
        analyser: a ``Classifier`` or a name for ``mvlib.analysers.load``.
        qp: where the slider starts, 0..51.
        short_side: larger pictures are reduced to this many pixels on the shorter side, which keeps a move below
            about 150 ms on two cores; None leaves them as they are.
        preprocessors: names for ``mvlib.load_preprocessor``, "refined:…" too, by default those made for pictures; or
            name → function (frames, QP) → frames of the same shape, or name → None for a name as above.

    Raises:
        InputError, InputTypeError: no picture or codec, a picture that isn't uint8 (H, W, 3), a QP outside 0..51.
    """

    kind, gop, follow = "picture", "intra", True
    rows = (("picture", "codec", "qp", "others"), ("preprocessor", "strength"))

    def __init__(
        self,
        pictures: Mapping[str, np.ndarray] | None = None,
        codecs: Sequence[str] = CODECS,
        analyser: Classifier | str = "efficientnet_lite0",
        qp: int = 37,
        short_side: int | None = 240,
        preprocessors: Sequence[str] | Mapping[str, Callable | None] | None = None,
    ) -> None:
        self._short_side = short_side
        known = samples.pictures(pictures, short_side)
        check_start(qp, pictures=known, codecs=codecs)
        network = load(analyser) if isinstance(analyser, str) else analyser
        self.others = switch("other codecs")
        self.others.tooltip = "draw the curves of the other codecs that were tried, too"
        super().__init__(known, codecs, qp, preprocessors, {"classifier": network})
        self.qp.tooltip = "quantisation parameter: 0 keeps nearly everything, 51 nearly nothing"

    def _sample(self, name: str, given: Any) -> Sample:
        return samples.picture(name, given, self._short_side)

    def _draw(self, move: SimpleNamespace) -> Iterator[Screen]:
        for look, whole in self._looks(move, "classifier"):
            charts = {"classes": drawing.class_bars(look), "rate": self._rate_chart(look, move.others)}
            yield self._screen_of(look, self._stills_of(look, 0, whole), charts)

    def _rate_chart(self, look: Look, others: bool) -> str:
        codec, version = look.version.codec, look.version._replace(before=None)
        alone = self._looker.curves(version, "classifier")
        prepared = {} if look.version.before is None else self._looker.curves(look.version, "classifier")
        shown = alone if others else {codec: alone[codec]}
        return drawing.rate_chart(look, shown, {codec: prepared[codec]} if prepared else {})

    def _later(self, move: SimpleNamespace) -> Iterator[int]:
        """Measure the missing points of the curve."""
        for qp in CURVE_QPS:
            version = self._version(move)._replace(qp=qp)
            if self._looker.is_slow(version):  # a hand would have to wait for it
                version = version._replace(before=None)
            if qp not in self._looker.curves(version, "classifier").get(version.codec, {}):
                self._looker.look(version, "classifier")
                look = seen(self._look)
                charts = {**self._screen.charts, "rate": self._rate_chart(look, move.others)}
                self._show(self._screen_of(look, self._screen.pictures, charts))
                yield qp


def own(named: Sequence[str] | Mapping[str, Any]) -> dict[str, Any]:
    """What is given itself, of things that may be named only."""
    pairs = named.items() if isinstance(named, Mapping) else ()
    return {name: thing for name, thing in pairs if thing is not None}
