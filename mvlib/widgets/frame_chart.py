"""What happens frame by frame, as text: bits, or lines between 0 and 1 → SVG, quick enough to redraw at every move."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import log10

import numpy as np

_RATE = (0.03, 300.0)  # kilobit; the axis stands still, so that clips and QPs can be compared by eye
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 520, 190, 52, 40, 12
_RIGHT = 120  # room for the names of lines
_TEXT = "var(--jp-ui-font-color1, #222)"


def frame_bars(
    bits: Sequence[float], marks: Sequence[float] | None, fills: Sequence[str], labels: Sequence[str], words: str,
    shown: int | None = None,
) -> str:  # fmt: skip
    """SVG of kilobit per frame on a log scale: a bar for each frame, and a line across it.

    Args:
        bits: heights of the bars, in bits.  marks: of the lines; None draws none.
        fills: colours of the bars.  labels: what stands under each; crowded ones are left out.
        words: what is shown, for those who don't see it.
        shown: the bar with an edge.
    """
    step = (_WIDTH - _LEFT) / len(bits)
    every = 1 + int(18 / step)
    edge = ' stroke="currentColor" stroke-width="2"'
    parts = [_level(_y_rate(v), f"{v:g}", _WIDTH) for v in (0.1, 1, 10, 100)]
    for t, (value, fill, label) in enumerate(zip(bits, fills, labels, strict=True)):
        x, top = _LEFT + step * t, _y_rate(value / 1000)
        parts.append(
            f'<rect x="{x + 0.15 * step:.1f}" y="{top:.1f}" width="{0.7 * step:.1f}" '
            f'height="{_y_rate(_RATE[0]) - top:.1f}" fill="{fill}"{edge if t == shown else ""}/>'
        )
        if marks is not None:
            line = _y_rate(marks[t] / 1000)
            parts.append(
                f'<line x1="{x + 0.05 * step:.1f}" x2="{x + 0.95 * step:.1f}" y1="{line:.1f}" y2="{line:.1f}" '
                'stroke="currentColor" stroke-width="2"/>'
            )
        if t % every == 0:
            parts.append(
                f'<text x="{x + step / 2:.1f}" y="{_HEIGHT - _BOTTOM + 15}" text-anchor="middle">{escape(label)}</text>'
            )
    return _svg(parts, words, (_LEFT + _WIDTH) / 2)


@dataclass(frozen=True)
class Line:
    """A line of ``frame_lines``: a value in [0, 1] for each frame, NaN where there is none."""

    values: Sequence[float]
    colour: str
    name: str = ""
    width: float = 2.5
    dashes: str = ""


def frame_lines(lines: Sequence[Line], shown: int, words: str) -> str:
    """SVG of shares over frames, 0 to 100 %, the shown frame marked; a line's name stands at its end."""
    count = max(2, *(len(line.values) for line in lines))
    right = _WIDTH - _RIGHT
    x = lambda t: _LEFT + (right - _LEFT) * t / (count - 1)  # noqa: E731
    parts = [_level(_y_share(v / 100), f"{v} %", right) for v in (0, 25, 50, 75, 100)]
    every = 1 + count // 12
    parts += [
        f'<text x="{x(t):.1f}" y="{_HEIGHT - _BOTTOM + 15}" text-anchor="middle">{t}</text>'
        for t in range(0, count, every)
    ]
    parts.append(
        f'<line class="shown" x1="{x(shown):.1f}" x2="{x(shown):.1f}" y1="{_y_share(0):.1f}" y2="{_y_share(1):.1f}" '
        'stroke="currentColor" stroke-dasharray="3 3"/>'
    )
    for line in lines:
        points = [(x(t), _y_share(v)) for t, v in enumerate(line.values) if np.isfinite(v)]
        dashes = f' stroke-dasharray="{line.dashes}"' if line.dashes else ""
        parts.append(
            f'<polyline points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in points)}" fill="none" '
            f'stroke="{line.colour}" stroke-width="{line.width}"{dashes}/>'
        )
    parts += _names(lines, right + 8)
    return _svg(parts, words, (_LEFT + right) / 2)


def _names(lines: Sequence[Line], left: float) -> list[str]:
    """Names beside the ends of their lines, pushed apart where they would overlap."""
    ends = [(_y_share([v for v in line.values if np.isfinite(v)][-1]), line) for line in lines if line.name]
    parts, last = [], _TOP - 16.0
    bottom = _HEIGHT - _BOTTOM
    for i, (y, line) in enumerate(sorted(ends, key=lambda end: end[0])):
        room = bottom - 15 * (len(ends) - 1 - i)  # for those that follow
        last = max(last + 15, min(y, room))
        parts.append(f'<text x="{left}" y="{last + 4:.1f}" fill="{line.colour}">{escape(line.name)}</text>')
    return parts


def _level(y: float, label: str, right: float) -> str:
    return (
        f'<line x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    )


def _svg(parts: list[str], words: str, middle: float) -> str:
    return (
        f'<svg role="img" aria-label="{escape(words)}" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="100%" '
        f'style="font:13px var(--jp-ui-font-family, sans-serif);fill:{_TEXT};display:block">{"".join(parts)}'
        f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">frame</text></svg>'
    )


def _y_rate(kilobit: float) -> float:
    low, high = (log10(v) for v in _RATE)
    share = (log10(min(max(kilobit, _RATE[0]), _RATE[1])) - low) / (high - low)
    return _y_share(share)


def _y_share(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - _TOP)
