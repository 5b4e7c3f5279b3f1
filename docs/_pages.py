"""What the pages show of data/results: their tables, the forest plots, and one photograph before and after.

    python docs/_pages.py

fills the tables of ``README.md``, ``docs/results.md`` and ``docs/tries.md`` anew, between ``<!-- bd images kl -->`` and
``<!-- end -->``, and draws ``docs/savings.png``, ``docs/results_*.png``, ``docs/before_after.png`` and
``docs/where.jpg``.  A forest plot keeps its numbers in the file itself, so that a test can hold them to the
measurements.

A marker holds what is shown (bd, light, savings, people, command, fidelity, agreement), the name of the report, or
several, and what is kept of it: ``<!-- bd images kl,top1 codecs=x265,x264 "conditions=blur 0.8,refined" -->``. "people"
is a table of BD-rates by luma PSNR and MS-SSIM; "fidelity" is about the virtual codec; "headline" is the table of the
README.
"""

import json
import re
import shlex
from dataclasses import asdict, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from _forest import RESULTS, Group, forest, rows
from matplotlib.figure import Figure

import mvlib
from mvlib.datasets import Photos
from mvlib.datasets.pasted import PastedCutouts
from mvlib.evaluation.markdown import bd_table, fidelity_table, light_table, savings_table
from mvlib.fidelity.agreement import table as agreement_table
from mvlib.fidelity.page import summary
from mvlib.figures import NAMES, picture_rows

DOCS = Path(__file__).resolve().parent
PAGES = (DOCS.parent / "README.md", DOCS / "results.md", DOCS / "tries.md")

BLUR = {"blur 0.8": "a light blur, no network"}
COMPACT = {"Compact": "Compact, a small network"}
TWELVE = {"refined": "refined: 12 gradient steps for each picture"}
TWO = {"refined": "refined: 2 steps, the real encoder's values"}
VIDEO = {"CompactVideo": "CompactVideo, a small network"}
CLASSIFIERS = ("efficientnet_lite0", "efficientnet_lite2")
DETECTORS = ("nanodet", "centernet")
RECOGNISERS = ("action_resnet3d", "action_shift")
BY_LITE0 = {"Compact": CLASSIFIERS[:1], "refined": CLASSIFIERS[:1]}
BY_NANODET = {"refined for both": DETECTORS[:1], "refined": DETECTORS[:1]}

TWELVE_STEPS = Group(
    "Photographs, many steps: is the class the same? (x265)",
    "images", "x265", "kl", CLASSIFIERS, BLUR | COMPACT | TWELVE, BY_LITE0,
)  # fmt: skip
LEARNED = Group(
    "Photographs, learned steps: are the late maps near? (x265)",
    "images_learned", "x265", "features", ("efficientnet_lite2", "mobilenetv2"),
    {"filter soft": "the best constant filter", "refined": "refined: 2 gradient steps"}
    | {"learned steps": "refined: 2 learned steps"},
    {},
)  # fmt: skip
FILTER = {"contrast": "contrast: a filter, one pass"}
STEPS = {"refined": "2 gradient steps", "refined after contrast": "contrast, then 2 gradient steps"}
BY_TRAINING = dict.fromkeys(("filter soft", "contrast", "adaptive", *STEPS), CLASSIFIERS[:1])
BOTH_GUIDES = {"refined for both after contrast": "the same, also for this detector"}
PHOTOGRAPHS = Group(
    "Photographs: is the class the same? (x265)",
    "images_after", "x265", "kl", CLASSIFIERS, BLUR | FILTER | STEPS, BY_TRAINING,
)  # fmt: skip
PHOTOGRAPHS_DETECTOR = Group(
    "Photographs: is the detector's output near? (x265)",
    "images_after", "x265", "divergence", DETECTORS[:1], BLUR | FILTER | STEPS | BOTH_GUIDES,
    dict.fromkeys(BOTH_GUIDES, DETECTORS[:1]),
)  # fmt: skip
PHOTOGRAPHS_MAPS = Group(
    "Photographs: are the late maps near? (x265)",
    "images_after", "x265", "features", ("mobilenetv2",), BLUR | FILTER | STEPS, {},
)  # fmt: skip
CONSTANT = {"filter soft": "the best constant filter"} | FILTER
BOTH_HEADS = CONSTANT | {"adaptive": "adaptive: a classifier steers the filter"}
PASTED = Group(
    "Pasted objects: are they found? (x265)",
    "detection_pasted", "x265", "ap", DETECTORS,
    BLUR | COMPACT | {"refined for both": "refined for detection"}, BY_NANODET,
)  # fmt: skip
PASTED_AFTER = Group(
    "Pasted objects: is the detector's output near? (x265)",
    "detection_after", "x265", "divergence", DETECTORS,
    BLUR | FILTER | {"refined for both after contrast": "contrast, then 2 gradient steps"},
    {"refined for both after contrast": DETECTORS[:1]},
)  # fmt: skip
WHERE = Group(
    "Pasted objects, and a network that knows where things are (x265)",
    "detection_where", "x265", "ap", DETECTORS,
    BLUR | {"regions": "regions: all but things is smoothed"}, {},
)  # fmt: skip
WHERE_STREET = Group(
    "Regions on frames of a street: is the output near? (x265)",
    "detection_where_street", "x265", "divergence", DETECTORS,
    {"regions": "regions: all but things is smoothed"}, {},
)  # fmt: skip
STREET = Group(
    "Frames of a street: is the output near? (x265)",
    "detection_pedestrians", "x265", "divergence", DETECTORS,
    FILTER | {"refined for both": STEPS["refined"], "refined for both after contrast": STEPS["refined after contrast"]},
    {"refined for both": DETECTORS[:1], "refined for both after contrast": DETECTORS[:1]},
)  # fmt: skip
SCENES = Group(
    "Generated scenes: which action? (x265)",
    "clips", "x265", "label", RECOGNISERS, BLUR | {"Zhao": "our reading of the second paper"} | VIDEO, {},
)  # fmt: skip
FILM_STEPS = {"refined": "5 gradient steps", "refined after contrast": "contrast, then 5 gradient steps"}
BY_TWO = dict.fromkeys(FILM_STEPS, (CLASSIFIERS[0], DETECTORS[0])) | {"contrast": CLASSIFIERS[:1]}
FILMS = (
    Group(
        "Real films: are the late maps near? (x265)",
        "films_refined", "x265", "features", (*CLASSIFIERS, *DETECTORS, "mobilenetv2"), FILTER | FILM_STEPS, BY_TWO,
    ),
    Group(
        "Real films: is the class the same? (x265)",
        "films_refined", "x265", "kl", CLASSIFIERS, BLUR | FILTER | FILM_STEPS, BY_TWO,
    ),
    Group(
        "Real films: are objects found? (x265)",
        "films_refined", "x265", "divergence", DETECTORS, BLUR | FILTER | FILM_STEPS, BY_TWO,
    ),
)  # fmt: skip

FIGURES = {
    "savings": (PHOTOGRAPHS, PHOTOGRAPHS_DETECTOR, STREET, SCENES, FILMS[1], FILMS[2]),
    "results_photographs": (
        PHOTOGRAPHS,
        Group("the same (x264)", "images_after", "x264", "kl", CLASSIFIERS, BLUR | FILTER | STEPS, BY_TRAINING),
        *(
            Group(
                f"the same ({title}, its own values)",
                f"images_after_{codec}", codec, "kl", CLASSIFIERS, BLUR | FILTER | STEPS, BY_TRAINING,
            )
            for codec, title in {"svtav1": "SVT-AV1", "vp9": "VP9", "webp": "WebP"}.items()
        ),
        PHOTOGRAPHS_DETECTOR,
        PHOTOGRAPHS_MAPS,
        Group(
            "Filters: is the class the same? (x265)",
            "images_adaptive", "x265", "kl", CLASSIFIERS, BOTH_HEADS, BY_TRAINING,
        ),
        LEARNED,
        TWELVE_STEPS,
        Group("the same (x264)", "images", "x264", "kl", CLASSIFIERS, BLUR | COMPACT | TWELVE, BY_LITE0),
        Group("the same (AVIF)", "images_refined_avif", "avif", "kl", CLASSIFIERS, BLUR | TWO, BY_LITE0),
        Group(
            "the same (JPEG)",
            "images_stills", "jpeg", "kl", CLASSIFIERS,
            BLUR | COMPACT | {"refined through JPEG": "refined: 12 gradient steps for each picture"},
            BY_LITE0 | {"refined through JPEG": CLASSIFIERS[:1]},
        ),
    ),
    "results_detection": (
        PASTED_AFTER,
        PASTED,
        WHERE,
        Group(
            "Pasted objects, 12 groups: is the detector's output near? (x265)",
            "detection_pasted", "x265", "divergence", DETECTORS,
            BLUR | COMPACT | {"refined for both": "refined for detection"}, BY_NANODET,
        ),
        replace(STREET, conditions=BLUR | COMPACT | STREET.conditions),
        WHERE_STREET,
    ),
    "results_clips": (
        SCENES,
        Group("the same (x264)", "clips", "x264", "label", RECOGNISERS, BLUR | VIDEO, {}),
        Group("Generated scenes: is the answer near? (x265)", "clips", "x265", "kl", RECOGNISERS, BLUR | VIDEO, {}),
        Group("the same (SVT-AV1)", "clips_unseen", "svtav1", "kl", RECOGNISERS, BLUR | VIDEO, {}),
        Group(
            "Generated scenes: is the object followed? (x265)",
            "clips_tracking", "x265", "ao", ("siam_lite0", "siam_nanodet"), BLUR | VIDEO, {},
        ),
    ),
    "results_films": (
        FILMS[0],
        *(
            replace(
                FILMS[0], title=f"the same ({title})", report=f"films_refined_{codec}", codec=codec,
                conditions=FILTER | {"refined after contrast": FILM_STEPS["refined after contrast"]},
            )
            for codec, title in {"x264": "x264", "svtav1": "SVT-AV1", "vp9": "VP9"}.items()
        ),
        *FILMS[1:],
        Group(
            "Windows of 64 frames: are the late maps near? (x265)",
            "films_long", "x265", "features", (*CLASSIFIERS, "centernet"), BLUR | CONSTANT, BY_TRAINING,
        ),
        Group(
            "A network for what moves: are objects found? (x265)",
            "clips_films_detection", "x265", "divergence", DETECTORS, BLUR | VIDEO, {},
        ),
    ),
}  # fmt: skip


def load(name: str) -> dict:
    """The report ``name`` of data/results."""
    return json.loads((RESULTS / f"{name}.json").read_text())


def command(name: str) -> str:
    """How a report was made, with a link to all of its numbers."""
    return f"Made by `{load(name)['command']}` ([all numbers](../data/results/{name}.json))."


def _several(pairs: tuple[str, ...]) -> dict[str, dict]:
    """``title=report`` of each → title → report."""
    return {title: load(name) for title, name in (pair.split("=") for pair in pairs)}


def headline() -> str:
    """Photographs with x265: a column for one analyser of each kind."""
    report, kinds = load("images_after"), ("kl", "divergence")
    one_each = [r for r in report["bd_rates"] if r["quality"] in kinds or r["analyser"] == "mobilenetv2"]
    rows = ["blur 0.8", "contrast", "refined", "refined after contrast"]
    return bd_table(report | {"bd_rates": one_each}, codecs=["x265"], conditions=rows)


def _shown(what: str, *words: str) -> str:
    """The text that stands for the marker ``<!-- what words… -->``."""
    if what == "headline":
        return headline()
    if what == "fidelity":
        return summary(_several(words))
    if what == "agreement":
        return agreement_table(_several(words))
    if what == "command":
        return command(*words)
    name, *lists = (word for word in words if "=" not in word)
    kept = {key: value.split(",") for key, value in (word.split("=") for word in words if "=" in word)}
    make = {"bd": bd_table, "light": light_table, "savings": savings_table, "people": fidelity_table}[what]
    return make(load(name), *(list_.split(",") for list_ in lists), **kept)


def fill(page: str) -> str:
    """``page`` with every table between markers made anew from data/results."""
    return re.sub(
        r"<!-- ((?!end)[^>]+) -->\n.*?<!-- end -->",
        lambda match: f"<!-- {match[1]} -->\n{_shown(*shlex.split(match[1]))}\n<!-- end -->",
        page,
        flags=re.DOTALL,
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


@torch.inference_mode()
def where() -> Figure:
    """The first animals and thing of the test side, and pasted things: picture, map of things, what is encoded."""
    net = mvlib.load_preprocessor("regions")
    photos = Photos("test")
    kinds = [item.row["kind"] for item in photos.meta]
    columns = [photos[kinds.index(kind)] for kind in ("animals", "things", "people")]
    columns.append(torch.from_numpy(PastedCutouts("test", groups=38)[0].frames[0]).permute(2, 0, 1) / 255)
    rows: dict[str, list[np.ndarray]] = {"picture": [], "map": [], "encoded": []}
    for x in columns:
        shown = (x[None], net.logits(x[None]).sigmoid().expand(-1, 3, -1, -1), net(x[None], 37))
        for row, picture in zip(rows.values(), shown, strict=True):
            row.append(picture[0].permute(1, 2, 0).numpy())
    return picture_rows(rows)


def main() -> None:
    """Fill the tables, draw the figures."""
    for page in PAGES:
        page.write_text(fill(page.read_text()))
    for name, groups in FIGURES.items():
        shown = list(rows(groups))
        numbers = json.dumps([asdict(row) for row in shown])
        forest(shown).savefig(DOCS / f"{name}.png", dpi=110, metadata={"Description": numbers})
    before_after().savefig(DOCS / "before_after.png", dpi=88)
    where().savefig(DOCS / "where.jpg", dpi=100)


if __name__ == "__main__":
    plt.switch_backend("agg")
    main()
