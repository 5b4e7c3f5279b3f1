"""Figures of the course: measured numbers and pictures → matplotlib axes with units.

A codec has the same colour and marker in every figure.  The colours are Okabe and Ito's [1], which people with
any common colour blindness tell apart; the marker is for a print in grey.

[1] Okabe and Ito, Color Universal Design, 2008, https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mvlib.errors import InputError

if TYPE_CHECKING:  # matplotlib belongs to the notebooks' extra; importing this page needs only numpy
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
_FONT = {"font.size": 11, "axes.titlesize": 11, "axes.spines.top": False, "axes.spines.right": False}


def colour_of(codec: str) -> str:
    """The codec's colour in every figure of the course."""
    return COLOURS.get(codec, _SPARE[0])


@dataclass(frozen=True)
class Curve:
    """A rate-quality curve: values at rising rates, with the band of their confidence interval if there is one."""

    rate: Sequence[float]
    quality: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


def rate_quality(
    curves: Mapping[str, Curve],
    *,
    quality: str,
    rate: str = "rate (bits per pixel)",
    log_rate: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw curves of quality against rate, each with its confidence band.

    Args:
        curves: name → curve.  A name that is a codec or starts with one ("x265, blur") takes the codec's colour
            and marker.
        quality, rate: axis titles with units, "KL to the clean prediction (nats)".
        log_rate: rate on a logarithmic axis, where equal distances are equal percentages of bits.
    """
    import matplotlib.pyplot as plt

    with plt.rc_context(_FONT):
        ax = ax or plt.subplots(figsize=(6.4, 4), layout="constrained")[1]
        styles = _styles(list(curves))
        for name, curve in curves.items():
            colour, marker, dashes = styles[name]
            ax.plot(curve.rate, curve.quality, marker=marker, ls=dashes, color=colour, ms=5, label=name)
            if curve.low is not None and curve.high is not None:
                ax.fill_between(curve.rate, curve.low, curve.high, color=colour, alpha=0.15, lw=0)
        if log_rate:
            _log_axis(ax)
        ax.set(xlabel=rate, ylabel=quality)
        ax.grid(alpha=0.25)
        ax.legend(frameon=False)
    return ax


def pictures(
    shown: Mapping[str, np.ndarray], *, width: float = 2.5, limits: tuple[float, float] = (0, 255)
) -> Figure:
    """Draw pictures in a row, each below its title.

    Args:
        shown: title → array or tensor: a picture (H, W, 3), or a plane (…, H, W).
        width: of one picture, in inches.
        limits: the values of a plane that are drawn black and white.
    """
    import matplotlib.pyplot as plt

    planes = [np.asarray(p).squeeze() for p in shown.values()]
    tall = max(p.shape[0] / p.shape[1] for p in planes)
    lines = 1 + max(title.count("\n") for title in shown)
    with plt.rc_context(_FONT):
        size = width * len(planes), width * tall + 0.23 * lines
        figure, axes = plt.subplots(1, len(planes), figsize=size, layout="constrained", squeeze=False)
        for ax, title, plane in zip(axes[0], shown, planes, strict=True):
            ax.imshow(plane, cmap="gray", vmin=limits[0], vmax=limits[1])
            ax.set_title(title)
            ax.set_axis_off()
    return figure


def difference(original: np.ndarray, decoded: np.ndarray, gain: float = 4) -> np.ndarray:
    """Signed difference of two uint8 pictures of one shape, around 128, ``gain`` times, clipped to 0..255."""
    if original.shape != decoded.shape or original.dtype != np.uint8 or decoded.dtype != np.uint8:
        raise InputError(
            f"original is {original.dtype} {original.shape}, decoded {decoded.dtype} {decoded.shape}; "
            "give two uint8 pictures of one shape"
        )
    apart = decoded.astype(np.int16) - original
    return np.clip(apart * gain + 128, 0, 255).astype(np.uint8)


def against_qp(
    report: Mapping, score: str, *, quality: str, condition: str = "codec alone", ax: Axes | None = None
) -> Axes:
    """Draw a score of each analyser and codec against QP: what is left to win, before any preprocessing.

    Args:
        report: a result of ``python -m mvlib evaluate image`` or ``video``.
        score: which of its scores: "ao", "label", "top1", …
        quality: axis title with its unit.
        condition: the row of the report.
    Raises:
        ValueError: the report has no such score in such a row.
    """
    curves = {
        f"{row['codec']}, {name.partition(':')[2]}": Curve(row["results"]["qp"], values)
        for row in report["curves"]
        if row["condition"] == condition
        for name, values in row["results"].items()
        if name.partition(":")[0] == score and ":" in name
    }
    if not curves:
        raise InputError(f"the report has no score {score!r} in the row {condition!r}")
    ax = rate_quality(curves, quality=quality, rate="QP", log_rate=False, ax=ax)
    ax.set_xticks(next(iter(curves.values())).rate)
    return ax


def report_curves(report: Mapping, score: str | None = None) -> Figure:
    """Draw a report's rate-quality curves: an axis for each analyser, a curve for each codec and row.

    Args:
        report: a result of an evaluation, as ``Report.to_dict`` gives it.
        score: which of its scores; None: each analyser's first.
    Raises:
        ValueError: no analyser has that score.
    """
    import matplotlib.pyplot as plt

    keys = dict.fromkeys(key for row in report["curves"] for key in row["results"] if ":" in key)
    chosen: dict[str, str] = {}
    for key in keys:
        name, _, analyser = key.partition(":")
        if score in (None, name):
            chosen.setdefault(analyser, key)
    if not chosen:
        raise InputError(f"no analyser has the score {score!r}; there are {', '.join(keys)}")
    with plt.rc_context(_FONT):
        size = 6.4 * len(chosen), 4
        figure, axes = plt.subplots(1, len(chosen), figsize=size, layout="constrained", squeeze=False)
        for ax, (analyser, key) in zip(axes[0], chosen.items(), strict=True):
            curves = {
                f"{row['codec']}, {row['condition']}": Curve(
                    row["results"]["bpp"], row["results"][key], row["low"].get(key), row["high"].get(key)
                )
                for row in report["curves"]
                if key in row["results"]
            }
            rate_quality(curves, quality=f"{key.partition(':')[0]} of {analyser}", ax=ax)
    return figure


def followed(
    clips: Mapping[str, np.ndarray],
    boxes: Mapping[str, np.ndarray],
    frames: Sequence[int],
    truth: np.ndarray | None = None,
) -> Figure:
    """Draw what a tracker followed, a row a version of the clip: a few frames with the tracked and the true box.

    Args:
        clips: title of the row → uint8 (T, H, W, 3).
        boxes: the same titles → tracked boxes (T, 4), x1, y1, x2, y2 in pixels.
        frames: which frames are shown.
        truth: true boxes (T, 4), dashed; NaN where there is none.
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    height, width = next(iter(clips.values())).shape[1:3]
    size = 2.4 * len(frames), (2.4 * height / width + 0.25) * len(clips)
    with plt.rc_context(_FONT):
        figure, axes = plt.subplots(
            len(clips), len(frames), figsize=size, layout="constrained", squeeze=False
        )
        for row, (title, clip) in zip(axes, clips.items(), strict=True):
            row[0].set_title(title, loc="left")
            for ax, t in zip(row, frames, strict=True):
                ax.imshow(clip[t])
                ax.set_axis_off()
                for path, colour, dashes in ((truth, "#FFFFFF", "--"), (boxes[title], "#E69F00", "-")):
                    if path is not None and np.isfinite(path[t]).all():
                        x1, y1, x2, y2 = path[t] - 0.5  # imshow puts a pixel's middle at its index
                        place = (x1, y1), x2 - x1, y2 - y1
                        ax.add_patch(Rectangle(*place, fill=False, ec=colour, ls=dashes, lw=1.6))
    return figure


def _styles(names: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """Colour, marker and line of each curve; a codec's second and third curve are dashed and dotted."""
    codecs = {
        n: next((c for c in COLOURS if n == c or n.startswith((f"{c} ", f"{c},"))), None) for n in names
    }
    free = [
        (c, s) for c, s in zip(_SPARE, _SHAPES, strict=True) if c not in map(COLOURS.get, codecs.values())
    ]
    styles, drawn, spare = {}, {}, 0
    for name, codec in codecs.items():
        if codec is None:
            styles[name] = (*free[spare % len(free)], "-")
            spare += 1
        else:
            count = drawn[codec] = drawn.get(codec, -1) + 1
            styles[name] = (COLOURS[codec], MARKERS[codec], ("-", "--", ":", "-.")[count % 4])
    return styles


def _log_axis(ax: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_xscale("log")
    # 0.1, 0.2, 0.5, 1 read better than powers of ten over the decade or two that codecs span.
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def training_curves(log: str | Path, window: int = 50) -> Figure:
    """Plot a training's log (CSV, a row a step): loss and rate against the codec alone, and what was lost.

    Args:
        log: written by ``python -m mvlib train``.  window: steps that are averaged into one point.
    """
    import matplotlib.pyplot as plt

    with open(log, newline="") as file:
        rows = list(csv.DictReader(file))
    window = max(1, min(window, len(rows) // 4))
    steps = np.array([int(row["step"]) for row in rows])

    def smooth(name: str) -> np.ndarray:
        return np.convolve([float(row[name]) for row in rows], np.full(window, 1 / window), mode="valid")

    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for name in ("loss", "rate") if "rate" in rows[0] else ("loss",):
        left.plot(steps[window - 1 :], smooth(name), label=name)
    left.set(xlabel="step", ylabel="in units of the codec's own rate", title=f"mean of {window} steps")
    lost, unit = [key for key in rows[0] if key.startswith("lost ")], "what is lost (nats, or share of maps)"
    if not lost:
        lost, unit = ["left", "harmed"], "detail treated wrongly (share, squared)"
    for name in lost:
        right.plot(steps[window - 1 :], smooth(name), label=name.removeprefix("lost "))
    right.set(xlabel="step", ylabel=unit)
    for ax in (left, right):
        ax.legend()
        ax.grid(alpha=0.3)
    return fig
