"""Make the photographs: choices.csv → original in its package → whole picture and crops → WebP and photos.csv.

``choices.csv`` has one row for each picture that was looked at: used or not (with the reason), its kind, its
ImageNet labels, and a subject where several pictures show the same thing, so that these share a ``source_id``.
"""

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import packages
from credits import credit
from PIL import Image
from timm.data import ImageNetInfo
from tqdm.auto import tqdm

QUALITY = 93  # WebP; at 384 px the artefacts of the original dominate
SHORT_SIDE = 384  # of a whole picture
GRID, CELL = (3, 2), 400  # crops from a large picture: columns, rows; upper limit of a crop's sides
LARGE = 1000  # shorter side in pixels from which a picture of the training side also gives crops
FLAT = 0.50  # bits per pixel of a crop's WebP below which there is nothing to code (sky, blurred background)
SHARE = {"test": 0.25, "val": 0.17}  # of the sources without a label; the rest trains
FIELDS = [
    *("file", "split", "source_id", "kind", "label", "label_text", "package", "version", "path"),
    *("author", "licence", "origin", "change", "width", "height", "sha256"),
]


@dataclass
class Choice:
    """One used row of choices.csv."""

    package: str
    path: str
    kind: str
    label: str
    source_id: str


def build(out: Path, work: Path) -> list[dict]:
    """Write ``out/photos`` and return the rows of its manifest, in the order of the file names."""
    choices = read_choices()
    splits = assign_splits(choices)
    rows = []
    (out / "photos").mkdir(parents=True, exist_ok=True)
    for choice in tqdm(choices, desc="photos", disable=None):
        rows += _pictures(choice, splits[choice.source_id], out, work)
    return sorted(rows, key=lambda row: row["file"])


def read_choices() -> list[Choice]:
    """Read the used rows of choices.csv."""
    with open(Path(__file__).with_name("choices.csv"), newline="", encoding="utf-8") as f:
        used = [row for row in csv.DictReader(f) if row["use"] == "yes"]
    return [Choice(r["package"], r["path"], r["kind"], r["label"], r["subject"] or _name(r)) for r in used]


def _name(row: dict[str, str]) -> str:
    """Package and stem, for gcompris folder and stem too, e.g. 'gcompris-animals_koala', 'mate-backgrounds_Garden'."""
    path = PurePosixPath(row["path"])
    if row["package"] == "gcompris-qt-data":
        return f"gcompris-{path.parent.name}_{path.stem}"
    stem = path.parts[path.parts.index("contents") - 1] if "contents" in path.parts else path.stem
    return f"{row['package']}_{stem}"


def assign_splits(choices: list[Choice]) -> dict[str, str]:
    """Map source_id → split: labelled sources test; within each kind the others are ranked by a hash of their name.

    Labels are few, and of use only where accuracy is measured. A rank, not a threshold on the hash, keeps the kinds
    balanced over the splits.
    """
    splits = {c.source_id: "test" for c in choices if c.label}
    kinds: dict[str, set[str]] = {}
    for source, kind in {c.source_id: c.kind for c in choices if c.source_id not in splits}.items():
        kinds.setdefault(kind, set()).add(source)
    for sources in kinds.values():
        ranked = sorted(sources, key=lambda s: hashlib.sha256(s.encode()).hexdigest())
        test, val = (round(SHARE[k] * len(ranked)) for k in ("test", "val"))
        splits |= {
            s: "test" if k < test else "val" if k < test + val else "train" for k, s in enumerate(ranked)
        }
    return splits


def _pictures(choice: Choice, split: str, out: Path, work: Path) -> list[dict]:
    """Write the whole picture (number 0) and, on the training side, the crops of a large one (1 to 6)."""
    blob = packages.read(choice.package, choice.path, work)
    picture = Image.open(io.BytesIO(blob))
    pixels = picture.convert("RGB")
    stem = _name({"package": choice.package, "path": choice.path})
    if picture.format == "WEBP" and picture.mode == "RGB" and min(pixels.size) <= SHORT_SIDE:
        made = [(f"{stem}_0.webp", blob, pixels.size, "none (the package's own file)")]
    else:
        whole = _shrink(pixels, SHORT_SIDE)
        made = [
            (f"{stem}_0.webp", _webp(whole), whole.size, f"whole, scaled to {whole.width}x{whole.height}")
        ]
    if split == "train" and min(pixels.size) >= LARGE:
        made += crops(stem, pixels, GRID, CELL, largest=0.5)
    rows = []
    for name, data, size, change in made:
        (out / "photos" / name).write_bytes(data)
        rows.append(_row(choice, split, f"photos/{name}", data, size, change, work))
    return rows


def _shrink(picture: Image.Image, short_side: int) -> Image.Image:
    """Scale down with a Lanczos filter so that the shorter side is at most ``short_side``; never enlarge."""
    scale = min(1.0, short_side / min(picture.size))
    size = (round(picture.width * scale), round(picture.height * scale))
    return picture if scale == 1 else picture.resize(size, Image.Resampling.LANCZOS)


def crops(
    stem: str, picture: Image.Image, grid: tuple[int, int], cell: int, largest: float
) -> list[tuple[str, bytes, tuple[int, int], str]]:
    """Cut a grid of disjoint crops out of the picture, made smaller by ``largest`` at least; flat ones are left out.

    Args:
        grid: columns and rows in a wide picture.  cell: upper limit of a crop's sides, in pixels.
    """
    columns, rows = grid if picture.width >= picture.height else grid[::-1]
    scale = min(largest, max(cell * columns / picture.width, cell * rows / picture.height))
    small = picture.resize(
        (round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS
    )
    width, height = min(cell, small.width // columns), min(cell, small.height // rows)
    made = []
    for k in range(columns * rows):
        left = (k % columns) * (small.width - width) // max(1, columns - 1)
        top = (k // columns) * (small.height - height) // max(1, rows - 1)
        crop = small.crop((left, top, left + width, top + height))
        data = _webp(crop)
        if min(crop.size) >= 240 and 8 * len(data) / (width * height) >= FLAT:
            change = f"scaled to {small.width}x{small.height}, crop at {left},{top}"
            made.append((f"{stem}_{k + 1}.webp", data, crop.size, change))
    return made


def _webp(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=QUALITY, method=6)
    return buffer.getvalue()


def _row(
    choice: Choice, split: str, file: str, data: bytes, size: tuple[int, int], change: str, work: Path
) -> dict:
    """One line of the manifest. A crop carries no label: what the label names may lie outside of it."""
    who = credit(choice.package, choice.path, work)
    label = choice.label if file.endswith("_0.webp") else ""
    values = {
        "file": file, "split": split, "source_id": choice.source_id, "kind": choice.kind, "label": label,
        "label_text": "; ".join(_imagenet().index_to_description(int(k)) for k in label.split()),
        "package": choice.package, "version": packages.VERSIONS[choice.package], "path": choice.path,
        "author": who.author, "licence": who.licence, "origin": who.origin, "change": change,
        "width": size[0], "height": size[1], "sha256": hashlib.sha256(data).hexdigest(),
    }  # fmt: skip
    return values


def _imagenet(info: list = []) -> ImageNetInfo:  # noqa: B006  # reading the names takes half a second: once
    if not info:
        info.append(ImageNetInfo())
    return info[0]
