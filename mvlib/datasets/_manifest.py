"""Tables in data/, checked where they are read: CSV → rows whose values are what they should be, or file and line.

A manifest that was edited, or came with somebody's data, may name any file of the machine; none but those in its own
folder are read, and only as long as they are what it says.
"""

import csv
import hashlib
import io
import math
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path, PureWindowsPath

from mvlib.errors import InputError, MissingFile
from mvlib.media import Unreadable

RESTORE = "restore it with `git checkout -- data` or build it again with `python data/build_data.py`"
Check = Callable[[str], bool]
Row = dict[str, str]


def some(text: str) -> bool:
    """Text that isn't empty."""
    return bool(text.strip())


def maybe(text: str) -> bool:
    """Any text, or none."""
    return True


def whole(text: str) -> bool:
    """A number from 0 on."""
    return text.isascii() and text.isdecimal()


def count(text: str) -> bool:
    """A number from 1 on."""
    return whole(text) and int(text) > 0


def number(text: str) -> bool:
    """A finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def labels(text: str) -> bool:
    """Indices of ImageNet-1k, or none."""
    return all(whole(k) and int(k) < 1000 for k in text.split())


def text_of(path: Path) -> str:
    """A text file without its byte-order mark; raises FileNotFoundError, or ValueError where it is no Unicode text."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise MissingFile(f"{path} does not exist") from None
    try:
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text in UTF-8 ({error}); save it as UTF-8") from error


def read_rows(path: Path, columns: Mapping[str, Check]) -> list[Row]:
    """All rows of a table, in their order.

    Args:
        columns: those that there must be, and what their values are.
    Raises:
        FileNotFoundError: there is no such table.  ValueError: names file, line and value.
    """
    if not path.is_file():
        raise MissingFile(f"{path} is missing: {RESTORE}")
    table = csv.DictReader(io.StringIO(text_of(path), newline=""), restkey="")
    if missing := columns.keys() - set(table.fieldnames or ()):
        raise InputError(f"{path} has no column {', '.join(sorted(missing))}: {RESTORE}")
    rows = []
    try:
        for row in table:
            if "" in row or None in row.values():
                raise InputError(
                    f"{path}, line {table.line_num}: there are not as many values as columns: {RESTORE}"
                )
            if wrong := next((name for name, check in columns.items() if not check(row[name])), None):
                what = (columns[wrong].__doc__ or "").strip().rstrip(".")
                value = f"{path}, line {table.line_num}: {wrong}={row[wrong]!r}"
                raise InputError(f"{value} is not what it should be ({what}): {RESTORE}")
            rows.append(row)
    except csv.Error as error:
        raise InputError(f"{path}, line {table.line_num}: {error}: {RESTORE}") from error
    return rows


def inside(root: Path) -> Check:
    """A check that a path lies in the folder ``root``."""
    real = root.resolve()

    def is_inside(text: str) -> bool:
        """A path inside the data folder, links followed."""
        named = PureWindowsPath(text)  # knows both kinds of slash, and drives
        if not text or "\0" in text or named.anchor or ".." in named.parts:
            return False
        return (root / text).resolve().is_relative_to(real)

    return is_inside


def one_of(names: tuple[str, ...]) -> Check:
    """A check that a value is one of ``names``."""

    def is_one(text: str) -> bool:
        return text in names

    is_one.__doc__ = f"One of {', '.join(names)}."
    return is_one


def check_content(path: Path, sha256: str) -> None:
    """Raise unless ``path`` has that digest; it is read once in a process, and again only when it was changed."""
    try:
        known = path.stat()
        found = _digest(path, known.st_mtime_ns, known.st_size)
    except FileNotFoundError:
        raise MissingFile(f"{path} is in the manifest but not on disk: {RESTORE}") from None
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror or error}") from error
    if found != sha256.lower():
        differ = f"its SHA-256 is {found[:12]}…, not {sha256[:12]}…"
        raise Unreadable(f"{path} is not the file that the manifest means ({differ}): {RESTORE}")


@cache
def _digest(path: Path, changed: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
