"""The clip panel's drawings: looks at clips → boxes on frames, bits per frame, what machines say frame by frame."""

from collections.abc import Mapping
from html import escape

import numpy as np
from PIL import Image, ImageDraw

from .clip_looking import ClipLook
from .drawing import colour
from .frame_chart import Line, frame_bars, frame_lines

TRUE, FOUND = "#FFFFFF", "#E69F00"
"""Colours of true and tracked boxes."""
FILLS = {"I": "#0072B2", "P": "#56B4E9", "B": "#B8D9EE"}
_CLEAN = "#9a9a9a"
_OTHERS = ("#CC79A7", "#8C6D1F")
# Classes that never were likelier than this are not drawn.
_LEAST = 0.2


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


def film(look: ClipLook, frame: int | None = None) -> dict[str, np.ndarray]:
    """Original and decoded frames (T, H, W, 3) with the boxes that are known and found; or one ``frame`` of them."""
    times = range(len(look.sample.frames)) if frame is None else [frame]
    versions = {
        "original": (look.sample.frames, look.clean_track),
        "decoded": (look.clip.decoded, look.track),
    }
    return {
        title: np.stack([boxed(frames[t], _boxes(look, track, t)) for t in times])
        for title, (frames, track) in versions.items()
    }


def _boxes(look: ClipLook, track: np.ndarray | None, t: int) -> dict[str, np.ndarray]:
    if track is None:
        return {}
    seen = t == 0 or look.counted[t]  # the first box was given to the tracker
    return ({TRUE: look.sample.boxes[t]} if seen else {}) | {FOUND: track[t]}


def bits(look: ClipLook, shown: int) -> str:
    """Bars of kilobit per frame by type, lines for the codec alone; types stand below, the shown one has an edge."""
    types = look.clip.frame_types
    fills = [FILLS.get(kind, _CLEAN) for kind in types]
    alone = None if look.alone is None else look.alone.clip.frame_bits
    there = [k for k in FILLS if k in types]
    squares = " ".join(f'<span style="color:{FILLS[k]}">■</span> {k}' for k in there)
    lines = "" if alone is None else f", lines: {escape(look.codec)} alone"
    share = 100 * look.clip.frame_bits[0] / look.bits
    words = f"{len(types)} frames {''.join(types)}; {share:.0f} % of the bits in the first"
    heading = f"<b>Kilobit per frame</b> {squares}{lines}"
    return heading + frame_bars(look.clip.frame_bits, alone, fills, types, words, shown)


def said(look: ClipLook, shown: int) -> str:
    """Lines of the recogniser's probabilities after each frame: of the true class, and of what it is taken for."""
    k, paint = look.target, colour(look.codec)
    lines = [Line(look.clean[:, k].tolist(), _CLEAN, "original")]
    if look.alone is not None:
        lines.append(Line(look.alone.coded[:, k].tolist(), paint, f"{look.codec} alone", 1.8, "5 4"))
    lines.append(Line(look.coded[:, k].tolist(), paint, "decoded", 3))
    others = [c for c in look.coded[1:].amax(0).argsort(descending=True).tolist() if c != k]
    for c, line in zip(others, _OTHERS, strict=False):
        if look.coded[1:, c].max() >= _LEAST:
            lines.append(Line(look.coded[:, c].tolist(), line, _short(look.classes[c]), 1.3, "2 3"))
    name = look.classes[k]
    words = f"after the last frame “{name}” has {100 * float(look.coded[-1, k]):.0f} %"
    known = "" if look.known else " (nobody labelled the clip)"
    return f"<b>Probability of “{escape(name)}”</b>{known} after each frame" + frame_lines(
        lines, shown, words
    )


def overlap(look: ClipLook, shown: int) -> str:
    """Lines of the overlap of tracked and true box in each frame in which the true one is known."""
    paint = colour(look.codec)
    lines = [Line(look.overlap(look.clean_track), _CLEAN, "original")]
    if look.alone is not None:
        lines.append(Line(look.overlap(look.alone.track), paint, f"{look.codec} alone", 1.8, "5 4"))
    lines.append(Line(look.overlap(look.track), paint, "decoded", 3))
    words = f"average overlap {look.average_overlap(look.track):.2f}"
    return "<b>Overlap of tracked and true box</b>" + frame_lines(lines, shown, words)


def _short(name: str) -> str:
    return name if len(name) <= 16 else name[:15] + "…"
