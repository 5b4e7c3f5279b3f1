"""Charts as text: numbers → SVG, quick enough to draw at every move.

The axes stand still, so that two codecs, clips or QPs can be compared by eye.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite, log10

WIDTH, TOP, LEFT = 520, 14, 52
TEXT, PAPER, FAINT = (
    "var(--jp-ui-font-color1, #222)",
    "var(--jp-layout-color0, white)",
    "var(--jp-border-color2, #ddd)",
)


@dataclass(frozen=True)
class Axis:
    """Values from ``low`` to ``high``, clipped, lie between the pixels ``start`` and ``end``."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        values = (self.low, self.high, min(max(value, self.low), self.high))
        low, high, value = (log10(v) for v in values) if self.log else values
        return self.start + (value - low) / (high - low) * (self.end - self.start)


_BOTTOM = 150
_KILOBIT, _SHARE = Axis(0.03, 300, _BOTTOM, TOP, log=True), Axis(0, 1, _BOTTOM, TOP)
_NAMES_WIDTH = 120
_BLACK = {"stroke": "currentColor", "stroke_width": 2}


def tag(kind: str, content: str = "", /, **attributes: object) -> str:
    """An SVG element; ``stroke_width`` is written stroke-width, ``class_`` class; None leaves one out."""
    listed = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{f"{value:.1f}" if isinstance(value, float) else value}"'
        for name, value in attributes.items()
        if value is not None
    )
    return f"<{kind}{listed}>{content}</{kind}>" if content else f"<{kind}{listed}/>"


def text(x: float, y: float, words: object, anchor: str = "middle", **more: object) -> str:
    return tag("text", escape(str(words)), x=x, y=y, text_anchor=anchor, **more)


def polyline(points: Sequence[tuple[float, float]], colour: str, width: float, dashes: str | None) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    style = {"stroke": colour, "stroke_width": str(width), "stroke_dasharray": dashes or None}
    return tag("polyline", points=path, fill="none", stroke_linejoin="round", **style)


def levels(axis: Axis, values: Sequence[float], unit: str, right: float) -> list[str]:
    """Faint lines across the chart, with their values on the left; a share is written in percent."""
    return [
        tag("line", x1=LEFT, x2=right, y1=axis(v), y2=axis(v), stroke=FAINT)
        + text(LEFT - 6, axis(v) + 4, f"{100 * v if unit else v:g}{unit}", "end")
        for v in values
    ]


def svg(parts: Sequence[str], words: str, height: float, middle: float, title: str) -> str:
    """The whole chart, with the title of its horizontal axis; ``words`` are for those who don't see it."""
    return (
        f'<svg role="img" aria-label="{escape(words)}" viewBox="0 0 {WIDTH} {height}" width="100%" '
        f'style="font:13px var(--jp-ui-font-family, sans-serif);fill:{TEXT};display:block">'
        f"{''.join(parts)}{text(middle, height - 6, title)}</svg>"
    )


def frame_bars(
    bits: Sequence[float],
    marks: Sequence[float] | None,
    fills: Sequence[str],
    labels: Sequence[object],
    words: str,
    shown: int | None = None,
) -> str:
    """SVG of kilobit per frame on a log scale: a bar for each frame, and a line across it.

    Args:
        bits: heights of the bars, in bits.  marks: of the lines; None draws none.
        fills: colours of the bars.  labels: what stands under each; crowded ones are left out.
        words: what is shown, for those who don't see it.
        shown: the bar with an edge.
    """
    step = (WIDTH - LEFT) / len(bits)
    every = 1 + int(18 / step)
    parts = levels(_KILOBIT, (0.1, 1, 10, 100), "", WIDTH)
    for t, (value, fill, label) in enumerate(zip(bits, fills, labels, strict=True)):
        x, y = LEFT + step * t, _KILOBIT(value / 1000)
        size = {"x": x + 0.15 * step, "y": y, "width": 0.7 * step, "height": _BOTTOM - y}
        parts.append(tag("rect", **size, fill=fill, **(_BLACK if t == shown else {})))
        if marks is not None:
            y = _KILOBIT(marks[t] / 1000)
            parts.append(tag("line", x1=x + 0.05 * step, x2=x + 0.95 * step, y1=y, y2=y, **_BLACK))
        if t % every == 0:
            parts.append(text(x + step / 2, _BOTTOM + 15, label))
    return svg(parts, words, _BOTTOM + 40, (LEFT + WIDTH) / 2, "frame")


@dataclass(frozen=True)
class Line:
    """A line of ``frame_lines``: a value in [0, 1] for each frame, NaN where there is none."""

    values: Sequence[float]
    colour: str
    name: str
    width: float = 2.5
    dashes: str = ""


def frame_lines(lines: Sequence[Line], shown: int, words: str) -> str:
    """SVG of shares over frames, 0 to 100 %, the shown frame marked; a line's name stands at its end."""
    last, right = max(1, *(len(line.values) - 1 for line in lines)), WIDTH - _NAMES_WIDTH
    x = Axis(0, last, LEFT, right)
    parts = levels(_SHARE, (0, 0.25, 0.5, 0.75, 1), " %", right)
    parts += [text(x(t), _BOTTOM + 15, t) for t in range(0, last + 1, 1 + (last + 1) // 12)]
    place = {"x1": x(shown), "x2": x(shown), "y1": _SHARE(0), "y2": _SHARE(1)}
    parts.append(tag("line", class_="shown", **place, stroke="currentColor", stroke_dasharray="3 3"))
    for line in lines:
        points = [(x(t), _SHARE(v)) for t, v in enumerate(line.values) if isfinite(v)]
        parts.append(polyline(points, line.colour, line.width, line.dashes))
    return svg([*parts, *_names(lines, right + 8)], words, _BOTTOM + 40, (LEFT + right) / 2, "frame")


def _names(lines: Sequence[Line], left: float) -> list[str]:
    """Names beside the ends of their lines, pushed apart where they would overlap."""
    ends = sorted(
        ((_SHARE([v for v in line.values if isfinite(v)][-1]), line) for line in lines),
        key=lambda end: end[0],
    )
    parts, last = [], TOP - 16.0
    for i, (y, line) in enumerate(ends):
        room = _BOTTOM - 15 * (len(ends) - 1 - i)  # for those that follow
        last = max(last + 15, min(y, room))
        parts.append(text(left, last + 4, line.name, "start", fill=line.colour))
    return parts
