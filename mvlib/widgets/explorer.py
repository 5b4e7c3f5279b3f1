"""The QP slider: picture, preprocessor, codec, QP → stream of a real encoder → what a person and a network see."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

import ipywidgets as ipw
import numpy as np

from mvlib.analysers import Classifier, load
from mvlib.errors import InputError
from mvlib.plots import difference
from mvlib.preprocess import available_preprocessors

from . import drawing
from .looking import Before, Look, Looker
from .parts import NONE, alarm, choice, slider, spoken, strength_slider, titled
from .pictures import example_pictures, png, shrink
from .words import caption

CODECS = ("x264", "x265", "svtav1", "vp9", "mjpeg", "jpeg", "webp", "avif")
CURVE_QPS = (51, 47, 43, 39, 35, 31, 27, 23, 19, 15, 11)
_GAIN = 2
# What a preprocessor takes out is meant to be hard to see.
_GAIN_BEFORE = 4


class QPExplorer(ipw.VBox):
    """A panel with a picture, a codec and a QP; each move really encodes, decodes and looks.

    ``panel.picture``, ``panel.codec``, ``panel.qp``, ``panel.preprocessor`` and ``panel.strength`` are the controls
    themselves, so ``panel.qp.value = 40`` moves the slider, and ``panel.caption`` then says in words what is shown.
    Whatever goes wrong stands in the panel in red, and in ``caption``.

    A preprocessor changes the picture before it is coded; the strength scales its change, from 0 (none of it) to 1
    (what was trained).  Everything is still compared with the original, and with the codec alone at the same QP.

    Args:
        pictures: name → uint8 (H, W, 3) RGB; by default photographs of the test side.
        codecs: names for ``RealCodec``.
        analyser: a ``Classifier`` or a name for ``mvlib.analysers.load``.
        qp: where the slider starts, 0..51.
        short_side: larger pictures are reduced to this many pixels on the shorter side, which keeps a move below
            about 150 ms on two cores; None leaves them as they are.
        preprocessors: names for ``load_preprocessor``; by default all whose weights are there.

    Raises:
        ValueError, TypeError: no picture or codec, a picture that isn't uint8 (H, W, 3), or a QP outside 0..51.
    """

    # ipywidgets closes an object that failed in ``__init__``, too.
    _background: ThreadPoolExecutor | None = None

    def __init__(
        self,
        pictures: Mapping[str, np.ndarray] | None = None,
        codecs: Sequence[str] = CODECS,
        analyser: Classifier | str = "efficientnet_lite0",
        qp: int = 37,
        short_side: int | None = 240,
        preprocessors: Sequence[str] | None = None,
    ) -> None:
        pictures = example_pictures() if pictures is None else dict(pictures)
        if not pictures or not codecs or not 0 <= qp <= 51:
            raise InputError(
                f"{len(pictures)} pictures, {len(codecs)} codecs, qp {qp}; "
                "give at least one picture and one codec, and a qp of 0..51"
            )
        pictures = {name: shrink(name, picture, short_side) for name, picture in pictures.items()}
        analyser = load(analyser) if isinstance(analyser, str) else analyser
        self._looker = Looker(pictures, analyser)
        self._background = ThreadPoolExecutor(max_workers=1, thread_name_prefix="qp-explorer")
        self._curve: Future | None = None
        self._drawing = Lock()
        self._look: Look | None = None
        self._words = ""
        self._make_controls(list(pictures), list(codecs), qp)
        self._make_preprocessor(available_preprocessors() if preprocessors is None else preprocessors)
        super().__init__(self._lay_out(), layout=ipw.Layout(max_width="1180px"))
        for control in (self.picture, self.codec, self.qp, self.preprocessor, self.strength):
            control.observe(self._moved, "value")
        self._moved()

    @property
    def caption(self) -> str:
        """What is shown, in words: codec, QP, bits, bits per pixel, PSNR in dB, what the network keeps.

        Behind a preprocessor, in brackets, the same without it.
        """
        return self._words

    def __repr__(self) -> str:
        return f"QPExplorer({len(self.picture.options)} pictures, {len(self.codec.options)} codecs)"

    def wait(self, timeout: float | None = None) -> None:
        """Block until the curve of the shown picture and codec is complete, at most ``timeout`` seconds."""
        if self._curve is not None:
            self._curve.result(timeout)

    def close(self) -> None:
        """Remove the panel and stop measuring."""
        self._look = None
        if self._background is not None:
            self._background.shutdown(wait=False, cancel_futures=True)
        super().close()

    def _make_controls(self, pictures: list[str], codecs: list[str], qp: int) -> None:
        self.picture = choice("Picture", pictures, "260px")
        self.codec = choice("Codec", codecs, "160px", "x265" if "x265" in codecs else None)
        self.qp = slider("QP", qp, 51)
        self.qp.tooltip = "quantisation parameter: 0 keeps nearly everything, 51 nearly nothing"

    def _make_preprocessor(self, names: Sequence[str]) -> None:
        self.preprocessor = choice("Preprocessor", [NONE, *names], "260px")
        self.strength = strength_slider()

    def _lay_out(self) -> list[ipw.Widget]:
        self._images, self._titles, figures = titled(4)
        self._removed = figures[-1]
        self._caption, self._alert = ipw.HTML(), ipw.HTML()
        row = ipw.Layout(margin="0 4px", grid_gap="12px")
        half = ipw.Layout(flex="1 1 0", min_width="0", margin="8px 6px 0")
        self._bars, self._chart = ipw.HTML(layout=half), ipw.HTML(layout=half)
        return [
            ipw.HBox([self.picture, self.codec, self.qp], layout=row),
            ipw.HBox([self.preprocessor, self.strength], layout=row),
            self._caption,
            ipw.HBox(figures),
            ipw.HBox([self._bars, self._chart]),
            self._alert,
        ]

    def _moved(self, _change: object = None) -> None:
        """Show what the controls ask for; an error goes into the panel, for a kernel's log is out of sight."""
        try:
            before = self._before()
            look = self._looker.look(self.picture.value, self.codec.value, self.qp.value, before)
            self._show(look)
            self._alert.value = ""
        except Exception as error:
            self._tell(error)
        else:
            self._start_curve(look)

    def _before(self) -> Before | None:
        """What the controls put before the codec."""
        self.strength.disabled = self.preprocessor.value == NONE
        return None if self.strength.disabled else Before(self.preprocessor.value, self.strength.value)

    def _show(self, look: Look) -> None:
        height, width = look.original.shape[:2]
        titles = (
            f"original, {width}×{height} pixels",
            f"decoded, {look.codec} at QP {look.qp}",
            f"difference ×{_GAIN}, grey: none",
            f"changed before coding, ×{_GAIN_BEFORE}",
        )
        apart = difference(look.original, look.decoded, _GAIN)
        new = (look.original, look.decoded, apart, difference(look.original, look.given, _GAIN_BEFORE))
        self._removed.layout.display = "none" if look.before is None else None
        same_picture = self._look is not None and self._look.picture == look.picture
        for i, (image, title, text) in enumerate(zip(self._images, self._titles, titles, strict=True)):
            title.value = f"<b>{text}</b>"
            if i or not same_picture:
                image.value = png(new[i])
        self._look = look
        classes = self._looker.analyser.classes
        self._bars.value = drawing.bars(look, classes)
        self._words = caption(look, classes[look.target])
        self._caption.value = spoken(self._words)
        self._draw_chart()

    def _tell(self, error: Exception) -> None:
        self._words = f"{type(error).__name__}: {error}"
        self._alert.value = alarm(self._words)

    def _start_curve(self, look: Look) -> None:
        curve = (look.picture, look.codec, look.before)
        if not all(self._looker.knows(*curve[:2], qp, curve[2]) for qp in CURVE_QPS):
            self._curve = self._background.submit(self._measure_curve, *curve)

    def _measure_curve(self, picture: str, codec: str, before: Before | None) -> None:
        """Add the missing points of a curve, until the person turns to another one."""
        for qp in CURVE_QPS:
            shown = self._look
            if shown is None or (shown.picture, shown.codec, shown.before) != (picture, codec, before):
                return
            if self._looker.knows(picture, codec, qp, before):
                continue
            try:
                self._looker.look(picture, codec, qp, before)
            except Exception as error:
                return self._tell(error)
            self._draw_chart()

    def _draw_chart(self) -> None:
        # The slider and the background curve both draw: the one that comes last must draw the latest look.
        with self._drawing:
            if (look := self._look) is not None:
                name = self._looker.analyser.classes[look.target]
                curves = self._looker.curves(look.picture)
                behind = self._looker.curves(look.picture, look.before) if look.before else None
                self._chart.value = drawing.chart(look, curves, name, behind)
