"""The figures of the first page, made from the measurements in data/results and from one photograph.

    python docs/_first_page.py

draws ``docs/savings.png`` and ``docs/before_after.png``; the numbers of the first are kept in the file itself, so that
a test can hold them to the measurements.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import mvlib
from mvlib.datasets import Photos

DOCS = Path(__file__).resolve().parent
RESULTS = DOCS.parent / "data" / "results"
BLUR = "a light blur, no network"


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


GROUPS = (
    Group(
        "Photographs: is the class the same? (x265)",
        "images",
        "x265",
        "kl",
        ("efficientnet_lite0", "efficientnet_lite2"),
        {
            "blur 0.8": BLUR,
            "Compact": "Compact, a small network",
            "refined": "refined: 12 gradient steps for each picture",
        },
        {"Compact": ("efficientnet_lite0",), "refined": ("efficientnet_lite0",)},
    ),
    Group(
        "Photographs: is the class the same? (AVIF)",
        "images_refined_avif",
        "avif",
        "kl",
        ("efficientnet_lite0", "efficientnet_lite2"),
        {"blur 0.8": BLUR, "refined": "refined: 2 steps, the real encoder's values"},
        {"refined": ("efficientnet_lite0",)},
    ),
    Group(
        "Pasted objects: are they found? (x265)",
        "detection_pasted",
        "x265",
        "ap",
        ("nanodet", "centernet"),
        {
            "blur 0.8": BLUR,
            "Compact": "Compact, a small network",
            "refined for both": "refined for detection",
        },
        {"refined for both": ("nanodet",)},
    ),
    Group(
        "Generated scenes: which action? (x265)",
        "clips",
        "x265",
        "label",
        ("action_resnet3d", "action_shift"),
        {
            "blur 0.8": BLUR,
            "Zhao": "our reading of the second paper",
            "CompactVideo": "CompactVideo, a small network",
        },
        {},
    ),
    Group(
        "Real films: are objects found? (x265)",
        "clips_films_detection",
        "x265",
        "divergence",
        ("nanodet", "centernet"),
        {"blur 0.8": BLUR, "CompactVideo": "CompactVideo, a small network"},
        {},
    ),
    Group(
        "Real films: is the class the same? (x265)",
        "films_refined",
        "x265",
        "kl",
        ("efficientnet_lite0", "efficientnet_lite2"),
        {"blur 0.8": BLUR, "refined": "refined: 5 steps, the real encoder's values"},
        {"refined": ("efficientnet_lite0",)},
    ),
    Group(
        "Real films, refined: are objects found? (x265)",
        "films_refined",
        "x265",
        "divergence",
        ("nanodet", "centernet"),
        {"refined": "refined: 5 steps, the real encoder's values"},
        {"refined": ("nanodet",)},
    ),
)


@dataclass(frozen=True)
class Row:
    """One analyser's saving: BD-rate in percent, with its 95 % interval."""

    group: str
    title: str
    analyser: str
    seen: bool
    value: float
    low: float
    high: float


def rows() -> Iterator[Row]:
    """What the figure shows, from the reports in data/results."""
    for group in GROUPS:
        report = json.loads((RESULTS / f"{group.report}.json").read_text())
        found = {(r["codec"], r["condition"], r["analyser"], r["quality"]): r for r in report["bd_rates"]}
        for condition, title in group.conditions.items():
            for analyser in group.analysers:
                r = found[group.codec, condition, analyser, group.quality]
                seen = analyser in group.seen.get(condition, ())
                yield Row(group.title, title, analyser, seen, r["bd_rate"], r["low"], r["high"])


NAMES = {
    "efficientnet_lite0": "EfficientNet-Lite0",
    "efficientnet_lite2": "EfficientNet-Lite2",
    "nanodet": "NanoDet",
    "centernet": "CenterNet",
    "action_resnet3d": "3-D ResNet",
    "action_shift": "temporal shift",
}
_LEFT = -1.1  # of the rows' titles, in widths of the axes
SAVED, COST, UNCLEAR = "#0072B2", "#D55E00", "#6E6E6E"


def savings(shown: list[Row]) -> Figure:
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
    colour = SAVED if row.high < 0 else COST if row.low > 0 else UNCLEAR
    ax.plot([row.low, row.high], [y, y], color=colour, lw=1.6, solid_capstyle="butt")
    ax.plot(row.value, y, "o", ms=7, mec=colour, mfc=colour if row.seen else "white", mew=1.6)
    ax.text(
        1.01,
        y,
        f"{row.value:+.0f} %".replace("-", "\N{MINUS SIGN}"),
        va="center",
        fontsize=9.5,
        color=colour,
        transform=ax.get_yaxis_transform(),
    )


def _finish(ax: Axes, bottom: float) -> None:
    ax.axvline(0, color="#333333", lw=1)
    ax.set(xlim=(-70, 100), ylim=(bottom + 0.4, 0.8))
    ax.set_xlabel("bits at equal quality, against the codec alone (%); left of 0: saved")
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.grid(axis="x", color="#DDDDDD", lw=0.6)
    ax.set_axisbelow(True)
    marks = [
        plt.Line2D([], [], marker="o", ls="", ms=7, mfc=fill, mec=colour, mew=1.6, label=label)
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


PHOTOGRAPH, ALONE_QP, REFINED_QP, UNSEEN = 123, 36, 39, "efficientnet_lite2"


def before_after() -> Figure:
    """One test photograph: as it is, coded alone, and refined then coded with about a quarter fewer bits."""
    source = (Photos("test")[PHOTOGRAPH] * 255).round().byte()
    refined = mvlib.load_preprocessor("refined:x265:efficientnet_lite0:12")(
        source[None] / 255, torch.tensor([float(REFINED_QP)])
    )
    codec = mvlib.RealCodec("x265", gop="intra")
    alone = codec(source.permute(1, 2, 0).numpy()[None], qp=ALONE_QP)
    after = codec((refined[0].permute(1, 2, 0) * 255).round().byte().numpy()[None], qp=REFINED_QP)
    pictures = {
        "the photograph": source.permute(1, 2, 0).numpy(),
        f"x265 alone, {alone.bits / 8:,.0f} bytes": alone.frames[0],
        f"refined, then x265, {after.bits / 8:,.0f} bytes": after.frames[0],
    }
    figure, axes = plt.subplots(1, 3, figsize=(9.2, 3.5), layout="constrained")
    for ax, (title, picture) in zip(axes, pictures.items(), strict=True):
        ax.imshow(picture)
        ax.set_title(title, fontsize=10.5)
        ax.set_xlabel(_seen(picture), fontsize=10.5)
        ax.set(xticks=[], yticks=[])
    return figure


@torch.inference_mode()
def _seen(picture: np.ndarray) -> str:
    """What the unseen analyser says of a picture (H, W, 3)."""
    analyser = mvlib.load_analyser(UNSEEN)
    x = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None] / 255
    share, index = analyser(x)[0].softmax(0).max(0)
    name, *_ = analyser.classes[int(index)].split(",")
    return f"{NAMES[UNSEEN]}: {name}, {share:.0%}"


def main() -> None:
    """Draw what the first page shows."""
    before_after().savefig(DOCS / "before_after.png", dpi=88)
    shown = list(rows())
    numbers = json.dumps([asdict(row) for row in shown])
    savings(shown).savefig(DOCS / "savings.png", dpi=110, metadata={"Description": numbers})


if __name__ == "__main__":
    main()
