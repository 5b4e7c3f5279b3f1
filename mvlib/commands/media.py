"""Pictures and clips of the user: file → uint8 frames, and frames → PNG or lossless video."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from PIL import Image

from mvlib._files import replace_when_done
from mvlib.errors import InputError
from mvlib.media import Unreadable, kind_of, load_picture, open_clip, stacked

CONTAINERS = (".mkv", ".avi")
"""What lossless video (FFV1) is written in."""


@dataclass(frozen=True)
class Media:
    """A picture, or the start of a clip."""

    frames: np.ndarray
    """uint8 (T, H, W, 3), RGB, upright; T is 1 for a picture."""
    rate: Fraction | None
    """Frames per second; None for a picture."""
    notes: tuple[str, ...] = ()
    """What was done to it, what was taken for granted, and what is damaged."""

    @property
    def is_clip(self) -> bool:
        """Whether it is one, be it of a single frame."""
        return self.rate is not None


def read_media(file: Path, most: int | None = None) -> Media:
    """The picture ``file``, or the first ``most`` frames of the clip (None: all); see ``mvlib.media`` for errors."""
    if kind_of(file) == "picture":
        picture = load_picture(file)
        return Media(picture.pixels[None], None, picture.notes)
    clip = open_clip(file)
    frames = list(islice(clip.frames(), most))
    if not frames:
        raise Unreadable(
            f"{file} holds no frame that can be decoded{''.join(f'; {d}' for d in clip.damage[:1])}"
        )
    return Media(stacked(clip, frames), clip.rate, (*clip.damage, *clip.notes))


def check_writable(file: Path, media: Media) -> None:
    """Raise ``InputError`` unless ``write_media`` could write ``media`` to a file of that name."""
    allowed = CONTAINERS if media.is_clip else (".png",)
    if file.suffix.lower() not in allowed:
        what = "a clip is written as lossless video" if media.is_clip else "a picture is written as PNG"
        raise InputError(f"{file} must end in {', '.join(allowed)}: {what}")


def check_outputs(source: Path, outputs: Iterable[Path]) -> None:
    """Raise ``InputError`` where an output is ``source`` or another one, by whatever name, or cannot be written."""
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
    folder = next(place for place in file.absolute().parents if place.exists())
    if not folder.is_dir():
        raise InputError(f"{file} cannot be written: {folder} is a file, not a folder")
    if not os.access(folder, os.W_OK | os.X_OK) or (file.exists() and not os.access(file, os.W_OK)):
        raise InputError(f"{file} cannot be written: no permission in {folder}")


def write_media(file: Path, frames: np.ndarray, media: Media) -> None:
    """Write ``frames`` without loss, as PNG or as video in RGB of the same rate, according to what ``media`` is."""
    check_writable(file, media)
    with replace_when_done(file) as temporary:
        if media.is_clip:
            _write_clip(temporary, frames, media.rate)
        else:
            Image.fromarray(frames[0]).save(temporary, format="PNG")


def _write_clip(file: Path, frames: np.ndarray, rate: Fraction) -> None:
    with av.open(f"file:{file.absolute()}", "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "bgr0"
        for rgb in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))
