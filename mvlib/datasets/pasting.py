"""Paste a cut-out on a picture: scaled, edge softened → the light of the place → its grain → blended → exact box."""

import numpy as np
from PIL import Image

_SOFT = 0.6  # deviation in pixels of the blur that softens an edge
MARGIN = 2  # pixels around a cut-out, room for the softened edge
_TRIES = 20  # places tried before a cut-out is left out
_OVERLAP = 0.1  # share of the smaller of two boxes that the other may cover
_LIGHT = 0.3  # how far an object's brightness goes towards that of its place: 0 not at all, 1 all the way


def scaled(rgba: np.ndarray, longest: float, mirror: bool) -> np.ndarray:
    """A cut-out uint8 (H, W, 4), at most ``longest`` pixels long, as premultiplied float32 (h, w, 4) in 0..1.

    It is made smaller, never larger; ``mirror`` turns it left to right. Two pixels around it are empty, but for
    the softened edge.
    """
    rgba = rgba.astype(np.float32) / 255
    rgba[..., :3] *= rgba[..., 3:]
    height, width = rgba.shape[:2]
    factor = min(1.0, longest / max(height, width))
    size = (max(4, round(width * factor)), max(4, round(height * factor)))
    planes = [Image.fromarray(p).resize(size, Image.Resampling.LANCZOS) for p in np.moveaxis(rgba, 2, 0)]
    cut = np.stack([np.asarray(p) for p in planes], 2).clip(0, 1)
    cut = np.pad(cut[:, ::-1] if mirror else cut, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)))
    return _softened(cut)


def _softened(cut: np.ndarray) -> np.ndarray:
    x = np.arange(-MARGIN, MARGIN + 1)
    kernel = np.exp(-(x**2) / (2 * _SOFT**2)).astype(np.float32)
    kernel /= kernel.sum()
    for axis in (0, 1):
        cut = sum(k * np.roll(cut, int(shift), axis) for k, shift in zip(kernel, x, strict=True))
    return cut


def is_seen(cut: np.ndarray) -> bool:
    """Whether any pixel has an alpha of half or more: thin things, made small, have none, and so no box."""
    return bool((cut[..., 3] >= 0.5).any())


def free_place(
    cut: np.ndarray, boxes: list[np.ndarray], size: int, rng: np.random.Generator
) -> tuple[int, int] | None:
    """A place (top, left) in a square of ``size`` where ``cut`` hides none of ``boxes``; None if none was found."""
    height, width = cut.shape[:2]
    if max(height, width) > size:
        return None
    taken = np.array(boxes, np.float32).reshape(-1, 4)
    for _ in range(_TRIES):
        top, left = int(rng.integers(0, size - height + 1)), int(rng.integers(0, size - width + 1))
        box = np.array([left, top, left + width, top + height], np.float32)
        shared = (np.minimum(box[2:], taken[:, 2:]) - np.maximum(box[:2], taken[:, :2])).clip(0).prod(1)
        smaller = np.minimum((box[2:] - box[:2]).prod(), (taken[:, 2:] - taken[:, :2]).prod(1))
        if (shared <= _OVERLAP * smaller).all():
            return top, left
    return None


def grain(picture: np.ndarray) -> float:
    """Deviation of the noise in float (H, W, 3), in its units: from the median of its finest diagonal detail.

    Reference: D. Donoho, I. Johnstone, Biometrika 81, 1994: the median absolute deviation of the finest wavelets.
    """
    a, b, c, d = picture[:-1:2, :-1:2], picture[1::2, :-1:2], picture[:-1:2, 1::2], picture[1::2, 1::2]
    h, w = (min(x.shape[i] for x in (a, b, c, d)) for i in (0, 1))
    detail = (a[:h, :w] - b[:h, :w] - c[:h, :w] + d[:h, :w]) / 2
    return float(np.median(np.abs(detail)) / 0.6745)


def paste(
    picture: np.ndarray, cut: np.ndarray, top: int, left: int, noise: float, rng: np.random.Generator
) -> np.ndarray:
    """Blend ``cut`` (see ``scaled``) into ``picture``, float32 (H, W, 3) in 0..255, in place.

    Returns:
        the box float32 (4,): x1, y1, x2, y2, around the pixels whose alpha is half or more; there must be one
        (``is_seen``).
    """
    height, width = cut.shape[:2]
    place = picture[top : top + height, left : left + width]
    alpha = cut[..., 3:]
    colour = 255 * cut[..., :3] * _light(cut, place)
    colour += alpha * rng.normal(0, noise, (*cut.shape[:2], 1)).astype(np.float32)
    place[:] = colour + (1 - alpha) * place
    rows, columns = np.nonzero(alpha[..., 0] >= 0.5)
    low, high = (rows.min(), columns.min()), (rows.max() + 1, columns.max() + 1)
    return np.array([left + low[1], top + low[0], left + high[1], top + high[0]], np.float32)


def _light(cut: np.ndarray, place: np.ndarray) -> float:
    """Factor that draws the cut-out's mean brightness towards that of its place; between 0.7 and 1.3."""
    inside = 255 * cut[..., :3].sum() / (3 * max(cut[..., 3].sum(), 1e-6))
    return float(np.clip(((place.mean() + 1) / (inside + 1)) ** _LIGHT, 0.7, 1.3))
