"""Curves of the course: measured numbers → matplotlib axes with units."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mvlib.errors import InputError

from .style import FONT, log_axis, styles

if TYPE_CHECKING:  # matplotlib belongs to the notebooks' extra; importing this page needs only numpy
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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

    with plt.rc_context(FONT):
        ax = ax or plt.subplots(figsize=(6.4, 4), layout="constrained")[1]
        looks = styles(list(curves))
        for name, curve in curves.items():
            colour, marker, dashes = looks[name]
            ax.plot(curve.rate, curve.quality, marker=marker, ls=dashes, color=colour, ms=5, label=name)
            if curve.low is not None and curve.high is not None:
                ax.fill_between(curve.rate, curve.low, curve.high, color=colour, alpha=0.15, lw=0)
        if log_rate:
            log_axis(ax)
        ax.set(xlabel=rate, ylabel=quality)
        ax.grid(alpha=0.25)
        ax.legend(frameon=False)
    return ax


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
    with plt.rc_context(FONT):
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
