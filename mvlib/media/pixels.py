"""What Pillow decoded, in any mode and depth → uint8 sRGB over white, and what had to be said of it.

Transparent parts are shown over white, as most viewers do; what colour is stored under them never counts. Sixteen
bits are scaled by the depth that the file states. Floats and 32-bit integers have no stated white and are refused.
"""

import io
import os
import re
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from .colour import ALPHA, refuse
from .errors import Unreadable
from .files import HEAD

_BITS, _PHOTOMETRIC = 258, 262  # TIFF's tags
# An exact sRGB profile differs from the identity by rounding; more than this is another colour space.
_ROUNDING = 2


def to_srgb(image: Image.Image, profile: bool, notes: list[str]) -> np.ndarray:
    """A loaded ``image`` as uint8 (H, W, 3), sRGB, as stored (not turned); adds what is to be known to ``notes``.

    Args:
        profile: convert by the ICC profile in the file; False takes the numbers as they are.
    """
    icc = image.info.get("icc_profile") if profile else None
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _eight_bits(image, notes)
    alpha = None
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        alpha = rgba.getchannel("A")
        image = rgba.convert("RGB") if image.mode not in ("LA", "La") else image.convert("L")
    elif image.mode in ("P", "1", "RGBX", "YCbCr", "HSV", "PA"):
        image = image.convert("RGB")
    image = _by_gamma(_by_profile(image, icc, notes), profile, notes)
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
        head = file.read(HEAD).split(b"IDAT")[0]
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
        return ImageCms.applyTransform(image, _from_lab())
    if icc:
        try:
            transform, name = _transform(icc, image.mode)
            if transform is not None:
                notes.append(f"converted to sRGB from its ICC profile {name!r}")
                return ImageCms.applyTransform(image, transform)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            notes.append(f"its ICC profile cannot be used ({error}): colours are as stored")
    elif image.mode == "CMYK":
        notes.append("inks (CMYK) without a profile: shown by the plain formula")
    return image if image.mode == "RGB" else image.convert("RGB")


def _by_gamma(image: Image.Image, profile: bool, notes: list[str]) -> Image.Image:
    """PNG's gAMA, where nothing else states the colours."""
    gamma = image.info.get("gamma", 1 / 2.2)
    if not profile or {"icc_profile", "srgb"} & set(image.info) or not 0.01 < gamma < 10:
        return image
    if abs(gamma * 2.2 - 1) < 0.05:
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
        shown = np.asarray(ImageCms.applyTransform(sample, transform)).astype(int)
        if np.abs(shown - np.asarray(sample.convert("RGB"))).max() <= _ROUNDING:
            return None, name
    return transform, name


@lru_cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


@lru_cache
def _from_lab() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), _srgb(), "LAB", "RGB")
