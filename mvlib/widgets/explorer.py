"""Explorers: sample, preprocessor, codec, QP → stream of a real encoder → what a person and an analyser see."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import ipywidgets as ipw
import numpy as np

from mvlib.analysers import Classifier, load
from mvlib.errors import UserError
from mvlib.plots import difference
from mvlib.preprocess import available_preprocessors
from mvlib.samples import Sample

from . import drawing, samples
from .controls import NONE, choice, slider, text
from .looks import Before, Look, Looker, Version
from .panel import Panel, check_start
from .screen import Drawn, Screen, columns
from .words import caption, numbers

CODECS = ("x264", "x265", "svtav1", "vp9", "mjpeg", "jpeg", "webp", "avif")
CURVE_QPS = (51, 47, 43, 39, 35, 31, 27, 23, 19, 15, 11)
_CHART = 440  # pixels, at least: below, a chart's lettering is smaller than 12 pixels
_GAIN, _GAIN_BEFORE = 2, 4  # what a preprocessor takes out is meant to be hard to see
LEGEND = (
    f' <span style="font-weight:normal;white-space:nowrap"><span style="color:{drawing.FOUND}">▢</span> tracked '
    "▢ true</span>"
)


class Explorer(Panel):
    """What the panels with a real encoder share: each new setting is really coded and decoded once, then remembered.

    A preprocessor changes the sample before it is coded; the strength scales its change, from 0 (none of it) to 1
    (what was trained).  Everything is still compared with the original, and with the codec alone at the same QP.

    Attributes:
        codec, qp, preprocessor, strength: controls, so ``panel.qp.value = 40`` moves the slider.
        pictures: "original", "decoded", "difference", "changed" → title and pixels.
    """

    kind: str
    """The name of the control that chooses the sample."""
    rows: Sequence[Sequence[str]]
    gop: str
    accept: str
    """What may be uploaded: image or video."""
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
        preprocessors = available_preprocessors() if preprocessors is None else preprocessors
        self._looker = Looker(known, self.gop, own(preprocessors), analysers)
        self._look: Look | None = None
        setattr(self, self.kind, choice(self.kind.capitalize(), list(known)))
        self.codec = choice("Codec", codecs, "160px", "x265" if "x265" in codecs else None)
        self.qp = slider("QP", qp, 51, follow=self.follow)
        self.preprocessor = choice("Preprocessor", [NONE, *preprocessors])
        self.strength = slider("Strength", 1.0, 1, 0.05, follow=self.follow)
        self.file = text("Your file", "its path, then Enter")
        self.upload = ipw.FileUpload(
            accept=f"{self.accept}/*", description="Upload", layout={"width": "110px"}
        )
        self.file.observe(lambda _: self._add_path(), "value")
        self.upload.observe(lambda _: self._add_upload(), "value")
        super().__init__(self.rows, self.file, self.upload)

    @property
    def look(self) -> Look:
        """What is shown; waits until the last move is."""
        self.settle()
        return self._look

    def add(self, name: str, given: Any) -> None:
        """Put a sample of your own, an array or a file, into the list, and show it.

        Raises ``UserError`` if it cannot be read or coded.
        """
        sample, known = self._sample(name, given), self._looker.samples
        while name in known:  # what was coded is remembered by name
            name += "′"
        known[name] = sample
        chosen = self.controls[self.kind]
        with self.hold_moves():  # ipywidgets turns to the first of new options
            chosen.options = list(known)
            chosen.value = name

    def _sample(self, name: str, given: Any) -> Sample:
        """A checked sample of what is given."""
        raise NotImplementedError

    def _add_path(self) -> None:
        if path := self.file.value.strip():
            self._try_to_add(Path(path).expanduser())

    def _add_upload(self) -> None:
        for uploaded in self.upload.value:
            with TemporaryDirectory() as folder:
                path = Path(folder, Path(uploaded["name"]).name)
                path.write_bytes(uploaded["content"])
                self._try_to_add(path)

    def _try_to_add(self, path: Path) -> None:
        try:
            self.add(path.name, path)
        except (UserError, OSError) as error:
            self._tell(error)

    def __repr__(self) -> str:
        known, codecs = len(self._looker.samples), len(self.codec.options)
        return f"{type(self).__name__}({known} {self.kind}s, {codecs} codecs)"

    def _fit(self) -> None:
        self.strength.disabled = self.preprocessor.value == NONE

    def _version(self, move: SimpleNamespace) -> Version:
        before = None if move.preprocessor == NONE else Before(move.preprocessor, move.strength)
        return Version(getattr(move, self.kind), move.codec, move.qp, before)

    def _stills_of(self, look: Look, t: int) -> dict[str, Drawn]:
        """Frame ``t`` of the original, the decoded sample and their difference, and what a preprocessor changed."""
        original, (height, width) = look.sample.frames[t], look.sample.frames.shape[1:3]
        marked, decoded = (frames[0] for frames in drawing.boxed_frames(look, [t]))
        legend = LEGEND if look.track is not None else ""
        stills = {
            "original": Drawn(f"original, {width}×{height} pixels", marked),
            "decoded": Drawn(f"decoded, {look.version.codec} at QP {look.version.qp}{legend}", decoded),
            "difference": Drawn(
                f"difference ×{_GAIN}, grey: none", difference(original, look.decoded[t], _GAIN)
            ),
        }
        if look.version.before is not None:
            changed = difference(original, look.given[t], _GAIN_BEFORE)
            stills["changed"] = Drawn(f"changed before coding, ×{_GAIN_BEFORE}", changed)
        return stills

    def _screen_of(
        self, look: Look, stills: Mapping[str, Drawn], charts: Mapping[str, str], t: int = 0, film: str = ""
    ) -> Screen:
        """Pictures or a film above the charts, and the numbers of ``look`` above all."""
        self._look = look
        above = film or columns([still.html() for still in stills.values()])
        body = above + columns(list(charts.values()), least=_CHART)
        return Screen(caption(look, t), body, stills, charts, numbers(look, t))


class QPExplorer(Explorer):
    """A panel with a picture, a codec and a QP; each move really encodes, decodes and looks.

    ``panel.picture``, ``panel.codec``, ``panel.qp``, ``panel.preprocessor`` and ``panel.strength`` are the controls
    themselves, so ``panel.qp.value = 40`` moves the slider, and ``panel.caption`` then tells in words what is shown.
    Whatever goes wrong stands in the panel in red, and in ``caption``.

    Args:
        pictures: name → uint8 (H, W, 3) RGB, (H, W) grey or (H, W, 4) with alpha, or a file; by default photographs
            of the test side.
        codecs: names for ``RealCodec``.
        analyser: a ``Classifier`` or a name for ``mvlib.analysers.load``.
        qp: where the slider starts, 0..51.
        short_side: larger pictures are reduced to this many pixels on the shorter side, which keeps a move below
            about 150 ms on two cores; None leaves them as they are.
        preprocessors: names for ``load_preprocessor``, by default all whose weights are there; or name → function
            (frames, QP) → frames of the same shape, or name → None for a name as above.

    Raises:
        InputError, InputTypeError: no picture or codec, a picture that isn't uint8 (H, W, 3), a QP outside 0..51.
    """

    kind, gop, accept, follow = "picture", "intra", "image", True
    rows = (("picture", "codec", "qp"), ("preprocessor", "strength"))

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
        analyser = load(analyser) if isinstance(analyser, str) else analyser
        super().__init__(known, codecs, qp, preprocessors, {"classifier": analyser})
        self.qp.tooltip = "quantisation parameter: 0 keeps nearly everything, 51 nearly nothing"

    def _sample(self, name: str, given: Any) -> Sample:
        return samples.picture(name, given, self._short_side)

    def _draw(self, move: SimpleNamespace) -> Screen:
        look = self._looker.look(self._version(move), "classifier")
        charts = {"classes": drawing.class_bars(look), "rate": self._rate_chart(look)}
        return self._screen_of(look, self._stills_of(look, 0), charts)

    def _rate_chart(self, look: Look) -> str:
        alone, prepared = (
            self._looker.curves(version, "classifier")
            for version in (look.version._replace(before=None), look.version)
        )
        return drawing.rate_chart(look, alone, {} if look.version.before is None else prepared)

    def _later(self, move: SimpleNamespace) -> Iterator[int]:
        """Measure the missing points of the curve."""
        for qp in CURVE_QPS:
            version = self._version(move)._replace(qp=qp)
            if qp not in self._looker.curves(version, "classifier").get(version.codec, {}):
                self._looker.look(version, "classifier")
                charts = self._screen.charts | {"rate": self._rate_chart(self._look)}
                self._show(self._screen_of(self._look, self._screen.pictures, charts))
                yield qp


def own(named: Sequence[str] | Mapping[str, Any]) -> dict[str, Any]:
    """What is given itself, of things that may be named only."""
    return (
        {name: thing for name, thing in named.items() if thing is not None}
        if isinstance(named, Mapping)
        else {}
    )
