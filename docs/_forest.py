"""Forest plots of the reports in data/results: what preprocessing saves, a line for each preprocessor and analyser."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mvlib.evaluation.bootstrap import significant
from mvlib.figures import NAMES, about_zero, interval

RESULTS = Path(__file__).resolve().parents[1] / "data" / "results"


@dataclass(frozen=True)
class Group:
    """Rows of one report: what was coded, and how quality is measured."""

    title: str
    report: str
    codec: str
    quality: str
    analysers: tuple[str, ...]
    conditions: dict[str, str]
    """Name in the report → name in the figure."""
    seen: dict[str, tuple[str, ...]]
    """Name in the report → analysers that the preprocessor was trained with, or made for."""


@dataclass(frozen=True)
class Row:
    """One analyser's saving: BD-rate in percent, with its 95 % interval."""

    group: str
    title: str
    analyser: str
    seen: bool
    entry: dict
    """As the report has it."""


def rows(groups: Iterable[Group]) -> Iterator[Row]:
    """What a figure shows, from the reports in data/results."""
    for group in groups:
        report = json.loads((RESULTS / f"{group.report}.json").read_text())
        found = {(r["codec"], r["condition"], r["analyser"], r["quality"]): r for r in report["bd_rates"]}
        for condition, title in group.conditions.items():
            for analyser in group.analysers:
                entry = found[group.codec, condition, analyser, group.quality]
                yield Row(group.title, title, analyser, analyser in group.seen.get(condition, ()), entry)


_LEFT = -1.1  # of the rows' titles, in widths of the axes
SAVED, COST, UNCLEAR = "#0072B2", "#D55E00", "#6E6E6E"


def forest(shown: list[Row]) -> Figure:
    """A forest plot: one line for each preprocessor and analyser, with its interval."""
    lines = len(shown) + 1.2 * len({row.group for row in shown})
    height = 0.23 * lines + 1.0
    figure, ax = plt.subplots(figsize=(9.2, height))
    figure.subplots_adjust(left=0.49, right=0.93, top=0.995, bottom=0.9 / height)
    y, group, title, ticks = 0.0, None, None, []
    for row in shown:
        if row.group != group:
            y -= 0.4 if group else 0
            ax.text(_LEFT, y, row.group, weight="bold", va="center", transform=ax.get_yaxis_transform())
            y, group, title = y - 1, row.group, None
        if row.title != title:
            ax.text(_LEFT, y, row.title, va="center", fontsize=9.5, transform=ax.get_yaxis_transform())
            title = row.title
        _line(ax, y, row)
        ticks.append((y, NAMES[row.analyser]))
        y -= 1
    ax.set_yticks(*zip(*ticks, strict=True), fontsize=9.5)
    _finish(ax, y)
    return figure


def _line(ax: Axes, y: float, row: Row) -> None:
    value = row.entry["bd_rate"]
    colour = UNCLEAR if not significant(row.entry) else SAVED if value < 0 else COST
    interval(ax, y, row.entry, colour, row.seen)
    ax.text(
        1.01,
        y,
        f"{value:+.0f} %".replace("-", "\N{MINUS SIGN}"),
        va="center",
        fontsize=9.5,
        color=colour,
        transform=ax.get_yaxis_transform(),
    )


def _finish(ax: Axes, bottom: float) -> None:
    about_zero(ax, (-85, 100))
    ax.set_ylim(bottom + 0.4, 0.8)
    ax.set_xlabel("bits at equal quality, against the codec alone (%); left of 0: saved")
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    marks = [
        plt.Line2D([], [], marker="o", ls="", ms=5, mfc=fill, mec=colour, label=label)
        for fill, colour, label in (
            (UNCLEAR, UNCLEAR, "analyser seen in training"),
            ("white", UNCLEAR, "unseen analyser"),
            (SAVED, SAVED, "blue: saved"),
            (COST, COST, "orange: costs"),
            (UNCLEAR, UNCLEAR, "grey: not significant"),
        )
    ]
    ax.legend(
        handles=marks,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.42 / ax.figure.get_figheight()),
        bbox_transform=ax.figure.transFigure,
        ncols=5,
        frameon=False,
        fontsize=9,
    )
