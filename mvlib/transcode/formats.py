"""Outputs: ending → container and the codecs that it holds; and whether a file may be written where it is named."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mvlib.codecs import ENCODERS
from mvlib.errors import InputError


@dataclass(frozen=True)
class Format:
    """A kind of file."""

    codecs: tuple[str, ...]
    muxer: str = ""
    """FFmpeg's name of it; empty for a still."""
    options: tuple[tuple[str, str], ...] = ()
    """Of the muxer."""
    only_picture: bool = False
    """It holds no sound, no subtitles and no chapters."""
    timeless: bool = False
    """It holds no times of frames either."""
    shapes: tuple[str, ...] = ()
    """Codecs whose files tell of pixels that are not square."""
    tags: tuple[tuple[str, str], ...] = ()
    """What the container shall call a codec, where players do not know FFmpeg's usual name."""

    @property
    def still(self) -> bool:
        """Whether it holds one picture."""
        return not self.muxer


# The index in front, so that a browser can begin to play; HEVC by the name that Apple's players know.
_MOV = (("movflags", "+faststart"),)
_APPLE = (("x265", "hvc1"),)
_X26X = ("x264", "x265")
_H264 = Format(("x264",), "h264", only_picture=True, timeless=True, shapes=_X26X)
_H265 = Format(("x265",), "hevc", only_picture=True, timeless=True, shapes=_X26X)
_JPEG = Format(("jpeg",))
_ALL = ("x264", "x265", "svtav1", "vp9", "mjpeg")
FORMATS = {
    ".mp4": Format(_ALL, "mp4", _MOV, shapes=_ALL, tags=_APPLE),
    ".mov": Format((*_X26X, "mjpeg"), "mov", _MOV, shapes=_ALL, tags=_APPLE),
    ".mkv": Format(_ALL, "matroska", shapes=_ALL),
    ".webm": Format(("vp9", "svtav1"), "webm", shapes=_ALL),
    ".264": _H264, ".h264": _H264, ".265": _H265, ".h265": _H265, ".hevc": _H265,
    ".ivf": Format(("svtav1", "vp9"), "ivf", only_picture=True),
    ".jpg": _JPEG, ".jpeg": _JPEG, ".webp": Format(("webp",)), ".avif": Format(("avif",)),
}  # fmt: skip


def choose(out: Path, codec: str | None, is_clip: bool) -> tuple[Format, str]:
    """The format that the name of ``out`` asks for, and the codec: ``codec``, or else the usual one of that format.

    Raises ``InputError`` for an unknown ending, a codec that such a file does not hold, and a clip in a still.
    """
    ending = out.suffix.lower()
    if ending in (".heic", ".heif"):
        raise InputError(f"{out}: there is no encoder of HEIC here; give a name that ends in .avif")
    if ending not in FORMATS:
        raise InputError(
            f"{out} must end in one of {', '.join(FORMATS)}, which says what kind of file is written"
        )
    form = FORMATS[ending]
    codec = codec or form.codecs[0]
    if codec not in ENCODERS:
        raise InputError(f"codec {codec!r} is unknown; {ending} holds {', '.join(form.codecs)}")
    if codec not in form.codecs:
        others = ", ".join(end for end, other in FORMATS.items() if codec in other.codecs)
        raise InputError(
            f"{out}: {ending} does not hold {codec}; give --codec {' or '.join(form.codecs)}, or a name that ends in "
            f"one of {others}"
        )
    if form.still and is_clip:
        raise InputError(
            f"{out} would be a still, and the input is a clip; give a name that ends in .mp4 or .mkv, or take one "
            "frame of it: --frames 1"
        )
    return form, codec


def check_outputs(source: Path, outputs: Iterable[Path], overwrite: bool = False) -> None:
    """Raise ``InputError`` where an output is ``source`` or another one, by whatever name, or cannot be written.

    Args:
        overwrite: whether a file that is there already may be replaced.
    """
    taken = {_identity(source): source}
    for file in outputs:
        other = taken.setdefault(_identity(file), file)
        if other is source:
            raise InputError(f"{file} is the input {source}, which would be lost; give another name")
        if other is not file:
            raise InputError(
                f"{file} and {other} are the same file, and one result would be lost; give two names"
            )
        _check_place(file)
        if file.exists() and not overwrite:
            raise InputError(f"{file} is there already; give --overwrite to replace it, or another name")


def _identity(file: Path) -> object:
    """The same for all names of one file, be it by links or a relative path."""
    try:
        found = file.stat()
        return found.st_dev, found.st_ino
    except OSError:
        return os.path.normcase(os.path.realpath(file))


def _check_place(file: Path) -> None:
    if file.is_dir():
        raise InputError(f"{file} is a folder; give the name of a file in it")
    if file.exists() and not file.is_file():
        raise InputError(f"{file} is a pipe or a device; give the name of a file")
    target = Path(os.path.realpath(file))
    folder = next(place for place in target.parents if place.exists())
    if not folder.is_dir():
        raise InputError(f"{file} cannot be written: {folder} is a file, not a folder")
    if not os.access(folder, os.W_OK | os.X_OK) or (file.exists() and not os.access(file, os.W_OK)):
        raise InputError(f"{file} cannot be written: no permission in {folder}")
