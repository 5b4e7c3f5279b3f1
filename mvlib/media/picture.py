"""The one reader of pictures: file → Pillow → upright, sRGB, over white → uint8 (H, W, 3)."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from mvlib.errors import UserError

from .files import Unreadable, checked
from .pixels import check_tags, to_srgb, upright

log = logging.getLogger("mvlib.media")

# What Pillow knows by its first bytes and decodes itself. MPEG, for one, it only recognises; EPS and WMF call other
# programs. HEIF is there where pillow-heif was registered.
_FORMATS = (
    "AVIF", "BMP", "DIB", "GIF", "HEIF", "ICO", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "QOI", "SGI", "TIFF", "WEBP",
)  # fmt: skip
_MOVING = ("AVIF", "GIF", "PNG", "WEBP")


@dataclass(frozen=True)
class Picture:
    """A picture as it is to be seen."""

    pixels: np.ndarray
    """uint8 (H, W, 3), upright, sRGB."""
    notes: tuple[str, ...] = ()
    """What was done to it that one may want to know."""


def read_picture(path: str | os.PathLike) -> np.ndarray:
    """The picture ``path``, uint8 (H, W, 3): upright, sRGB, transparent parts over white.

    Of a file of several pages or frames, the first. What ``load_picture`` notes goes to the log, each kind once.

    Raises ``MissingFile``, or ``Unreadable`` (an InputError and OSError) where it cannot be read rightly.
    """
    picture = load_picture(path)
    for note in picture.notes:
        if note not in _noted:
            _noted.add(note)
            log.warning("%s: %s", os.fsdecode(path), note)
    return picture.pixels


_noted: set[str] = set()


def load_picture(path: str | os.PathLike) -> Picture:
    """As ``read_picture``, with what is to be known of it instead of a log."""
    notes: list[str] = []
    with opened(path) as image:
        check_tags(image, path)
        if is_moving(image):
            notes.append("it moves: this is its first frame")
        elif image.format == "TIFF" and (pages := getattr(image, "n_frames", 1)) > 1:
            notes.append(f"it has {pages} pages: this is the first")
        return Picture(finished(image, notes), tuple(notes))


def finished(image: Image.Image, notes: list[str]) -> np.ndarray:
    """The frame that ``image`` is at, decoded, upright, sRGB."""
    image.load()
    turn = _turn(image)  # after loading, for Pillow turns TIFF itself
    return upright(to_srgb(image, notes), turn)


def orientation_of(path: str | os.PathLike) -> int:
    """EXIF's orientation of a picture file, 1..8; 1 where it states none.

    Raises as ``read_picture`` does.
    """
    with opened(path) as image:
        return _turn(image)


def _turn(image: Image.Image) -> int:
    stated = image.getexif().get(ExifTags.Base.Orientation, 1)
    return stated if stated in range(1, 9) else 1


def is_moving(image: Image.Image) -> bool:
    """Whether ``image`` is an animation of several frames; pages of a TIFF are none."""
    return image.format in _MOVING and getattr(image, "n_frames", 1) > 1


@contextmanager
def opened(path: str | os.PathLike) -> Iterator[Image.Image]:
    """The file, opened by Pillow. Whatever goes wrong inside the block is an ``Unreadable`` that names the file."""
    path = checked(path)
    try:
        with Image.open(path, formats=_formats(path)) as image:
            yield image
    except UnidentifiedImageError:
        refuse_heif(path)
        raise Unreadable(f"{path} is no picture that Pillow reads, or it is damaged") from None
    except Image.DecompressionBombError as error:
        raise Unreadable(
            f"{path} is larger than Pillow takes for safe ({error}); if you trust it, set "
            "PIL.Image.MAX_IMAGE_PIXELS = None before, or make it smaller: ffmpeg -i IN -vf scale=iw/4:-1 OUT.png"
        ) from None
    except UserError as error:
        raise error if str(path) in str(error) else Unreadable(f"{path}: {error}") from None
    except Exception as error:  # Pillow's readers raise what they like on damaged data
        raise Unreadable(f"{path} cannot be read as a picture, it may be damaged: {error}") from error


def is_picture(path: Path) -> bool:
    """Whether Pillow knows the file by its first bytes (and may still fail to decode it), be it moving or not."""
    try:
        with Image.open(path, formats=_formats(path)):
            return True
    except UnidentifiedImageError:
        return False
    except Exception:  # recognised, and damaged or too large
        return True


def _formats(path: Path) -> list[str]:
    Image.init()
    weak = ["TGA"] if path.suffix.lower() == ".tga" else []  # nothing marks it but its name
    return [name for name in (*_FORMATS, *weak) if name in Image.OPEN]


# Brands of ISO 23008-12; AVIF's, which Pillow reads, are others.
_HEIF = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


def refuse_heif(path: Path) -> None:
    """Raise ``Unreadable`` for HEIF: libavformat gives one tile of it, and nothing of how they lie."""
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF:
        raise Unreadable(
            f"{path} is HEIF (.heic), which Pillow does not read; convert it (heif-convert IN OUT.png, or FFmpeg 7.1 "
            "and later: ffmpeg -i IN OUT.png), or pip install pillow-heif and call pillow_heif.register_heif_opener()"
        )
