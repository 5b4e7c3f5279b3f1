"""The block viewer: picture, codec, QP, position → virtual codec → blocks over the picture, one block step by step."""

from collections.abc import Mapping, Sequence

import ipywidgets as ipw
import numpy as np

from mvlib.errors import InputError
from mvlib.virtual.codec import VirtualCodec

from .blocks import PLANES, Block, Dissection, dissect, draw_blocks, mode_name
from .parts import alarm, choice, slider, spoken
from .pictures import example_pictures, png, shrink

VIEWS = ("decoded", *PLANES[1:])
_TILE = 192  # pixels of an enlarged block: a multiple of every side but 32's, which is drawn at 192 too
_SCALE = 3
_ORANGE, _BLUE = np.array([213, 94, 0]), np.array([0, 114, 178])


class BlockViewer(ipw.VBox):
    """A panel that shows how the virtual codec cuts a picture into blocks, and what becomes of one of them.

    ``panel.picture``, ``panel.codec``, ``panel.qp``, ``panel.view``, ``panel.column`` and ``panel.row`` are the
    controls themselves, and ``panel.caption`` says in words what is shown. Column and row count samples from the
    upper left; the block that covers that place is framed, and enlarged on the right.

    Args:
        pictures: name → uint8 (H, W, 3) RGB; by default photographs of the test side.
        codecs: names for ``VirtualCodec.like``.
        qp: where the slider starts, 0..51.
        short_side: larger pictures are reduced to this many pixels on the shorter side; None leaves them as they are.

    Raises:
        ValueError, TypeError: no picture or codec, a picture that isn't uint8 (H, W, 3), or a QP outside 0..51.
    """

    def __init__(
        self,
        pictures: Mapping[str, np.ndarray] | None = None,
        codecs: Sequence[str] = ("x265", "x264"),
        qp: int = 37,
        short_side: int | None = 192,
    ) -> None:
        pictures = example_pictures() if pictures is None else dict(pictures)
        if not pictures or not codecs or not 0 <= qp <= 51:
            raise InputError(
                f"{len(pictures)} pictures, {len(codecs)} codecs, qp {qp}; "
                "give at least one picture and one codec, and a qp of 0..51"
            )
        self._pictures = {name: shrink(name, picture, short_side) for name, picture in pictures.items()}
        self._codecs = {name: VirtualCodec.like(name, gop="intra") for name in codecs}
        self._found: tuple[tuple[str, str, int], Dissection] | None = None
        self._words = ""
        self._make_controls(qp)
        super().__init__(self._lay_out(), layout=ipw.Layout(max_width="1180px"))
        for control in (self.picture, self.codec, self.qp, self.view, self.column, self.row):
            control.observe(self._moved, "value")
        self._moved()

    @property
    def caption(self) -> str:
        """What is shown, in words: blocks, bits and PSNR of the picture; size, mode and levels of the block."""
        return self._words

    def __repr__(self) -> str:
        return f"BlockViewer({len(self.picture.options)} pictures, {len(self.codec.options)} codecs)"

    def _make_controls(self, qp: int) -> None:
        self.picture = choice("Picture", list(self._pictures), "220px")
        self.codec = choice("Codec", list(self._codecs), "140px")
        self.view = choice("Show", VIEWS, "220px")
        self.qp = slider("QP", qp, 51)
        height, width = self._pictures[self.picture.value].shape[:2]
        self.column, self.row = (
            slider("Column", width // 2 // 4 * 4, width - 4, 4),
            slider("Row", 0, height - 4, 4),
        )
        self.row.value = height // 2 // 4 * 4

    def _lay_out(self) -> list[ipw.Widget]:
        self._caption, self._alert = ipw.HTML(), ipw.HTML()
        self._large = ipw.Image(format="png", layout=ipw.Layout(width="100%", height="auto"))
        tile = ipw.Layout(width="100%", height="auto", border="1px solid #999")
        self._tiles = {name: ipw.Image(format="png", layout=tile) for name in PLANES}
        cells = [ipw.VBox([ipw.HTML(f"<b>{name}</b>"), image]) for name, image in self._tiles.items()]
        grid = ipw.GridBox(
            cells,
            layout=ipw.Layout(
                grid_template_columns="repeat(3, 1fr)", grid_gap="10px", flex="1 1 0", min_width="0"
            ),
        )
        left = ipw.VBox([self._large], layout=ipw.Layout(flex="1 1 0", min_width="0", margin="0 12px 0 0"))
        gap = ipw.Layout(margin="0 4px", grid_gap="12px")
        return [
            ipw.HBox([self.picture, self.codec, self.view, self.qp], layout=gap),
            ipw.HBox([self.column, self.row], layout=gap),
            self._caption,
            ipw.HBox([left, grid]),
            self._alert,
        ]

    def _moved(self, change: object = None) -> None:
        """Show what the controls ask for; an error goes into the panel, for a kernel's log is out of sight."""
        try:
            if isinstance(change, Mapping) and change["owner"] is self.picture:
                self._fit_sliders()
            self._show(self._coded())
            self._alert.value = ""
        except Exception as error:
            self._words = f"{type(error).__name__}: {error}"
            self._alert.value = alarm(self._words)

    def _fit_sliders(self) -> None:
        """Keep the marked place inside a picture of another size."""
        height, width = self._pictures[self.picture.value].shape[:2]
        self.column.max, self.row.max = width - 4, height - 4

    def _coded(self) -> Dissection:
        key = (self.picture.value, self.codec.value, self.qp.value)
        if self._found is None or self._found[0] != key:
            self._found = key, dissect(self._pictures[key[0]], key[2], self._codecs[key[1]])
        return self._found[1]

    def _show(self, found: Dissection) -> None:
        block = found.at(self.column.value, self.row.value)
        height, width = found.frame.shape[:2]
        view = self.view.value
        picture = found.frame if view == "decoded" else seen(found.luma[view], view)[:height, :width]
        self._large.value = png(draw_blocks(picture, found, block, _SCALE))
        for name, image in self._tiles.items():
            image.value = png(_enlarged(seen(found.cut(name, block), name)))
        self._words = in_words(found, block, self.codec.value, self.qp.value)
        self._caption.value = spoken(self._words)


def seen(values: np.ndarray, name: str) -> np.ndarray:
    """Luma values (h, w) as uint8 (h, w, 3): samples in grey; what has a sign from blue over white to orange."""
    if name in ("source", "prediction", "reconstruction"):
        return values.clip(0, 255).round().astype(np.uint8)[..., None].repeat(3, -1)
    # A level of one must be plain to see beside one of thirty; residuals are in grey levels and drawn to 48.
    strength = np.log2(1 + np.abs(values)) / 4 if name == "levels" else np.abs(values) / 48
    strength = np.where(values != 0, strength.clip(0.2 if name == "levels" else 0, 1), 0)[..., None]
    colour = np.where((values > 0)[..., None], _ORANGE, _BLUE)
    return (255 * (1 - strength) + colour * strength).round().astype(np.uint8)


def in_words(found: Dissection, block: Block, codec: str, qp: int) -> str:
    """The caption."""
    levels, height, width = found.cut("levels", block), *found.frame.shape[:2]
    error = found.cut("source", block) - found.cut("reconstruction", block)
    mode = mode_name(block.mode, block.k, found.standard)
    return (
        f"{codec} at QP {qp}: {len(found.blocks):,} blocks, {found.bits / (height * width):.3f} bpp estimated, "
        f"PSNR {found.psnr:.2f} dB; block of {block.k}×{block.k} at column {block.x}, row {block.y}, "
        f"mode {mode}: {np.count_nonzero(levels)} of {levels.size} levels are sent, "
        f"error {np.sqrt(np.mean(np.square(error))):.1f} grey levels rms"
    )


def _enlarged(tile: np.ndarray) -> np.ndarray:
    times = _TILE // tile.shape[0]
    return tile.repeat(times, 0).repeat(times, 1)
