"""Charts as text: numbers → SVG, quick enough to draw at every move.

The axes stand still, so that two codecs, clips or QPs can be compared by eye.

Why not a library, measured for the chart of a rate curve (``benchmarks/bench_widgets.py``: the kernel's part; on a busy
two-core machine): matplotlib's SVG takes the kernel 200 ms, this one 0.1 ms and the browser 1 ms.  Of plotly the kernel
spends 0.5 ms and the browser 45 ms (``Plotly.react``).  bqplot takes the kernel 0.1 ms as well; but a chart that is a
widget of its own reaches the page in its own message, and would stand beside the picture and caption of another move.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite, log10

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 520, 234, 64, 396, 14, 186
"""Of a chart, and of the field in which lines are drawn; their names stand right of it."""
PAPER, FAINT = "var(--jp-layout-color0, white)", "var(--jp-border-color2, #ddd)"
_TEXT = "var(--jp-ui-font-color1, #222)"


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


SHARE, _KILOBIT = Axis(0, 1, BOTTOM, TOP), Axis(0.03, 300, BOTTOM, TOP, log=True)
_LINE = 17
"""Height of a line of text."""
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


def _levels(axis: Axis, values: Sequence[float], unit: str, right: float) -> list[str]:
    """Faint lines across the chart, with their values on the left; shares are written in percent."""
    return [
        tag("line", x1=LEFT, x2=right, y1=axis(v), y2=axis(v), stroke=FAINT)
        + text(LEFT - 6, axis(v) + 5, f"{100 * v if unit else v:g}{unit}", "end")
        for v in values
    ]


def titled(title: str, chart: str) -> str:
    """A chart below its title, HTML of one line."""
    return f'<div class="mvlib-title" style="margin-bottom:4px">{title}</div>{chart}'


def _svg(parts: Sequence[str], words: str, right: float, title: str) -> str:
    """The whole chart, with the title of its horizontal axis; ``words`` are for those who don't see it."""
    return (
        f'<svg role="img" aria-label="{escape(words)}" viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" '
        f'style="font:16px var(--jp-ui-font-family, sans-serif);fill:{_TEXT};display:block">'
        f"{''.join(parts)}{text((LEFT + right) / 2, HEIGHT - 6, title)}</svg>"
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
    every = 1 + int(22 / step)
    parts = _levels(_KILOBIT, (0.1, 1, 10, 100), "", WIDTH)
    for t, (value, fill, label) in enumerate(zip(bits, fills, labels, strict=True)):
        x, y = LEFT + step * t, _KILOBIT(value / 1000)
        size = {"x": x + 0.15 * step, "y": y, "width": 0.7 * step, "height": BOTTOM - y}
        parts.append(tag("rect", **size, fill=fill, **(_BLACK if t == shown else {})))
        if marks is not None:
            y = _KILOBIT(marks[t] / 1000)
            parts.append(tag("line", x1=x + 0.05 * step, x2=x + 0.95 * step, y1=y, y2=y, **_BLACK))
        if t % every == 0:
            parts.append(text(x + step / 2, BOTTOM + 18, label))
    return _svg(parts, words, WIDTH, "frame")


@dataclass(frozen=True)
class Line:
    """A line of a ``line_chart``: points (x, share in [0, 1] or NaN for none), and the name at its end."""

    points: Sequence[tuple[float, float]]
    colour: str
    name: str
    width: float = 2.5
    dashes: str | None = None
    opacity: float = 1.0


def line_chart(
    lines: Sequence[Line], x: Axis, ticks: Sequence[float], title: str, words: str, over: Sequence[str] = ()
) -> str:
    """SVG of shares, 0 to 100 %.

    Args:
        x, ticks, title: horizontal axis, from ``LEFT`` to ``RIGHT``, and what is written below it.
        words: what is shown, for those who don't see it.
        over: elements that are drawn over the lines.
    """
    parts = _levels(SHARE, (0, 0.25, 0.5, 0.75, 1), " %", RIGHT)
    for v in ticks:
        parts.append(tag("line", x1=x(v), x2=x(v), y1=BOTTOM, y2=BOTTOM + 4, stroke=FAINT))
        parts.append(text(x(v), BOTTOM + 19, f"{v:g}"))
    ends = []
    for line in lines:
        places = [(x(v), SHARE(share)) for v, share in line.points if isfinite(share)]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        style = {"stroke": line.colour, "stroke_width": line.width, "stroke_dasharray": line.dashes}
        parts.append(tag("polyline", points=path, fill="none", opacity=line.opacity, **style))
        ends.append((places[-1][1], line))
    return _svg([*parts, *_names(ends), *over], words, RIGHT, title)


def _names(ends: list[tuple[float, Line]]) -> Iterator[str]:
    """Names beside the ends of their lines, pushed apart where they would overlap."""
    last = TOP - 18.0
    for i, (y, line) in enumerate(sorted(ends, key=lambda end: end[0])):
        room = BOTTOM - _LINE * (len(ends) - 1 - i)  # for those that follow
        last = max(last + _LINE, min(y, room))
        yield text(RIGHT + 8, last + 5, line.name, "start", fill=line.colour)
