"""Find out whom to thank: package's own credit files → author, licence, origin of one picture.

Four kinds of credits are read: the README in each folder of gcompris (one paragraph per picture, with the
address of the original), Debian's machine-readable copyright file (mate, lomiri), KDE's metadata.json (plasma),
and for packages that credit in prose (scikit-image's docstrings, opencv) the table ``credits.csv`` beside this file.
"""

import csv
import json
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import packages

# Slips of the pen in the package's own credits: the next paragraphs and the picture leave no doubt.
_MISSPELT = {"screwDriver.webp": "screDriver.webp", "germany/aulaPalatina.webp": "germany/audaPalatina.webp"}
_FIELD = re.compile(r"^(Copyright|Licen[sc]e|Source|Comments?|Files):\s*(.*)$")
_BASED_ON = re.compile(
    r"based on an? .*?by (?P<author>.+?), licen[sc]e (?P<licence>.+?), source at (?P<origin>\S+)"
)


@dataclass(frozen=True)
class Credit:
    """Author, licence (SPDX-like where the package writes one) and address of the original ('' if not stated)."""

    author: str
    licence: str
    origin: str


def credit(package: str, path: str, work: Path) -> Credit:
    """Return the credit of one file of a package; raises LookupError if the package states none."""
    reader = {
        "gcompris-qt-data": _readme,
        "mate-backgrounds": _debian_copyright,
        "lomiri-wallpapers-16.04": _debian_copyright,
        "lomiri-wallpapers-20.04": _debian_copyright,
        "plasma-workspace-wallpapers": _kde_metadata,
    }.get(package, _table)
    found = reader(package, path, work)
    if found is None or not found.author or not found.licence:
        raise LookupError(f"{package}: no author and licence stated for {path}: leave the picture out")
    return Credit(_one_line(found.author), _licence(found.licence), found.origin)


def _readme(package: str, path: str, work: Path) -> Credit | None:
    archive, inner = path.split("!", 1)
    for folder in PurePosixPath(inner).parents:
        try:
            text = packages.read(package, f"{archive}!{folder}/README", work).decode("utf-8")
        except KeyError:
            continue  # explore_monuments has its README one folder up
        name = str(PurePosixPath(inner).relative_to(folder))
        for paragraph in re.split(r"\n\s*\n", text):
            fields, files = _paragraph(paragraph)
            if name in files or _MISSPELT.get(name) in files:
                return _from_fields(fields)
    return None


def _paragraph(text: str) -> tuple[dict[str, str], list[str]]:
    """Split one paragraph of a README into its fields and the file names it speaks of."""
    fields, files = {}, []
    for line in text.splitlines():
        match = _FIELD.match(line.strip())
        if match and match[1] != "Files":
            fields[match[1].rstrip("s").replace("Licence", "License")] = match[2]
        else:
            files += (match[2] if match else line).split()
    return fields, files


def _from_fields(fields: dict[str, str]) -> Credit:
    """Prefer the photographer named in the comment over the person who prepared the picture."""
    author, licence = fields.get("Copyright", ""), fields.get("License", "")
    based = _BASED_ON.search(fields.get("Comment", ""))
    if based:
        prepared = f"{based['author']} ({based['licence']}), prepared by {author}"
        return Credit(prepared, licence or based["licence"], based["origin"])
    return Credit(author, licence, fields.get("Source", ""))


def _debian_copyright(package: str, path: str, work: Path) -> Credit | None:
    text = packages.read(package, f"usr/share/doc/{package}/copyright", work).decode("utf-8")
    name = PurePosixPath(path).name
    for paragraph in re.split(r"\n\s*\n", text):
        if not paragraph.startswith("Files:"):
            continue
        fields = dict(re.findall(r"^(\w+):((?:.|\n(?=[ \t]))*)", paragraph, re.M))
        if any(fnmatch(name, PurePosixPath(p).name) for p in fields["Files"].split() if p != "*"):
            return Credit(fields["Copyright"], fields["License"], _project(text))
    return None


def _project(text: str) -> str:
    return re.search(r"^Source:\s*(\S+)", text, re.M)[1]


def _kde_metadata(package: str, path: str, work: Path) -> Credit | None:
    folder = path.split("/contents/")[0]
    plugin = json.loads(packages.read(package, f"{folder}/metadata.json", work))["KPlugin"]
    copyright_file = packages.read(package, f"usr/share/doc/{package}/copyright", work).decode("utf-8")
    return Credit(plugin["Authors"][0]["Name"], plugin["License"], _project(copyright_file))


def _table(package: str, path: str, work: Path) -> Credit | None:
    with open(Path(__file__).with_name("credits.csv"), newline="", encoding="utf-8") as f:
        for row in csv.DictReader(f):
            if row["package"] == package and fnmatch(path, row["pattern"]):
                return Credit(row["author"], row["licence"], row["origin"])
    return None


def _one_line(text: str) -> str:
    return "; ".join(part.strip().lstrip("©").strip() for part in text.strip().splitlines() if part.strip())


def _licence(text: str) -> str:
    """Write the same licence the same way: 'CC-BY-SA 4.0' → 'CC-BY-SA-4.0', 'Public Domain' → 'public-domain'."""
    text = text.strip()
    if text.lower().replace("-", " ") == "public domain":
        return "public-domain"
    return {"GPLv3": "GPL-3", "LGPLv3": "LGPL-3"}.get(text, re.sub(r"^(CC[-\w]+) (\d)", r"\1-\2", text))
