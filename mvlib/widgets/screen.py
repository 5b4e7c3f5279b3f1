"""What a panel shows below its controls: one text of HTML, which reaches the page in one message.

So nothing that is seen together belongs to different moves, and a browser lays the page out once for each move.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import NamedTuple

import numpy as np

from .samples import png


class Still(NamedTuple):
    """A picture and what stands above it."""

    title: str
    """HTML, one line."""
    pixels: np.ndarray
    """uint8 (H, W, 3)."""

    def html(self, onclick: str = "") -> str:
        """The title above the picture, which is as wide as its place; lossless; ``onclick`` is the browser's to run."""
        height, width = self.pixels.shape[:2]
        data = b64encode(png(self.pixels)).decode("ascii")
        # A picture that is decoded later would stand under the numbers of this move as a blank, or as the last one.
        click = f'onclick="{onclick}" ' if onclick else ""
        return (
            f'<div class="mvlib-title"><b>{self.title}</b></div><img decoding="sync" alt="" {click}'
            f'width="{width}" height="{height}" style="width:100%;height:auto" src="data:image/png;base64,{data}">'
        )


_UNSEEN = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)"


@dataclass(frozen=True)
class Screen:
    """What one move shows.

    Attributes:
        caption: what is shown, in words; read aloud where the page is read aloud.
        body: HTML.
        pictures, charts: what stands in the body, by name; a chart is HTML.
        table: HTML in place of the caption, which then is not seen.
    """

    caption: str
    body: str
    pictures: Mapping[str, Still] = field(default_factory=dict)
    charts: Mapping[str, str] = field(default_factory=dict)
    table: str = ""

    def html(self) -> str:
        """All of it."""
        hidden = _UNSEEN if self.table else "margin:4px 6px"
        words = f'<div class="mvlib-caption" aria-live="polite" style="{hidden}">{escape(self.caption)}</div>'
        return f"{words}{self.table}{self.body}"


def columns(parts: Sequence[str], kind: str = "") -> str:
    """Pieces of HTML beside one another in equal parts of the row; of a ``kind`` with a least width in several rows."""
    style = "margin:8px 6px 0" + ("" if kind else ";flex:1 1 0;min-width:0")
    pieces = "".join(f'<div class="{kind}" style="{style}">{part}</div>' for part in parts)
    return f'<div style="display:flex;flex-wrap:{"wrap" if kind else "nowrap"}">{pieces}</div>'


def within(rows: str) -> str:
    """Columns that stand in a column, without margins of their own."""
    return f'<div style="margin:-8px -6px 0">{rows}</div>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A small table of text; the first column names the rows."""
    cell = "padding:1px 14px 1px 0;text-align:right;white-space:nowrap"
    first = cell.replace("right", "left", 1).replace("14px", "20px")
    lines = []
    for kind, line in [("th", head), *(("td", line) for line in rows)]:
        styles = (first, *(cell for _ in line[1:]))
        cells = (
            f"<{kind} style={style!r}>{escape(v)}</{kind}>" for style, v in zip(styles, line, strict=True)
        )
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f'<table style="margin:4px 6px;border-collapse:collapse;line-height:1.4">{"".join(lines)}</table>'
