"""The block viewer: picture, codec, QP, position → virtual codec → blocks over the picture, one block step by step."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import SimpleNamespace

import numpy as np

from mvlib.virtual.codec import VirtualCodec

from . import samples
from .blocks import PLANES, Block, Dissection, dissect, draw_blocks, mode_name
from .controls import choice, slider
from .panel import Panel, check_start
from .screen import Drawn, Screen, columns

VIEWS = ("decoded", *PLANES[1:])
_TILE = 192  # pixels of an enlarged block: a multiple of every side but 32's, which is drawn at 192 too
_ORANGE, _BLUE = np.array([213, 94, 0]), np.array([0, 114, 178])


class BlockViewer(Panel):
    """A panel that shows how the virtual codec cuts a picture into blocks, and what becomes of one of them.

    ``panel.picture``, ``panel.codec``, ``panel.qp``, ``panel.view``, ``panel.column`` and ``panel.row`` are the
    controls themselves, and ``panel.caption`` tells in words what is shown. Column and row count samples from the
    upper left; the block that covers that place is framed in ``panel.pictures["picture"]``, and enlarged in the others.

    Args:
        pictures: name → uint8 (H, W, 3) RGB; by default photographs of the test side.
        codecs: names for ``VirtualCodec.like``.
        qp: where the slider starts, 0..51.
        short_side: larger pictures are reduced to this many pixels on the shorter side; None leaves them as they are.

    Raises:
        InputError, InputTypeError: no picture or codec, a picture that isn't uint8 (H, W, 3), a QP outside 0..51.
    """

    def __init__(
        self,
        pictures: Mapping[str, np.ndarray] | None = None,
        codecs: Sequence[str] = ("x265", "x264"),
        qp: int = 37,
        short_side: int | None = 192,
    ) -> None:
        known = samples.pictures(pictures, short_side)
        check_start(qp, pictures=known, codecs=codecs)
        self._known = {name: sample.frames[0] for name, sample in known.items()}
        self._codecs = {name: VirtualCodec.like(name, gop="intra") for name in codecs}
        self._dissect = lru_cache(16)(self._dissect)
        height, width = next(iter(self._known.values())).shape[:2]
        self.picture, self.codec = choice("Picture", list(self._known)), choice("Codec", codecs, "140px")
        self.view, self.qp = choice("Show", VIEWS, "220px"), slider("QP", qp, 51)
        self.column = slider("Column", width // 2 // 4 * 4, width - 4, 4)
        self.row = slider("Row", height // 2 // 4 * 4, height - 4, 4)
        super().__init__([("picture", "codec", "view", "qp"), ("column", "row")])

    def __repr__(self) -> str:
        return f"BlockViewer({len(self._known)} pictures, {len(self._codecs)} codecs)"

    def _fit(self) -> None:
        """Keep the marked place inside a picture of another size."""
        height, width = self._known[self.picture.value].shape[:2]
        self.column.max, self.row.max = width - 4, height - 4

    def _dissect(self, picture: str, codec: str, qp: int) -> Dissection:
        return dissect(self._known[picture], qp, self._codecs[codec])

    def _draw(self, move: SimpleNamespace) -> Screen:
        found = self._dissect(move.picture, move.codec, move.qp)
        block, (height, width) = found.at(move.column, move.row), found.frame.shape[:2]
        decoded = move.view == "decoded"
        picture = found.frame if decoded else coloured(found.luma[move.view], move.view)[:height, :width]
        pictures = {"picture": Drawn(move.view, draw_blocks(picture, found, block))}
        pictures |= {name: Drawn(name, _enlarged(found.cut(name, block), name)) for name in PLANES}
        large, *tiles = (picture.html() for picture in pictures.values())
        body = columns([large, columns(tiles[:3]) + columns(tiles[3:])])
        return Screen(in_words(found, block, move.codec, move.qp), body, pictures)


def coloured(values: np.ndarray, name: str) -> np.ndarray:
    """Luma values (h, w) as uint8 (h, w, 3): samples in grey; what has a sign from blue over white to orange."""
    if name in ("source", "prediction", "reconstruction"):
        return values.clip(0, 255).round().astype(np.uint8)[..., None].repeat(3, -1)
    # A level of one must be plain to see beside one of thirty; residuals are in grey levels and drawn to 48.
    strength = np.log2(1 + np.abs(values)) / 4 if name == "levels" else np.abs(values) / 48
    strength = np.where(values != 0, strength.clip(0.2 if name == "levels" else 0, 1), 0)[..., None]
    colour = np.where((values > 0)[..., None], _ORANGE, _BLUE)
    return (255 * (1 - strength) + colour * strength).round().astype(np.uint8)


def in_words(found: Dissection, block: Block, codec: str, qp: int) -> str:
    """The caption: blocks, bits and PSNR of the picture; size, mode and levels of the block."""
    levels, height, width = found.cut("levels", block), *found.frame.shape[:2]
    error = found.cut("source", block) - found.cut("reconstruction", block)
    mode = mode_name(block.mode, block.k, found.standard)
    return (
        f"{codec} at QP {qp}: {len(found.blocks):,} blocks, {found.bits / (height * width):.3f} bpp estimated, "
        f"PSNR {found.psnr:.2f} dB; block of {block.k}×{block.k} at column {block.x}, row {block.y}, "
        f"mode {mode}: {np.count_nonzero(levels)} of {levels.size} levels are sent, "
        f"error {np.sqrt(np.mean(np.square(error))):.1f} grey levels rms"
    )


def _enlarged(values: np.ndarray, name: str) -> np.ndarray:
    times = _TILE // len(values)
    return coloured(values, name).repeat(times, 0).repeat(times, 1)
