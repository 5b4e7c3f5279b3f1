"""Clips that play side by side in a notebook: frames → one small H.264 file → HTML that carries it along."""

import base64
import io
from collections.abc import Mapping
from fractions import Fraction
from html import escape

import av
import numpy as np
from IPython.display import HTML

from mvlib.errors import InputError

GAP = 4  # pixels between two clips


def player(clips: Mapping[str, np.ndarray], fps: int = 10, zoom: int | None = 1, crf: int = 18) -> HTML:
    """Clips of one shape, uint8 (T, H, W, 3), left to right under their titles, in one video that loops.

    They are coded once more for the browser (x264 at the constant rate factor ``crf``), far more finely than what is
    shown was coded; the whole HTML stays under about 200 kB for a second of three clips of 224x224.

    Args:
        clips: title → frames.
        fps: frames a second.
        zoom: every pixel becomes zoom x zoom pixels on the screen; None: as wide as the place that it stands in.
        crf: 0 (lossless) to 51.

    Raises ValueError for clips of different shapes, none at all, or frames that are not uint8.
    """
    shapes = {np.shape(frames) for frames in clips.values()}
    if len(shapes) != 1 or any(np.asarray(f).dtype != np.uint8 or np.ndim(f) != 4 for f in clips.values()):
        raise InputError(
            f"clips have shapes {sorted(shapes)}; give one or more uint8 (T, H, W, 3) of one shape"
        )
    data = base64.b64encode(_mp4(_beside(list(clips.values())), fps, crf)).decode("ascii")
    width = next(iter(shapes))[2]
    total = len(clips) * (width + GAP) - GAP
    length = (lambda n: f"{zoom * n}px") if zoom else (lambda n: f"{100 * n / total:.5g}%")
    titles = "".join(
        f'<div style="width:{length(width)};margin-right:{length(GAP)}">{escape(title)}</div>'
        for title in clips
    )
    return HTML(
        f'<div style="display:flex;font-size:{90 if zoom else 100}%">{titles}</div>'
        "<video controls loop autoplay muted playsinline "
        f'style="width:{length(total) if zoom else "100%"};max-width:none;image-rendering:pixelated" '
        f'aria-label="{escape(", ".join(clips))}" src="data:video/mp4;base64,{data}"></video>'
    )


def boxed(frames: np.ndarray, boxes: np.ndarray, colour: tuple[int, int, int] = (255, 255, 0)) -> np.ndarray:
    """A copy of frames uint8 (T, H, W, 3) with the edge of a box drawn in each, two pixels wide.

    Args:
        boxes: (T, 4), x1, y1, x2, y2 in pixels; where one is NaN the frame stays as it is.
        colour: red, green, blue, 0..255.
    """
    drawn = frames.copy()
    for frame, box in zip(drawn, boxes, strict=True):
        if np.isfinite(box).all():
            x1, y1, x2, y2 = np.round(box).astype(int).clip(0)
            edge = np.zeros(frame.shape[:2], bool)
            edge[y1:y2, x1:x2] = True
            edge[y1 + 2 : max(y2 - 2, 0), x1 + 2 : max(x2 - 2, 0)] = False
            frame[edge] = colour
    return drawn


def _beside(clips: list[np.ndarray]) -> np.ndarray:
    """Clips with white between them, sides padded to even numbers as 4:2:0 needs: (T, H', W', 3)."""
    frames, height, _, _ = clips[0].shape
    gap = np.full((frames, height, GAP, 3), 255, dtype=np.uint8)
    row = np.concatenate([part for clip in clips for part in (clip, gap)][:-1], axis=2)
    return np.pad(row, ((0, 0), (0, row.shape[1] % 2), (0, row.shape[2] % 2), (0, 0)), mode="edge")


def _mp4(frames: np.ndarray, fps: int, crf: int) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.options = {
            "crf": str(crf),
            "preset": "veryslow",
            "threads": "1",
            "x264-params": "log-level=none",
        }
        for k, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = k
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()
