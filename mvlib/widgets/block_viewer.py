"""The block viewer: picture, codec, QP, position → virtual codec → blocks over the picture, one block step by step."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import ipywidgets as ipw
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mvlib.samples import Sample

from . import samples
from .blocks import PLANES, CodedBlock, Dissection, dissect, draw_blocks, mode_name, virtual_codec
from .controls import choice, slider, switch
from .panel import Panel, check_start
from .screen import POINT, POINTED, Screen, Still, columns, in_words, table, within

VIEWS = ("decoded", *PLANES[1:])
_TILE = 384  # pixels of an enlarged block
_NUMBERED = 8  # samples on a side, at most, that are large enough to write in
_ORANGE, _BLUE = np.array([213, 94, 0]), np.array([0, 114, 178])


class BlockViewer(Panel):
    """A panel that shows how the virtual codec cuts a picture into blocks, and what becomes of one of them.

    ``panel.picture``, ``panel.codec``, ``panel.qp``, ``panel.view``, ``panel.column``, ``panel.row``, ``panel.grid``
    and ``panel.numbers`` are the controls themselves, and ``panel.caption`` tells in words what is shown. Column and
    row count samples from the upper left, and follow a click on the picture; the block that covers that place is framed
    in ``panel.pictures["picture"]``, and enlarged in the others.

    Args:
        pictures: name → uint8 (H, W, 3) RGB, (H, W) grey or (H, W, 4) with alpha, or a file; by default photographs of
            the test side.
        codecs: names for ``VirtualCodec.like``.
        qp: where the slider starts, 0..51.
        short_side: larger pictures are reduced to this many pixels on the shorter side; None leaves them as they are.

    Raises:
        InputError, InputTypeError: no picture or codec, a picture that isn't uint8 (H, W, 3), a QP outside 0..51.
    """

    kind = "picture"
    hint = "Click on the picture to choose a block; the pictures beside it show how its luma is coded."

    def __init__(
        self,
        pictures: Mapping[str, np.ndarray] | None = None,
        codecs: Sequence[str] = ("x265", "x264"),
        qp: int = 37,
        short_side: int | None = 192,
    ) -> None:
        self._short_side = short_side
        known = samples.pictures(pictures, short_side)
        check_start(qp, pictures=known, codecs=codecs)
        self._codecs = {name: virtual_codec(name, "intra") for name in codecs}
        self._dissect = lru_cache(16)(self._dissected)
        height, width = next(iter(known.values())).frames.shape[1:3]
        self.codec = choice("Codec", codecs, "140px")
        self.view, self.qp = choice("Show", VIEWS, "220px"), slider("QP", qp, 51)
        self.column = slider("Column", width // 2 // 4 * 4, width - 4, 4)
        self.row = slider("Row", height // 2 // 4 * 4, height - 4, 4)
        self.grid, self.numbers = switch("Grid", True), switch("Numbers")
        super().__init__(known, [("picture", "codec", "view", "qp"), ("column", "row", "grid", "numbers")])
        pointed = ipw.Text(continuous_update=False)
        pointed.add_class(POINTED)
        pointed.observe(lambda change: self._point(change.new), "value")
        self.children += (pointed,)

    def __repr__(self) -> str:
        return f"BlockViewer({len(self._known)} pictures, {len(self._codecs)} codecs)"

    def _fit(self) -> None:
        """Keep the marked place inside a picture of another size."""
        height, width = self._known[self.picture.value].frames.shape[1:3]
        self.column.max, self.row.max = width - 4, height - 4

    def _dissected(self, picture: str, codec: str, qp: int) -> Dissection:
        return dissect(self._known[picture].frames[0], qp, self._codecs[codec])

    def _sample(self, name: str, given: Any) -> Sample:
        return samples.picture(name, given, self._short_side)

    def _point(self, place: str) -> None:
        """Go to a place, in shares of the picture's width and height: "0.25 0.5"."""
        height, width = self._known[self.picture.value].frames.shape[1:3]
        across, down = (float(part) for part in place.split())
        with self.hold_moves():
            self.column.value, self.row.value = int(across * width) // 4 * 4, int(down * height) // 4 * 4

    def _draw(self, move: SimpleNamespace) -> Iterator[Screen]:
        found = self._dissect(move.picture, move.codec, move.qp)
        block, (height, width) = found.at(move.column, move.row), found.frame.shape[:2]
        decoded = move.view == "decoded"
        picture = found.frame if decoded else coloured(found.luma[move.view], move.view)[:height, :width]
        pictures = {"picture": Still(move.view, draw_blocks(picture, found, block, grid=move.grid))}
        part = f", upper left {_NUMBERED}×{_NUMBERED}" if move.numbers and block.k > _NUMBERED else ""
        pictures |= {
            name: Still(name + part, _enlarged(found.cut(name, block), name, move.numbers)) for name in PLANES
        }
        width = "mvlib-half" if move.numbers and block.k > 4 else "mvlib-third"
        tiles = columns([pictures[name].html() for name in PLANES], width)
        body = columns([pictures["picture"].html(POINT), within(tiles)])
        tables = facts(found, block, f"{move.codec} at QP {move.qp}")
        yield Screen(in_words(*tables), body, pictures, table="".join(table(*each) for each in tables))


def coloured(values: np.ndarray, name: str) -> np.ndarray:
    """Luma values (h, w) as uint8 (h, w, 3): samples in grey; what has a sign from blue over white to orange."""
    if name in ("source", "prediction", "reconstruction"):
        return values.clip(0, 255).round().astype(np.uint8)[..., None].repeat(3, -1)
    # A level of one must be plain to see beside one of thirty; residuals are in grey levels and drawn to 48.
    strength = np.log2(1 + np.abs(values)) / 4 if name == "levels" else np.abs(values) / 48
    strength = np.where(values != 0, strength.clip(0.2 if name == "levels" else 0, 1), 0)[..., None]
    colour = np.where((values > 0)[..., None], _ORANGE, _BLUE)
    return (255 * (1 - strength) + colour * strength).round().astype(np.uint8)


def facts(found: Dissection, block: CodedBlock, title: str) -> list[tuple[list[str], list[list[str]]]]:
    """Tables, head and rows, of the picture and of the block."""
    levels = found.cut("levels", block)
    error = np.sqrt(np.mean(np.square(found.cut("source", block) - found.cut("reconstruction", block))))
    bpp = found.bits / found.frame[..., 0].size
    return [
        (
            [title, "blocks", "bits per pixel (estimated)", "PSNR (dB)"],
            [["picture", f"{len(found.blocks):,}", f"{bpp:.3f}", f"{found.psnr:.2f}"]],
        ),
        (
            ["block", "size", "place", "mode", "levels sent", "error (grey levels rms)"],
            [[
                "", f"{block.k}×{block.k}", f"column {block.x}, row {block.y}",
                mode_name(block.mode, block.k, found.standard),
                f"{np.count_nonzero(levels)} of {levels.size}", f"{error:.1f}",
            ]],
        ),
    ]  # fmt: skip


def _enlarged(values: np.ndarray, name: str, numbers: bool) -> np.ndarray:
    """A block as a picture; with ``numbers`` its upper left part, a number in every sample."""
    values = values[:_NUMBERED, :_NUMBERED] if numbers else values
    times = _TILE // len(values)
    picture = coloured(values, name)
    large = picture.repeat(times, 0).repeat(times, 1)
    if not numbers:
        return large
    image = Image.fromarray(large)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(0.4 * times)
    for (y, x), value in np.ndenumerate(values):
        ink = "black" if picture[y, x].mean() > 110 else "white"
        place = ((x + 0.5) * times, (y + 0.5) * times)
        pen.text(place, str(round(float(value))), ink, font, anchor="mm")
    return np.asarray(image)
