"""The look of the course's figures: name of a curve → colour, marker, line; a logarithmic axis with plain numbers.

A codec has the same colour and marker in every figure.  The colours are Okabe and Ito's [1], which people with
any common colour blindness tell apart; the marker is for a print in grey.

[1] Okabe and Ito, Color Universal Design, 2008, https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # matplotlib belongs to the notebooks' extra; importing this page needs nothing
    from matplotlib.axes import Axes
    from matplotlib.typing import RcKeyType

COLOURS = {
    "x264": "#0072B2",
    "x265": "#D55E00",
    "svtav1": "#009E73",
    "vp9": "#CC79A7",
    "mjpeg": "#8C6D1F",
    "jpeg": "#5B2C83",
    "webp": "#E69F00",
    "avif": "#56B4E9",
}
_SHAPES = "osD^vPX*"
MARKERS = dict(zip(COLOURS, _SHAPES, strict=True))
# For conditions that aren't codecs, in the order they come: the colours that differ most first.
_SPARE = [COLOURS[c] for c in ("x264", "x265", "svtav1", "vp9", "webp", "avif", "jpeg", "mjpeg")]
FONT: dict[RcKeyType, Any] = {
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def colour_of(codec: str) -> str:
    """The codec's colour in every figure of the course."""
    return COLOURS.get(codec, _SPARE[0])


def styles(names: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """Colour, marker and line of each curve; a codec's second and third curve are dashed and dotted."""
    codecs = {
        n: next((c for c in COLOURS if n == c or n.startswith((f"{c} ", f"{c},"))), None) for n in names
    }
    taken = {COLOURS[codec] for codec in codecs.values() if codec}
    looks = list(zip(_SPARE, _SHAPES, strict=True))
    free = [look for look in looks if look[0] not in taken] or looks
    found: dict[str, tuple[str, str, str]] = {}
    drawn: Counter[str | None] = Counter()
    for name, codec in codecs.items():
        count = drawn[codec]
        drawn[codec] += 1
        if codec is None:
            found[name] = (*free[count % len(free)], "-")
        else:
            found[name] = (COLOURS[codec], MARKERS[codec], ("-", "--", ":", "-.")[count % 4])
    return found


def log_axis(ax: Axes) -> None:
    """Make the horizontal axis logarithmic, with 0.1, 0.2, 0.5, 1 below it."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_xscale("log")
    # 0.1, 0.2, 0.5, 1 read better than powers of ten over the decade or two that codecs span.
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
