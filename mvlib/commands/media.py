"""Pictures and clips of the user: file → uint8 frames, and frames → PNG or lossless video."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, UnidentifiedImageError

from mvlib._files import replace_when_done
from mvlib.datasets.window import read_start
from mvlib.errors import InputError, MissingFile

CONTAINERS = (".mkv", ".avi", ".mov")
"""What lossless video (FFV1) is written in."""


@dataclass(frozen=True)
class Media:
    """A picture, or the start of a clip."""

    frames: np.ndarray
    """uint8 (T, H, W, 3), RGB; T is 1 for a picture."""
    rate: Fraction | None
    """Frames per second; None for a picture."""

    @property
    def is_clip(self) -> bool:
        """Whether it is one, be it of a single frame."""
        return self.rate is not None


def read_media(file: Path, most: int | None = None) -> Media:
    """The picture ``file``, or the first ``most`` frames of the clip (None: all).

    Raises FileNotFoundError, or ValueError where neither Pillow nor PyAV can read it.
    """
    if not file.is_file():
        raise MissingFile(f"{file} does not exist; give a picture or a clip")
    try:
        with Image.open(file) as opened:
            return Media(np.asarray(opened.convert("RGB"))[None], None)
    except UnidentifiedImageError:  # no picture: a clip, then
        pass
    except (OSError, SyntaxError) as error:
        raise InputError(f"{file} cannot be read as a picture: {error}") from None
    try:
        return Media(*read_start(file, most))
    except OSError as error:
        raise InputError(
            f"{file} is neither a picture that Pillow reads nor a clip that PyAV reads: {error}"
        ) from None


def check_writable(file: Path, media: Media) -> None:
    """Raise ValueError unless ``write_media`` could write ``media`` to a file of that name."""
    allowed = CONTAINERS if media.is_clip else (".png",)
    if file.suffix.lower() not in allowed:
        what = "a clip is written as lossless video" if media.is_clip else "a picture is written as PNG"
        raise InputError(f"{file} must end in {', '.join(allowed)}: {what}")


def write_media(file: Path, frames: np.ndarray, media: Media) -> None:
    """Write ``frames`` without loss, as PNG or as video in RGB of the same rate, according to what ``media`` is."""
    check_writable(file, media)
    with replace_when_done(file) as temporary:
        if media.is_clip:
            _write_clip(temporary, frames, media.rate)
        else:
            Image.fromarray(frames[0]).save(temporary, format="PNG")


def _write_clip(file: Path, frames: np.ndarray, rate: Fraction) -> None:
    with av.open(str(file), "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "bgr0"
        for rgb in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))
