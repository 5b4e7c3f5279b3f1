"""The page of a panel: style sheet, line above the controls, and one text of HTML below, sent in one message.

So nothing that is seen together belongs to different moves, and a browser lays the page out once for each move.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import NamedTuple

import numpy as np

from .samples import png

PANEL, BUSY, POINTED = "mvlib-panel", "mvlib-busy", "mvlib-pointed"
"""Classes: of a panel, of one that works, and of the unseen field that takes the place of a click."""
# The note is seen only when the work takes longer than a quarter of a second: quick moves should not flicker.
# JupyterLab marks what has lost its kernel; of the controls' own signs of it the one sentence is enough.
_CSS = """<style>
.mvlib-panel { max-width: 1180px }
.mvlib-panel .widget-html, .mvlib-panel .widget-html-content { min-width: 0 }
.mvlib-bar { display: flex; gap: 16px; align-items: baseline; padding: 0 6px; line-height: 1.6 }
.mvlib-hint { flex: 1 1 0; min-width: 0; color: var(--jp-ui-font-color2, #555) }
.mvlib-note, .mvlib-gone { white-space: nowrap; font-weight: bold }
.mvlib-note { visibility: hidden }
.mvlib-busy .mvlib-note { visibility: visible; transition: visibility 0s 0.25s }
.mvlib-gone, .mvlib-pointed, .jupyter-widgets-disconnected .mvlib-note { display: none }
.jupyter-widgets-disconnected .mvlib-gone { display: inline; color: #b3261e }
.mvlib-panel .jupyter-widgets-disconnected::before { content: none }
.mvlib-chart { flex: 1 1 390px; max-width: max(50% - 12px, 390px) }
.mvlib-still { flex: 1 1 0 }
.mvlib-third { flex: 1 1 calc(33.3% - 12px) }
.mvlib-half { flex: 1 1 calc(50% - 12px) }
.mvlib-chart, .mvlib-still, .mvlib-third, .mvlib-half { min-width: 0 }
.mvlib-panel:not(:fullscreen) .mvlib-third .mvlib-title { font-size: 12px }
.mvlib-title { white-space: nowrap; overflow: hidden; text-overflow: ellipsis }
.mvlib-panel:fullscreen { max-width: none; padding: 12px 24px; overflow: auto;
    background: var(--jp-layout-color0, white); --jp-widgets-font-size: 19px; --jp-ui-font-size1: 19px;
    --jp-widgets-inline-height: 36px; font-size: 19px }
.mvlib-panel:fullscreen > * { flex-shrink: 0 }
.mvlib-panel:fullscreen .widget-dropdown { width: max-content !important }
.mvlib-panel:fullscreen .mvlib-chart { max-width: none }
.mvlib-panel:fullscreen .widget-text { width: 330px }
.mvlib-panel:fullscreen img { max-height: 66vh; object-fit: contain; object-position: left top }
.mvlib-panel:fullscreen .mvlib-still img { max-height: 36vh }
</style>"""
_LECTURE = (
    "const panel = this.closest('.mvlib-panel'); "
    "document.fullscreenElement ? document.exitFullscreen() : panel.requestFullscreen()"
)
# Where in the picture, in shares of its width and height, as a text that the kernel reads; beside it may be room.
POINT = (
    "const box = this.getBoundingClientRect(); "
    "const field = this.closest('.mvlib-panel').querySelector('.mvlib-pointed input'); "
    "const scale = Math.min(box.width / this.naturalWidth, box.height / this.naturalHeight); "
    "field.value = [(event.clientX - box.left) / scale / this.naturalWidth, "
    "(event.clientY - box.top) / scale / this.naturalHeight].join(' '); "
    "field.dispatchEvent(new Event('change', {bubbles: true}))"
)


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
    """The outcome of one move.

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


def in_words(*tables: tuple[Sequence[str], Sequence[Sequence[str]]]) -> str:
    """Tables, (head, rows) as ``table`` takes them, as a caption: "head, row – title: value, …; …"."""
    return "; ".join(
        f"{', '.join(filter(None, (head[0], row[0])))} – "
        + ", ".join(f"{title}: {value}" for title, value in zip(head[1:], row[1:], strict=True))
        for head, rows in tables
        for row in rows
    )


def bar(hint: str) -> str:
    """The line above a panel's controls: ``hint``, whether it works or has lost its kernel, and the lecture switch."""
    return (
        f'{_CSS}<div class="mvlib-bar"><span class="mvlib-hint">{escape(hint)}</span>'
        '<span class="mvlib-note" role="status">working …</span>'
        '<span class="mvlib-gone" role="alert">The kernel was restarted: run this cell again.</span>'
        '<button class="jupyter-button" title="fill the screen; Esc leaves it" '
        f'onclick="{_LECTURE}">Lecture</button></div>'
    )
