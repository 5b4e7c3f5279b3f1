"""The QP slider: picture, codec, QP → stream of a real encoder → what a person and what a network still see."""

import io
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from html import escape
from threading import Lock

import ipywidgets as ipw
import numpy as np
from PIL import Image

from mvlib.analysers import Classifier, load
from mvlib.plots import difference

from . import drawing
from .looking import Look, Looker
from .pictures import example_pictures, shrink

CODECS = ("x264", "x265", "svtav1", "vp9", "mjpeg", "jpeg", "webp", "avif")
CURVE_QPS = (51, 47, 43, 39, 35, 31, 27, 23, 19, 15, 11)
_GAIN = 2


class QPExplorer(ipw.VBox):
    """A panel with a picture, a codec and a QP; each move really encodes, decodes and looks.

    ``panel.picture``, ``panel.codec`` and ``panel.qp`` are the controls themselves, so ``panel.qp.value = 40``
    moves the slider, and ``panel.caption`` then says in words what is shown.  Whatever goes wrong stands in the
    panel in red, and in ``caption``.

    Args:
        pictures: name → uint8 (H, W, 3) RGB; by default photographs of the test side.
        codecs: names for ``RealCodec``.
        analyser: a ``Classifier`` or a name for ``mvlib.analysers.load``.
        qp: where the slider starts, 0..51.
        short_side: larger pictures are reduced to this many pixels on the shorter side, which keeps a move below
            about 150 ms on two cores; None leaves them as they are.

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
    ) -> None:
        pictures = example_pictures() if pictures is None else dict(pictures)
        if not pictures or not codecs or not 0 <= qp <= 51:
            raise ValueError(
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
        super().__init__(self._lay_out(), layout=ipw.Layout(max_width="1180px"))
        for control in (self.picture, self.codec, self.qp):
            control.observe(self._moved, "value")
        self._moved()

    @property
    def caption(self) -> str:
        """What is shown, in words: codec, QP, bits, bits per pixel, PSNR in dB, what the network keeps."""
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
        def style(width: str) -> dict[str, object]:
            return {"style": {"description_width": "initial"}, "layout": ipw.Layout(width=width)}

        self.picture = ipw.Dropdown(options=pictures, description="Picture", **style("260px"))
        self.codec = ipw.Dropdown(
            options=codecs,
            value="x265" if "x265" in codecs else codecs[0],
            description="Codec",
            **style("160px"),
        )
        # Coding starts when the handle is let go, or at each press of an arrow key.
        self.qp = ipw.IntSlider(
            value=qp, min=0, max=51, continuous_update=False, description="QP", **style("auto")
        )
        self.qp.layout.flex = "1 1 auto"
        self.qp.tooltip = "quantisation parameter: 0 keeps nearly everything, 51 nearly nothing"

    def _lay_out(self) -> list[ipw.Widget]:
        full = ipw.Layout(width="100%", height="auto")
        self._images = [ipw.Image(format="png", layout=full) for _ in range(3)]
        self._titles = [ipw.HTML() for _ in range(3)]
        column = ipw.Layout(flex="1 1 0", min_width="0", margin="0 6px", overflow="hidden")
        figures = [
            ipw.VBox([title, image], layout=column)
            for title, image in zip(self._titles, self._images, strict=True)
        ]
        self._caption, self._alert = ipw.HTML(), ipw.HTML()
        half = ipw.Layout(flex="1 1 0", min_width="0", margin="8px 6px 0")
        self._bars, self._chart = ipw.HTML(layout=half), ipw.HTML(layout=half)
        return [
            ipw.HBox([self.picture, self.codec, self.qp], layout=ipw.Layout(margin="0 4px", grid_gap="12px")),
            self._caption,
            ipw.HBox(figures),
            ipw.HBox([self._bars, self._chart]),
            self._alert,
        ]

    def _moved(self, _change: object = None) -> None:
        """Show what the controls ask for; an error goes into the panel, for a kernel's log is out of sight."""
        try:
            look = self._looker.look(self.picture.value, self.codec.value, self.qp.value)
            self._show(look)
            self._alert.value = ""
        except Exception as error:
            self._tell(error)
        else:
            self._start_curve(look)

    def _show(self, look: Look) -> None:
        height, width = look.original.shape[:2]
        titles = (
            f"original, {width}×{height} pixels",
            f"decoded, {look.codec} at QP {look.qp}",
            f"difference ×{_GAIN}, grey: none",
        )
        apart = difference(look.original, look.decoded, _GAIN)
        new = (look.original, look.decoded, apart)
        same_picture = self._look is not None and self._look.picture == look.picture
        for i, (image, title, text) in enumerate(zip(self._images, self._titles, titles, strict=True)):
            # In words above the picture: ipywidgets 8.1 fails to draw an Image that has a tooltip, and has no alt text.
            title.value = f"<b>{text}</b>"
            if i or not same_picture:
                image.value = _png(new[i])
        self._look = look
        classes = self._looker.analyser.classes
        self._bars.value = drawing.bars(look, classes)
        self._words = _in_words(look, classes[look.target])
        words = escape(self._words)
        style = 'class="mvlib-caption" aria-live="polite" style="margin:4px 6px"'
        self._caption.value = f"<div {style}>{words}</div>"
        self._draw_chart()

    def _tell(self, error: Exception) -> None:
        self._words = f"{type(error).__name__}: {error}"
        self._alert.value = (
            '<div role="alert" style="border-left:4px solid #D55E00;padding:6px 10px;margin:6px">'
            f"<b>This could not be shown.</b> {escape(self._words)}</div>"
        )

    def _start_curve(self, look: Look) -> None:
        if all(self._looker.knows(look.picture, look.codec, qp) for qp in CURVE_QPS):
            return
        self._curve = self._background.submit(self._measure_curve, look.picture, look.codec)

    def _measure_curve(self, picture: str, codec: str) -> None:
        """Add the missing points of a curve, until the person turns to another one."""
        for qp in CURVE_QPS:
            shown = self._look
            if shown is None or (shown.picture, shown.codec) != (picture, codec):
                return
            if self._looker.knows(picture, codec, qp):
                continue
            try:
                self._looker.look(picture, codec, qp)
            except Exception as error:
                return self._tell(error)
            self._draw_chart()

    def _draw_chart(self) -> None:
        # The slider and the background curve both draw: the one that comes last must draw the latest look.
        with self._drawing:
            if (look := self._look) is not None:
                name = self._looker.analyser.classes[look.target]
                self._chart.value = drawing.chart(look, self._looker.curves(look.picture), name)


def _in_words(look: Look, name: str) -> str:
    own = "" if look.native == look.qp else f" (its own scale: {look.native:g})"
    kept = f"{100 * float(look.clean[look.target]):.0f} % → {100 * look.kept:.0f} %"
    return (
        f"{look.codec} at QP {look.qp}{own}: {look.bits:,} bits, {look.bpp:.3f} bpp, PSNR {look.psnr:.2f} dB; "
        f"“{name}” {kept}, KL {look.kl:.3f} nats"
    )


def _png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    # Lossless, because the panel is about what a lossy codec does; level 1, because it is drawn at every move.
    Image.fromarray(picture).save(file, "PNG", compress_level=1)
    return file.getvalue()
