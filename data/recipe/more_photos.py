"""Enlarge the training side for a long training: its photographs, finer crops of large ones, paintings → a folder.

    python data/recipe/more_photos.py --out runs/photos
    python -m mvlib train image --dataset folder --root runs/photos

The pictures are as free as those of data/README.md and come from the same packages, but are too many to be kept in
the repository. Nothing of the validation or the test side is touched. The paintings are old ones, in the public domain.
"""

import csv
import io
import shutil
import tempfile
from pathlib import Path

import packages
import photos
from jsonargparse import auto_cli
from PIL import Image
from tqdm.auto import tqdm

GRID = (6, 4)  # finer crops of a large photograph: columns, rows
CELL = 320  # their sides in pixels
PAINTINGS = "activities/paintings/resource/image/"


def enlarge(out: Path, work: Path | None = None) -> None:
    """Write the pictures into ``out``; those that are there already are written again.

    Args:
        out: folder for 767 pictures, 17 MB.
        work: folder that keeps the unpacked packages (about 1 GB); a temporary one by default.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        work = work or Path(scratch)
        choices = photos.read_choices()
        splits = photos.assign_splits(choices)
        for choice in tqdm(
            [c for c in choices if splits[c.source_id] == "train"], desc="photographs", disable=None
        ):
            blob = packages.read(choice.package, choice.path, work)
            picture = Image.open(io.BytesIO(blob)).convert("RGB")
            if min(picture.size) >= photos.LARGE:
                for name, data, *_ in photos.crops(choice.source_id, picture, GRID, CELL, largest=0.75):
                    (out / f"fine_{name}").write_bytes(data)
        for path, blob in packages.archived("gcompris-qt-data", ".webp", work):
            if PAINTINGS in path:
                (out / f"painting_{Path(path).name}").write_bytes(blob)
    here = Path(__file__).resolve().parents[1]
    with (here / "photos.csv").open(newline="", encoding="utf-8") as manifest:
        for row in csv.DictReader(manifest):
            if row["split"] == "train":
                shutil.copy(here / row["file"], out)


if __name__ == "__main__":
    auto_cli(enlarge, as_positional=False)
