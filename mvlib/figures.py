"""Figures that notebooks share: networks as boxes and arrows, rows of pictures, BD-rates with intervals."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mvlib.errors import InputError
from mvlib.evaluation.bootstrap import MOST_FAILED
from mvlib.plots import COLOURS

if TYPE_CHECKING:  # matplotlib belongs to the notebooks' extra
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = {
    "efficientnet_lite0": "EfficientNet-Lite0",
    "efficientnet_lite2": "EfficientNet-Lite2",
    "nanodet": "NanoDet",
    "centernet": "CenterNet",
    "mobilenetv2": "MobileNetV2",
    "action_resnet3d": "3-D ResNet",
    "action_shift": "temporal shift",
    "action_recurrent": "recurrent",
    "action_motion": "motion alone",
    "siam_lite0": "Siamese, Lite0",
    "siam_nanodet": "Siamese, NanoDet",
}
"""Analysers as a figure's title calls them."""
_SCORES = {"kl": "#009E73", "divergence": "#0072B2", "ap": "#6E6E6E", "label": "#D55E00"}


def diagram(
    boxes: Mapping[str, tuple[float, float]],
    arrows: Sequence[tuple[str, ...]],
    size: tuple[float, float] = (10, 3),
) -> Figure:
    """Draw a network: named boxes, and arrows from one to another.

    Args:
        boxes: text of a box → its centre (x, y); the figure is drawn in these units. A text in brackets has no frame;
            blanks at its end tell two of the same text apart.
        arrows: (from, to) texts of boxes, or (from, to, what is carried).
        size: of the figure, in inches.
    Raises:
        ValueError: an arrow names a box that there is not.
    """
    import matplotlib.pyplot as plt

    unknown = {name for arrow in arrows for name in arrow[:2]} - boxes.keys()
    if unknown:
        raise InputError(f"an arrow names {sorted(unknown)}; there are the boxes {', '.join(boxes)}")
    fig, ax = plt.subplots(figsize=size, layout="constrained")
    drawn = {}
    for name, place in boxes.items():
        text = name.strip()
        plain = text.startswith("(") and text.endswith(")")
        look: dict[str, Any] = {"fc": "none", "lw": 0} if plain else {"fc": "#EAF1F8", "lw": 1}
        frame = {"boxstyle": "round,pad=0.45", "ec": "0.4"} | look
        drawn[name] = ax.text(*place, text[1:-1] if plain else text, ha="center", va="center", bbox=frame)
    for start, end, *carried in arrows:
        style = {"arrowstyle": "->", "color": "0.25", "shrinkA": 0, "shrinkB": 0}
        ends = {"patchA": drawn[start].get_bbox_patch(), "patchB": drawn[end].get_bbox_patch()}
        ax.annotate("", boxes[end], boxes[start], arrowprops=style | ends)
        if carried:
            x, y = np.mean([boxes[start], boxes[end]], 0)
            ax.text(x, y, carried[0], ha="center", va="bottom", color="0.25", fontsize=9)
    x, y = np.array(list(boxes.values())).T
    ax.set(xlim=(x.min() - 0.7, x.max() + 0.7), ylim=(y.min() - 0.6, y.max() + 0.6))
    ax.set_axis_off()
    return fig


def picture_rows(
    rows: Mapping[str, Sequence[np.ndarray]], titles: Sequence[str] = (), width: float = 2.2
) -> Figure:
    """Draw pictures in rows, with the name of each row at its left.

    Args:
        rows: name of the row → pictures (H, W, 3); all rows have the same number of pictures.
        titles: of the columns, above the first row.
        width: of one picture, in inches.
    """
    import matplotlib.pyplot as plt

    shown = list(rows.values())
    tall = shown[0][0].shape[0] / shown[0][0].shape[1]
    size = width * len(shown[0]) + 0.3, width * tall * len(shown) + 0.4
    fig, axes = plt.subplots(len(shown), len(shown[0]), figsize=size, squeeze=False, layout="constrained")
    for ax, picture in zip(axes.flat, (picture for row in shown for picture in row), strict=True):
        ax.imshow(picture)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    for ax, title in zip(axes[0], titles, strict=False):
        ax.set_title(title, fontsize=10)
    for ax, name in zip(axes[:, 0], rows, strict=True):
        ax.set_ylabel(name)
    return fig


def forest(
    report: Mapping,
    qualities: Collection[str],
    *,
    by: str = "codec",
    seen: Mapping[str, Collection[str]] | None = None,
    limits: tuple[float, float] = (-70, 45),
) -> Figure:
    """Draw a report's BD-rates with their intervals, an axis for each analyser and a line for each row.

    Entries without a number, and those of which more than 5 % of the bootstrap draws failed, are left out.

    Args:
        report: a result of ``python -m mvlib evaluate``.
        qualities: which of its measures: "kl", "label", …
        by: what has a colour of its own: "codec" or "quality".
        seen: row → codecs and analysers of its training; where both are, the circle is full. None: all are full.
        limits: of the axis, in percent.
    """
    import matplotlib.pyplot as plt

    measured = [g for g in report["bd_rates"] if g["quality"] in qualities and g.get("low") is not None]
    entries = [g for g in measured if g.get("failed", 0) <= MOST_FAILED]
    names = [a for a in report["options"]["analysers"] if a in {g["analyser"] for g in entries}]
    size = 2 + 3.2 * len(names), 1.3 + 0.45 * len({g["condition"] for g in entries})
    fig, axes = plt.subplots(1, len(names), figsize=size, sharey=True, layout="constrained", squeeze=False)
    rows, kinds = (list(dict.fromkeys(g[key] for g in entries)) for key in ("condition", by))
    for ax, name in zip(axes[0], names, strict=True):
        of_it = [g for g in entries if g["analyser"] == name]
        lines = [kind for kind in kinds if kind in {g[by] for g in of_it}]
        for g in of_it:
            y = rows.index(g["condition"]) + 0.7 * (lines.index(g[by]) + 0.5) / len(lines) - 0.35
            pair = {g["codec"], g["analyser"]}
            full = seen is None or pair <= set(seen.get(g["condition"], ()))
            interval(ax, y, g, _colour(g[by]), full)
        about_zero(ax, limits)
        ax.set(title=NAMES.get(name, name), xlabel="BD-rate (%), 95 % interval")
    axes[0, 0].set_yticks(range(len(rows)), rows)
    axes[0, 0].set_ylim(len(rows) - 0.5, -0.5)
    labels = {kind: axes[0, 0].plot([], [], "o-", color=_colour(kind))[0] for kind in kinds}
    if seen is not None:
        for face, text in (("black", "codec and analyser seen in training"), ("white", "not both")):
            labels[text] = axes[0, 0].plot([], [], "o", color="black", markerfacecolor=face)[0]
    fig.legend(labels.values(), labels, loc="outside lower center", ncols=len(labels))
    return fig


def _colour(kind: str) -> str:
    return COLOURS.get(kind) or _SCORES.get(kind, "black")


def about_zero(ax: Axes, limits: tuple[float, float]) -> None:
    """A line where nothing is saved, a grid, and the ``limits`` of the axis."""
    ax.axvline(0, color="black", lw=0.8)
    ax.set_xlim(limits)
    ax.grid(axis="x", alpha=0.3)


def interval(ax: Axes, y: float, g: Mapping, colour: str, full: bool) -> None:
    """A BD-rate of a report and its interval at the height ``y``, with a full circle or a hollow one."""
    ax.plot([g["low"], g["high"]], [y, y], color=colour)
    ax.plot(g["bd_rate"], y, "o", ms=5, color=colour, markerfacecolor=colour if full else "white")
