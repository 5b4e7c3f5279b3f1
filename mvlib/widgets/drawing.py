"""The panel's drawings as text: looks and curves → HTML and SVG, quick enough to redraw at every move."""

from collections.abc import Mapping, Sequence
from html import escape
from math import log10

from mvlib.plots import COLOURS

from .looking import Look

# The axes stand still, so that two codecs and two pictures can be compared by eye.
_RATE = (0.02, 10.0)
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 520, 262, 52, 92, 16, 42
_TEXT = "var(--jp-ui-font-color1, #222)"
_PAPER = "var(--jp-layout-color0, white)"
_FAINT = "var(--jp-border-color2, #ddd)"


def bars(look: Look, classes: Sequence[str], count: int = 5) -> str:
    """HTML bars of the ``count`` likeliest classes (or all) of the decoded picture, thin bars for the clean picture.

    The clean picture's class is bold, and takes the last place if it isn't among them.
    """
    indices = look.coded.topk(min(count, len(look.coded))).indices.tolist()
    if look.target not in indices:
        indices[-1] = look.target
    rows = "".join(_bar_row(look, index, classes[index]) for index in indices)
    return (
        f'<div role="img" aria-label="{escape(_bars_in_words(look, indices, classes))}" style="line-height:1.25">'
        '<div style="margin-bottom:6px"><b>What the network sees</b> '
        f'<span style="color:{colour(look.codec)}">■</span> decoded '
        f'<span style="color:#9a9a9a">■</span> original</div>{rows}</div>'
    )


def _bar_row(look: Look, index: int, name: str) -> str:
    coded, clean = 100 * float(look.coded[index]), 100 * float(look.clean[index])
    weight = "bold" if index == look.target else "normal"
    return (
        '<div style="display:flex;align-items:center;gap:8px;height:38px">'
        f'<div style="flex:0 0 36%;text-align:right;font-weight:{weight};overflow:hidden;white-space:nowrap;'
        f'text-overflow:ellipsis" title="{escape(name)}">{escape(name)}</div>'
        '<div style="flex:1 1 auto">'
        f'<div style="width:{coded:.1f}%;height:16px;background:{colour(look.codec)}"></div>'
        f'<div style="width:{clean:.1f}%;height:6px;background:#9a9a9a;margin-top:2px"></div></div>'
        f'<div style="flex:0 0 3.2em;text-align:right;font-weight:{weight}">{coded:.0f} %</div></div>'
    )


def _bars_in_words(look: Look, indices: Sequence[int], classes: Sequence[str]) -> str:
    seen = (f"{classes[i]} {100 * float(look.coded[i]):.0f} %" for i in indices)
    return f"Decoded picture: {', '.join(seen)}"


def chart(
    look: Look,
    curves: Mapping[str, Sequence[tuple[float, float]]],
    class_name: str,
    preprocessed: Mapping[str, Sequence[tuple[float, float]]] | None = None,
) -> str:
    """SVG of (bits per pixel, probability of the clean class) per codec, with a marker at ``look``.

    ``preprocessed`` are curves behind a preprocessor: dashed, with a hollow marker where the same QP is without it.
    """
    preprocessed = preprocessed or {}
    names = [*curves, *(codec for codec in preprocessed if codec not in curves)]
    lines = "".join(
        _line(codec, points, strong=codec == look.codec, dashed=drawn is preprocessed)
        for drawn in (curves, preprocessed)
        for codec, points in sorted(drawn.items(), key=lambda item: item[0] == look.codec)
    )
    x, y = _x(look.bpp), _y(look.kept)
    # Out of the way of the hollow marker, which lies to the right where bits are saved.
    aside, anchor = (x + 11, "start") if look.alone is None else (x - 11, "end")
    words = f"{look.codec} at QP {look.qp}: {look.bpp:.3f} bits per pixel keep {100 * look.kept:.0f} % for {class_name}"
    heading = f"<b>Probability of “{escape(class_name)}”</b>, which the network saw in the original"
    return (
        f'<div style="line-height:1.25;margin-bottom:6px">{heading}</div>'
        f'<svg role="img" aria-label="{escape(words)}" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="100%" '
        f'style="font:13px var(--jp-ui-font-family, sans-serif);fill:{_TEXT};display:block">'
        f"{_axes()}{_legend(names, look)}{lines}"
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_y(0)}" y2="{y:.1f}" stroke="{colour(look.codec)}" '
        'stroke-dasharray="3 3"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="{colour(look.codec)}" stroke="white" stroke-width="2"/>'
        f'<text x="{aside:.1f}" y="{max(y - 9, 12):.1f}" text-anchor="{anchor}" font-weight="bold" '
        f'stroke="{_PAPER}" stroke-width="4" paint-order="stroke">QP {look.qp}</text>{_without(look)}</svg>'
    )


def _line(codec: str, points: Sequence[tuple[float, float]], strong: bool, dashed: bool = False) -> str:
    path = " ".join(f"{_x(bpp):.1f},{_y(kept):.1f}" for bpp, kept in points)
    width, opacity = (2.5, 1) if strong else (1.5, 0.45)
    dashes = ' stroke-dasharray="7 4"' if dashed else ""
    return (
        f'<g opacity="{opacity}"><polyline points="{path}" fill="none" stroke="{colour(codec)}" '
        f'stroke-width="{width}" stroke-linejoin="round"{dashes}/></g>'
    )


def _without(look: Look) -> str:
    """A hollow marker where the codec alone is at the same QP."""
    if look.alone is None:
        return ""
    return (
        f'<circle class="alone" cx="{_x(look.alone.bpp):.1f}" cy="{_y(look.alone.kept):.1f}" r="6" '
        f'fill="{_PAPER}" stroke="{colour(look.codec)}" stroke-width="2.5"/>'
    )


def _axes() -> str:
    low, high = _RATE
    grid = [
        f'<line x1="{_x(v):.1f}" x2="{_x(v):.1f}" y1="{_y(0)}" y2="{_y(1)}" stroke="{_FAINT}"/>'
        f'<text x="{_x(v):.1f}" y="{_y(0) + 16}" text-anchor="middle">{v:g}</text>'
        for v in (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
        if low <= v <= high
    ]
    grid += [
        f'<line x1="{_x(low)}" x2="{_x(high)}" y1="{_y(p / 100)}" y2="{_y(p / 100)}" stroke="{_FAINT}"/>'
        f'<text x="{_LEFT - 6}" y="{_y(p / 100) + 4}" text-anchor="end">{p} %</text>'
        for p in (0, 25, 50, 75, 100)
    ]
    middle = (_x(low) + _x(high)) / 2
    title = (
        f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">rate (bits per pixel, log scale)</text>'
    )
    return "".join(grid) + title


def _legend(codecs: Sequence[str], look: Look) -> str:
    entries = [(codec, codec, "bold" if codec == look.codec else "normal", "") for codec in codecs]
    if look.before is not None:
        dashes = ' stroke-dasharray="5 3"'
        entries.append((look.codec, "prepared", "normal", dashes))
    left = _WIDTH - _RIGHT + 16
    return "".join(
        f'<line x1="{left}" x2="{left + 16}" y1="{_TOP + 20 * i}" y2="{_TOP + 20 * i}" '
        f'stroke="{colour(codec)}" stroke-width="3"{dashes}/><text x="{left + 22}" y="{_TOP + 20 * i + 4}" '
        f'font-weight="{weight}">{escape(name)}</text>'
        for i, (codec, name, weight, dashes) in enumerate(entries)
    )


def colour(codec: str) -> str:
    """The codec's colour in every figure of the course."""
    return COLOURS.get(codec, "#0072B2")


def _x(bpp: float) -> float:
    low, high = (log10(v) for v in _RATE)
    share = (log10(min(max(bpp, _RATE[0]), _RATE[1])) - low) / (high - low)
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)
