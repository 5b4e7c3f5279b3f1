"""Pixels as Pillow decodes them, in any mode and depth → uint8 sRGB over white → upright, and notes on them.

Transparent parts are shown over white, as most viewers do; what colour is stored under them never counts. Sixteen
bits are scaled by the depth that the file states. Floats and 32-bit integers have no stated white and are refused.

How pixels are to be turned is given as EXIF's number, of display matrices too: 1 as stored, 2 mirrored left to right,
3 turned by 180 degrees, 4 mirrored top to bottom, 5 transposed, 6 to be turned by 90 degrees clockwise, 7 transposed
along the other diagonal, 8 by 90 degrees anticlockwise.
"""

import io
import os
import re
import struct
from functools import lru_cache
from typing import cast

import numpy as np
from PIL import Image, ImageCms

from .colour import ALPHA, refuse
from .files import Unreadable

# Signs of a, b, c, d in the matrix [a b; c d], which takes a row vector (x, y) of the stored picture to
# (a x + c y, b x + d y) of the shown one, y pointing down (ISO 14496-12, 6.2.2).
_OF_SIGNS = {
    (1, 0, 0, 1): 1, (-1, 0, 0, 1): 2, (-1, 0, 0, -1): 3, (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5, (0, 1, -1, 0): 6, (0, -1, -1, 0): 7, (0, -1, 1, 0): 8,
}  # fmt: skip


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """``pixels`` (H, W, 3) as they are to be seen, contiguous; 5 to 8 change height and width."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def from_matrix(matrix: bytes) -> int:
    """EXIF's number of a display matrix: nine int32 by rows, as libavutil holds it.

    Raises ``Unreadable`` where it is no multiple of a right angle.
    """
    a, b, _, c, d = struct.unpack("=5i", matrix[:20])
    largest = max(map(abs, (a, b, c, d)))
    # A hundredth: the sine of a right angle is not exactly 0 in all writers.
    signs = tuple(0 if abs(v) * 100 <= largest else (1 if v > 0 else -1) for v in (a, b, c, d))
    if not largest or signs not in _OF_SIGNS:
        raise Unreadable(
            f"its display matrix [{a / 65536:.3g} {b / 65536:.3g}; {c / 65536:.3g} {d / 65536:.3g}] is no turn by "
            "a multiple of 90 degrees; ffmpeg -i IN OUT applies it"
        )
    return _OF_SIGNS[signs]


_HEAD = 65536  # bytes in which the description of the colours is looked for
_BITS, _PHOTOMETRIC = 258, 262  # TIFF's tags
# An exact sRGB profile differs from the identity by rounding; more than this is another colour space.
_ROUNDING = 2


def to_srgb(image: Image.Image, notes: list[str]) -> np.ndarray:
    """A loaded ``image`` as uint8 (H, W, 3), sRGB, as stored (not turned); adds what is to be known to ``notes``."""
    icc = image.info.get("icc_profile")
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _eight_bits(image, notes)
    alpha = None
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        alpha = rgba.getchannel("A")
        image = rgba.convert("RGB") if image.mode not in ("LA", "La") else image.convert("L")
    elif image.mode in ("P", "1", "RGBX", "YCbCr", "HSV", "PA"):
        image = image.convert("RGB")
    image = _by_gamma(_by_profile(image, icc, notes), notes)
    if alpha is None or alpha.getextrema()[0] == 255:
        return np.array(image)
    notes.append(ALPHA)
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=alpha)
    return np.array(white)


def check_tags(image: Image.Image, path: str | os.PathLike) -> None:
    """Raise ``Unreadable`` for a picture whose primaries or transfer (PNG's cICP, AVIF's nclx) are not those of SDR."""
    if image.format not in ("PNG", "AVIF", "HEIF"):
        return
    with open(path, "rb") as file:
        head = file.read(_HEAD).split(b"IDAT")[0]
    if found := re.search(rb"cICP(.)(.)|colrnclx.(.).(.)", head, re.DOTALL):
        primaries, transfer = (part[0] for part in found.groups() if part is not None)
        if "icc_profile" not in image.info:  # which goes first
            refuse(path, None, primaries, transfer)


def _eight_bits(image: Image.Image, notes: list[str]) -> Image.Image:
    """Sixteen bits a sample → eight; the scale is the depth that the file states."""
    tags = getattr(image, "tag_v2", None) or {}
    if image.mode == "F" or (image.mode == "I" and image.format != "PPM"):
        low, high = image.getextrema()
        raise Unreadable(
            f"its samples are {'floats' if image.mode == 'F' else '32-bit integers'} ({low:g} to {high:g}), and "
            "nothing in it says which of them is white; scale it to 8 or 16 bits first, for instance by ImageMagick: "
            "magick IN -auto-level -depth 16 OUT.png"
        )
    bits = tags.get(_BITS, (16,))[0] if image.format == "TIFF" else 16
    white = 2**bits - 1
    samples = np.asarray(image).astype(np.int64)
    if image.format == "TIFF" and tags.get(_PHOTOMETRIC) == 0:  # white is 0
        samples = white - samples
    elif 0 < samples.max() < white // 8:
        notes.append(
            f"its largest sample is {samples.max()} where {bits} bits reach {white}: it is shown as dark as it says, "
            "which is wrong if a camera wrote fewer bits without saying so"
        )
    notes.append(f"{bits} bits are rounded to 8")
    eight = Image.fromarray(((samples * 255 + white // 2) // white).clip(0, 255).astype(np.uint8))
    transparent = image.info.get("transparency")
    eight.info = {k: v for k, v in image.info.items() if k != "transparency"}
    if isinstance(transparent, int):  # PNG: one grey value is clear
        eight.putalpha(Image.fromarray(np.where(samples == transparent, 0, 255).astype(np.uint8)))
    return eight


def _by_profile(image: Image.Image, icc: bytes | None, notes: list[str]) -> Image.Image:
    if image.mode == "LAB":
        return _through(image, _from_lab())
    if icc:
        try:
            transform, name = _transform(icc, image.mode)
            if transform is not None:
                notes.append(f"converted to sRGB from its ICC profile {name!r}")
                return _through(image, transform)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            notes.append(f"its ICC profile cannot be used ({error}): colours are as stored")
    elif image.mode == "CMYK":
        notes.append("inks (CMYK) without a profile: shown by the plain formula")
    return image if image.mode == "RGB" else image.convert("RGB")


def _through(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    # None comes only where it works in place.
    return cast(Image.Image, ImageCms.applyTransform(image, transform))


def _by_gamma(image: Image.Image, notes: list[str]) -> Image.Image:
    """PNG's gAMA, where nothing else states the colours."""
    gamma = image.info.get("gamma", 1 / 2.2)
    stated = {"icc_profile", "srgb"} & set(image.info)
    if stated or not 0.01 < gamma < 10 or abs(gamma * 2.2 - 1) < 0.05:
        return image
    notes.append(f"converted from its gamma of {gamma:.3g} to that of sRGB")
    table = [round(255 * (v / 255) ** (1 / gamma / 2.2)) for v in range(256)]
    return image.point(table * 3)


@lru_cache(maxsize=64)
def _transform(icc: bytes, mode: str) -> tuple[ImageCms.ImageCmsTransform | None, str]:
    """From that profile to sRGB, or None where they are the same; and its name."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    transform = ImageCms.buildTransform(source, _srgb(), mode, "RGB")
    name = ImageCms.getProfileDescription(source).strip()
    if mode in ("RGB", "L"):
        levels = np.linspace(0, 255, 9).round().astype(np.uint8)
        cube = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(27, 27, 3)
        sample = Image.fromarray(cube if mode == "RGB" else np.arange(256, dtype=np.uint8)[None])
        shown = np.asarray(_through(sample, transform)).astype(int)
        if np.abs(shown - np.asarray(sample.convert("RGB"))).max() <= _ROUNDING:
            return None, name
    return transform, name


@lru_cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


@lru_cache
def _from_lab() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), _srgb(), "LAB", "RGB")
