"""Lists of videos with their classes: CSV as it is handed around → rows of one split."""

import csv
import io
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mvlib.errors import InputError

from .._manifest import text_of
from .files import CLIPS

log = logging.getLogger("mvlib.datasets")
# How the columns are called in the official files, their copies and the downloaders' lists.
_COLUMNS = {
    "label": ("label", "class", "label_name", "class_name", "action"),
    "id": ("youtube_id", "video_id", "ytid", "id"),
    "start": ("time_start", "start_time", "start"),
    "end": ("time_end", "end_time", "end"),
    "split": ("split", "subset"),
    "path": ("path", "file", "filename", "file_name", "video_path", "video"),
}
_SPLITS = (("val", "validate", "validation", "valid"), ("train", "training"), ("test", "testing"))


def same_split(name: str) -> tuple[str, ...]:
    """All names of a split, ``name`` itself first."""
    alike = next((names for names in _SPLITS if name.strip().lower() in names), ())
    return (name, *(other for other in alike if other != name))


@dataclass(frozen=True)
class ListedVideo:
    """A video of a list."""

    path: str
    """As listed, or as the official data set calls it."""
    label: str
    """Name or number of its class; empty: not there."""
    stems: tuple[str, ...] = ()
    """Names without suffix that the file may have, where the list gives no path."""
    wrong: str = ""
    """What is wrong with the row."""

    def found(self, there: dict[str, list[Path]], root: Path, key: Callable[[str], str]) -> "ListedVideo":
        """With the path below ``root`` of the file that has one of its names, best in its class's folder."""
        for stem in self.stems:
            if files := there.get(stem):
                best = next((path for path in files if key(path.parent.name) == key(self.label)), files[0])
                return replace(self, path=best.relative_to(root).as_posix())
        return self


def read_csv(path: Path, split: str) -> list[ListedVideo]:
    """The rows of ``split``; a row that is wrong says so.

    With a header the columns are found by their names: label, youtube_id, time_start, time_end, or label and path,
    and split where there is one (rows without it are of any split). Without one a line is "path,label" or
    "path label". Commas, semicolons or tabs, quotes, a byte-order mark and any line end are understood.

    Raises ValueError for a file without these columns, or without a row of ``split``.
    """
    text = text_of(path)
    head = text.lstrip().split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    try:
        spaced = f'{delimiter} "' in text
        table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=spaced)
        lines = [row for row in table if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise InputError(f"{path} is no CSV: {error}") from error
    if across := next((row for row in lines if any("\n" in cell for cell in row)), None):
        raise InputError(f"{path} has a quote that is not closed, near {across[0][:60]!r}; mend that line")
    column = _columns(lines[0]) if lines else {}
    if column:
        return _of_header(path, lines[1:], column, split)
    return [_of_line(row, delimiter) for row in lines]


def _columns(head: list[str]) -> dict[str, int]:
    """Where each column stands; empty where ``head`` is no header."""
    names = [re.sub(r"[\W_]+", "_", name.strip().lower()).strip("_") for name in head]
    found = {
        column: next(k for k, name in enumerate(names) if name in spellings)
        for column, spellings in _COLUMNS.items()
        if set(spellings) & set(names)
    }
    # Of two columns the other one is the path, whatever it is called.
    if "label" in found and "id" not in found and len(names) == 2:
        found.setdefault("path", 1 - found["label"])
    return found if {"id", "path"} & found.keys() or ("label" in found and len(names) > 1) else {}


def _of_header(path: Path, lines: list[list[str]], column: dict[str, int], split: str) -> list[ListedVideo]:
    if "label" not in column or not {"id", "path"} & column.keys():
        raise InputError(
            f"{path} has no column {'youtube_id or path' if 'label' in column else 'label'}; "
            "give a list with labels, or read the clips as dataset folder, which needs none"
        )
    table = [{name: row[k].strip() if k < len(row) else "" for name, k in column.items()} for row in lines]
    if "split" in column:
        alike = {name.lower() for name in same_split(split)}
        splits = sorted({row["split"] for row in table})
        table = [row for row in table if row["split"].lower() in alike]
        if splits and not table:
            raise InputError(f"{path} has no row of split {split!r}, only of {', '.join(map(repr, splits))}")
    return [_of_row(row) for row in table]


def _of_row(row: dict[str, str]) -> ListedVideo:
    """A path as it is, or the names that the official data set may give the file of an id."""
    name, label = row.get("path") or row.get("id", ""), _label(row["label"])
    if Path(name).suffix.lower() in CLIPS:
        return ListedVideo(name, label)
    if not row.get("start") and not row.get("end"):
        return ListedVideo(f"{name}.mp4", label, (name,))
    try:
        begin, end = int(float(row["start"])), int(float(row["end"]))
    except (KeyError, ValueError, OverflowError):
        why = f"time_start {row.get('start', '')!r} and time_end {row.get('end', '')!r} are no numbers"
        return ListedVideo(f"{name}.mp4", label, wrong=why)
    stem = f"{name}_{begin:06d}_{end:06d}"
    return ListedVideo(f"{stem}.mp4", label, (stem, name, f"{name}_{begin}_{end}"))


def _of_line(row: list[str], delimiter: str) -> ListedVideo:
    """ "path,label" or "path label"; a path without quotes may hold commas."""
    parts = [delimiter.join(row[:-1]), row[-1]] if len(row) > 1 else row[0].strip().rsplit(None, 1)
    return ListedVideo(parts[0].strip(), _label(parts[1]) if len(parts) > 1 else "")


def _label(text: str) -> str:
    """A label as a list writes it: "3.0" is a number, and -1 stands for none."""
    text = text.strip().strip('"').strip()
    text = re.sub(r"^(\d+)\.0+$", r"\1", text)
    return "" if text == "-1" else text


def once(path: Path, rows: list[ListedVideo]) -> list[ListedVideo]:
    """Each path once; one that is listed with two labels is wrong."""
    by_path: dict[str, list[ListedVideo]] = {}
    for row in rows:
        by_path.setdefault(row.path, []).append(row)
    if len(by_path) < len(rows):
        log.warning("%s lists %d videos more than once", path, len(rows) - len(by_path))
    return [
        same[0]
        if len({row.label for row in same}) == 1
        else replace(same[0], wrong=f"listed as {' and as '.join(sorted({repr(r.label) for r in same}))}")
        for same in by_path.values()
    ]
