"""Make the cut-outs: cutouts.csv → stamp with alpha → trimmed, at most 160 px → WebP with alpha and cutouts.csv.

The recipe's ``cutouts.csv`` names the photographic stamps that were kept after looking at all of them (no drawings,
ragged white rims or mirrored copies), the COCO class where one fits, and a subject that several pictures of one
thing share, so that they are on one side of the split.
"""

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import packages
from credits import credit
from PIL import Image
from tqdm.auto import tqdm

PACKAGE = "tuxpaint-stamps-default"
LONG_SIDE = 160
QUALITY = 92  # WebP, of the colours; alpha is stored without loss
# Test and validation share of the sources of a category; the rest trains. With a COCO class, more of them test:
# detectors come trained, so that such cut-outs are of use where they are measured.
SHARE = {False: (0.34, 0.14), True: (0.55, 0.08)}
TURN = 40  # degrees of the turn that `asymmetry` is measured at: no small fraction of a full turn
FIELDS = [
    *("file", "split", "source_id", "name", "category", "coco", "asymmetry", "package", "version", "path"),
    *("author", "licence", "origin", "change", "width", "height", "sha256"),
]


@dataclass(frozen=True)
class Choice:
    """One row of the recipe's cutouts.csv."""

    path: str
    category: str
    coco: str
    source_id: str


def build(out: Path, work: Path) -> list[dict]:
    """Write ``out/cutouts`` and return the rows of its manifest, in the order of the file names."""
    choices = read_choices()
    splits = assign_splits(choices)
    (out / "cutouts").mkdir(parents=True, exist_ok=True)
    rows = [_cutout(c, splits[c.source_id], out, work) for c in tqdm(choices, desc="cutouts", disable=None)]
    return sorted(rows, key=lambda row: row["file"])


def read_choices() -> list[Choice]:
    """Read the recipe's cutouts.csv."""
    with open(Path(__file__).with_name("cutouts.csv"), newline="", encoding="utf-8") as f:
        return [
            Choice(
                r["path"],
                r["category"],
                r["coco"],
                f"tuxpaint-{r['subject'] or PurePosixPath(r['path']).stem}",
            )
            for r in csv.DictReader(f)
        ]


def assign_splits(choices: list[Choice]) -> dict[str, str]:
    """Map source_id → split: within each category, with and without a COCO class, ranked by a hash of the name."""
    splits: dict[str, str] = {}
    strata: dict[tuple[str, bool], set[str]] = {}
    stratum_of = {
        c.source_id: (c.category, bool(c.coco)) for c in choices
    }  # the last picture of a source decides
    for source, stratum in stratum_of.items():
        strata.setdefault(stratum, set()).add(source)
    for (_, labelled), sources in strata.items():
        ranked = sorted(sources, key=lambda s: hashlib.sha256(s.encode()).hexdigest())
        test, val = (round(share * len(ranked)) for share in SHARE[labelled])
        splits |= {
            s: "test" if k < test else "val" if k < test + val else "train" for k, s in enumerate(ranked)
        }
    return splits


def _cutout(choice: Choice, split: str, out: Path, work: Path) -> dict:
    """Write one cut-out and return its line of the manifest."""
    stamp = Image.open(io.BytesIO(packages.read(PACKAGE, choice.path, work))).convert("RGBA")
    box = solid_box(stamp)
    made = shrink(stamp.crop(box), LONG_SIDE)
    made = made.crop(solid_box(made))  # a stray pixel at the border is gone after scaling
    buffer = io.BytesIO()
    made.save(buffer, "WEBP", quality=QUALITY, alpha_quality=100, method=6)
    stem = PurePosixPath(choice.path).stem.lower().replace("-", "_")
    file = f"cutouts/{stem}.webp"
    (out / file).write_bytes(buffer.getvalue())
    who = credit(PACKAGE, choice.path, work)
    return {
        "file": file, "split": split, "source_id": choice.source_id, "name": stem.replace("_", " "),
        "category": choice.category, "coco": choice.coco, "asymmetry": f"{asymmetry(made):.2f}",
        "package": PACKAGE, "version": packages.VERSIONS[PACKAGE], "path": choice.path,
        "author": who.author, "licence": who.licence, "origin": who.origin,
        "change": f"trimmed to {box[2] - box[0]}x{box[3] - box[1]}"
        + ("" if made.size == (box[2] - box[0], box[3] - box[1]) else f", scaled to {made.width}x{made.height}"),
        "width": made.width, "height": made.height, "sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
    }  # fmt: skip


def solid_box(picture: Image.Image) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of all with alpha 16 of 255 and more: a faint haze is no part of the thing."""
    return picture.getchannel("A").point(lambda a: 255 * (a >= 16)).getbbox()


def shrink(picture: Image.Image, long_side: int) -> Image.Image:
    """Scale RGBA down with Lanczos so that the longer side is at most ``long_side``; never enlarge.

    Colours are weighted with alpha meanwhile: otherwise what hides under transparent pixels bleeds into the rim.
    """
    scale = min(1.0, long_side / max(picture.size))
    if scale == 1:
        return picture
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")


def asymmetry(picture: Image.Image) -> float:
    """How much a turn by 40 degrees changes the picture, over mid grey: mean change / mean contrast, about 0 to 1.4.

    A plain ball has almost none: nobody can see it spin.
    """
    side = 64
    square = Image.new("RGBA", (max(picture.size),) * 2)
    square.paste(picture, ((square.width - picture.width) // 2, (square.height - picture.height) // 2))
    square = square.convert("RGBa").resize((side, side), Image.Resampling.LANCZOS)
    grey = [_over_grey(p) for p in (square, square.rotate(TURN, Image.Resampling.BICUBIC))]
    return float(np.abs(grey[0] - grey[1]).mean() / np.mean([np.abs(g).mean() for g in grey]))


def _over_grey(premultiplied: Image.Image) -> np.ndarray:
    """Luma relative to the grey that lies behind, (side, side)."""
    rgba = np.asarray(premultiplied, dtype=np.float64)
    return rgba[..., :3] @ [0.299, 0.587, 0.114] - 127.5 * rgba[..., 3] / 255
