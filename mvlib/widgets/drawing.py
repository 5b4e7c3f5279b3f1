"""A look in drawings: frames with boxes, bars of classes, charts of rate and of what happens frame by frame."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

import numpy as np
from PIL import Image, ImageDraw

from mvlib.plots import colour_of

from .charts import BOTTOM, LEFT, PAPER, RIGHT, SHARE, Axis, Line, frame_bars, line_chart, tag, text, titled
from .looks import Look, seen

TRUE, FOUND = "#FFFFFF", "#E69F00"
"""Colours of true and tracked boxes."""
FILLS = {"I": "#0072B2", "P": "#56B4E9", "B": "#B8D9EE"}
_CLEAN = "#9a9a9a"
_OTHERS = ("#CC79A7", "#8C6D1F")
# Classes that never were likelier than this are not drawn.
_LEAST = 0.2
RATE = Axis(0.02, 10, LEFT, RIGHT, log=True)
_OUTLINED = f"stroke:{PAPER};stroke-width:4;paint-order:stroke"


def boxed(frame: np.ndarray, boxes: Mapping[str, np.ndarray]) -> np.ndarray:
    """A frame uint8 (H, W, 3) with boxes: colour → (4,), x1, y1, x2, y2 in pixels, NaN where there is none."""
    picture = Image.fromarray(frame)
    draw = ImageDraw.Draw(picture)
    for line, box in boxes.items():
        if np.isfinite(box).all():
            x1, y1, x2, y2 = (round(float(v)) for v in box)
            # Pixel (0, 0) covers the square from (0, 0) to (1, 1).
            corners = (x1, y1, max(x1, x2 - 1), max(y1, y2 - 1))
            draw.rectangle([corners[0] - 1, corners[1] - 1, corners[2] + 1, corners[3] + 1], outline="black")
            draw.rectangle(corners, outline=line)
    return np.asarray(picture)


def boxed_frames(look: Look, times: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Original and decoded frames of these ``times``, (n, H, W, 3) each, with the boxes that are known and found."""
    versions = ((look.sample.frames, look.clean_track), (look.decoded, look.track))
    original, decoded = (
        np.stack([boxed(frames[t], _boxes(look, track, t)) for t in times]) for frames, track in versions
    )
    return original, decoded


def _boxes(look: Look, track: np.ndarray | None, t: int) -> dict[str, np.ndarray]:
    if track is None:
        return {}
    known = t == 0 or look.counted[t]  # the first box was given to the tracker
    return ({TRUE: seen(look.sample.boxes)[t]} if known else {}) | {FOUND: track[t]}


def class_bars(look: Look, count: int = 5) -> str:
    """HTML bars of the ``count`` likeliest classes (or all) of the decoded picture, thin bars for the original.

    The original's class is bold, and takes the last place if it isn't among them.
    """
    coded, paint = look.coded[-1], colour_of(look.version.codec)
    indices = coded.topk(min(count, len(coded))).indices.tolist()
    if look.target not in indices:
        indices[-1] = look.target
    words = ", ".join(f"{look.classes[i]} {100 * float(coded[i]):.0f} %" for i in indices)
    rows = "".join(_bar_row(look, i, paint) for i in indices)
    return (
        f'<div role="img" aria-label="{escape(f"Decoded picture: {words}")}">'
        + titled(
            f'<b>What the network sees</b> <span style="color:{paint}">■</span> decoded '
            f'<span style="color:{_CLEAN}">■</span> original',
            rows,
        )
        + "</div>"
    )


def _bar_row(look: Look, index: int, paint: str) -> str:
    coded, clean = (100 * float(probabilities[-1, index]) for probabilities in (look.coded, look.clean))
    name, weight = escape(look.classes[index]), "bold" if index == look.target else "normal"
    return (
        '<div style="display:flex;align-items:center;gap:8px;height:38px">'
        f'<div style="flex:0 0 36%;text-align:right;font-weight:{weight};overflow:hidden;white-space:nowrap;'
        f'text-overflow:ellipsis" title="{name}">{name}</div>'
        '<div style="flex:1 1 auto">'
        f'<div style="width:{coded:.1f}%;height:16px;background:{paint}"></div>'
        f'<div style="width:{clean:.1f}%;height:6px;background:{_CLEAN};margin-top:2px"></div></div>'
        f'<div style="flex:0 0 3.2em;text-align:right;font-weight:{weight}">{coded:.0f} %</div></div>'
    )


Curves = Mapping[str, Mapping[int, tuple[float, float]]]
"""Codec → QP → (bits per pixel, probability of the original's class)."""


def rate_chart(look: Look, curves: Curves, prepared: Curves) -> str:
    """SVG of the probability of the original's class over bits per pixel, with a marker at ``look``.

    ``prepared`` is the codec's curve with a preprocessor: dashed, with a hollow marker where the same QP is without it.
    """
    _, codec, qp, _ = look.version
    name, paint, bpp = look.classes[look.target], colour_of(codec), look.written.bpp
    x, y = RATE(bpp), SHARE(look.kept)
    # Out of the way of the hollow marker, which lies to the right where bits are saved.
    aside, anchor = (x + 11, "start") if look.alone is None else (x - 11, "end")
    over = [
        tag("line", x1=x, x2=x, y1=BOTTOM, y2=y, stroke=paint, stroke_dasharray="3 3"),
        tag("circle", cx=x, cy=y, r=7, fill=paint, stroke="white", stroke_width=2),
        text(aside, max(y - 9, 12.0), f"QP {qp}", anchor, font_weight="bold", style=_OUTLINED),
    ]
    if look.alone is not None:
        at = {"cx": RATE(look.alone.written.bpp), "cy": SHARE(look.alone.kept), "r": 6}
        over.append(tag("circle", class_="alone", **at, fill=PAPER, stroke=paint, stroke_width=2.5))
    lines = [*_curves(curves, codec), *_curves(prepared, codec, "prepared", "7 4")]
    words = f"{codec} at QP {qp}: {bpp:.3f} bits per pixel keep {100 * look.kept:.0f} % for {name}"
    ticks = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
    chart = line_chart(lines, RATE, ticks, "rate (bits per pixel, log scale)", words, over)
    return titled(f"<b>Probability of “{escape(name)}”</b>, seen in the original", chart)


def _curves(curves: Curves, chosen: str, name: str = "", dashes: str | None = None) -> Iterator[Line]:
    """Lines of all codecs, that of the chosen one last and strong; called ``name`` in place of the codec."""
    for codec, points in sorted(curves.items(), key=lambda item: item[0] == chosen):
        strength = {"width": 2.5} if codec == chosen else {"width": 1.5, "opacity": 0.45}
        yield Line(sorted(points.values()), colour_of(codec), name or codec, **strength, dashes=dashes)


def frame_bits(look: Look, shown: int) -> str:
    """Bars of kilobit per frame by type, lines for the codec alone; types stand below, the shown one has an edge."""
    bits, types = look.written.frame_bits, look.written.frame_types
    alone = None if look.alone is None else look.alone.written.frame_bits
    squares = " ".join(f'<span style="color:{FILLS[k]}">■</span> {k}' for k in FILLS if k in types)
    lines = "" if alone is None else f", lines: {escape(look.version.codec)} alone"
    share = 100 * bits[0] / look.written.bits
    words = f"{len(types)} frames {''.join(types)}; {share:.0f} % of the bits in the first"
    bars = frame_bars(bits, alone, [FILLS.get(kind, _CLEAN) for kind in types], types, words, shown)
    return titled(f"<b>Kilobit per frame</b> {squares}{lines}", bars)


def frame_answers(look: Look, shown: int) -> str:
    """Lines of the recogniser's probabilities after each frame: of the true class, and of those it is taken for."""
    k = look.target
    alone = None if look.alone is None else look.alone.coded[:, k]
    lines = _versions(look, look.clean[:, k], alone, look.coded[:, k])
    others = [c for c in look.coded[1:].amax(0).argsort(descending=True).tolist() if c != k]
    for c, paint in zip(others, _OTHERS, strict=False):
        if look.coded[1:, c].max() >= _LEAST:
            name = look.classes[c]
            short = name if len(name) <= 14 else name[:13] + "…"
            lines.append(Line(_points(look.coded[:, c]), paint, short, 1.3, "2 3"))
    words = f"after the last frame “{look.classes[k]}” has {100 * look.kept:.0f} %"
    known = "" if look.known else " (nobody labelled the clip)"
    heading = f"<b>Probability of “{escape(look.classes[k])}”</b>{known} after each frame"
    return titled(heading, frame_lines(lines, shown, words))


def frame_overlaps(look: Look, shown: int) -> str:
    """Lines of the overlap of tracked and true box in each frame in which the true one is known."""
    alone = None if look.alone is None else look.overlap(look.alone.track)
    lines = _versions(look, look.overlap(look.clean_track), alone, look.overlap(look.track))
    words = f"average overlap {look.average_overlap(look.track):.2f}"
    return titled("<b>Overlap of tracked and true box</b>", frame_lines(lines, shown, words))


def frame_lines(lines: Sequence[Line], shown: int, words: str) -> str:
    """Lines over frames, the one that is shown marked."""
    last = max(1, *(int(line.points[-1][0]) for line in lines))
    x = Axis(0, last, LEFT, RIGHT)
    place = {"x1": x(shown), "x2": x(shown), "y1": SHARE(0), "y2": SHARE(1)}
    mark = tag("line", class_="shown", **place, stroke="currentColor", stroke_dasharray="3 3")
    return line_chart(lines, x, range(0, last + 1, 1 + (last + 1) // 12), "frame", words, [mark])


def _points(values: Iterable[float]) -> list[tuple[int, float]]:
    return [(t, float(value)) for t, value in enumerate(values)]


def _versions(look: Look, clean: Iterable, alone: Iterable | None, coded: Iterable) -> list[Line]:
    """Lines for the original, for the codec alone if there is a preprocessor, and for what was decoded."""
    codec, paint = look.version.codec, colour_of(look.version.codec)
    between = [] if alone is None else [Line(_points(alone), paint, f"{codec} alone", 1.8, "5 4")]
    return [Line(_points(clean), _CLEAN, "original"), *between, Line(_points(coded), paint, "decoded", 3)]
