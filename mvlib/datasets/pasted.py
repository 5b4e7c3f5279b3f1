"""Photographs with pasted cut-outs: background + cut-outs → scaled, softened, matched, blended → exact boxes.

Real textures with exact truth, in any number, for detectors: a cut-out is scaled down (never up), its brightness
drawn towards that of the place, its edge softened, and it gets the grain of the photograph, so that compression meets
one picture and not two.  Every choice is drawn from (seed, index) alone.

Cut-outs and backgrounds are dealt into groups that share neither, and a picture takes both from one group: pictures
of different groups are independent, and ``source`` names the group.
"""

import numpy as np
from PIL import Image

from mvlib.errors import InputError
from mvlib.samples import Objects, Sample

from ._root import Item, data_root
from .photos import Cutouts, Photos
from .readers.reader import Reader
from .squares import cut_square

_SOFT = 0.6  # deviation in pixels of the blur that softens an edge
MARGIN = 2  # pixels around a cut-out, room for the softened edge
_PLACES = 20  # places tried before a cut-out is left out
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
    for _ in range(_PLACES):
        top, left = int(rng.integers(0, size - height + 1)), int(rng.integers(0, size - width + 1))
        box = np.array([left, top, left + width, top + height], np.float32)
        shared = (np.minimum(box[2:], taken[:, 2:]) - np.maximum(box[:2], taken[:, :2])).clip(0).prod(1)
        smaller = np.minimum((box[2:] - box[:2]).prod(), (taken[:, 2:] - taken[:, :2]).prod(1))
        if (shared <= _OVERLAP * smaller).all():
            return top, left
    return None


def longest_side(size: int, scale: tuple[float, float], rng: np.random.Generator) -> float:
    """Length of a cut-out in a square of ``size``: log-uniform between the shares ``scale``, less for its margin."""
    return min(size * np.exp(rng.uniform(*np.log(scale))), size - 2 * MARGIN)


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


KINDS = ("buildings", "landscape", "texture", "wallpaper")
# Backgrounds that show something of a pasted class: finding it would count as an error.
SHOWS_OBJECTS = frozenset(
    {
        "colosseum",
        "gcompris-france_arlesAmphitheater",
        "gcompris-germany_aulaPalatina",
        "gcompris-germany_berlinCathedral",
        "gcompris-image_TowerBridgeLondon_background",
        "gcompris-india_charminar",
        "gcompris-india_gatewayofIndia",
        "gcompris-usa_castleClinton",
        "lomiri-wallpapers-16.04_Picture_0B_by_freespace",
        "lomiri-wallpapers-16.04_Wine_by_Jakkub_Mede",
        "lomiri-wallpapers-16.04_free_by_Peter_Nerlich",
        "lomiri-wallpapers-16.04_friends_by_Aitzol_Berasategi",
        "lomiri-wallpapers-16.04_picosdeeuropa_by_Aitzol_Berasategi",
        "lomiri-wallpapers-20.04_Kleiber_by_Lukas_Baubkus",
        "opencv-doc_aero1",
        "opencv-doc_home",
        "opencv-doc_pexels_double_decker_bus",
        "plasma-workspace-wallpapers_ColorfulCups",
        "plasma-workspace-wallpapers_EveningGlow",
        "plasma-workspace-wallpapers_Kite",
    }
)
# Too many photographs have people somewhere, too small for anyone to have listed them.
NOT_PASTED = ("person",)
GROUPS = 12
_MOST = 4  # cut-outs in a picture
_DRAWS = 50  # cut-outs tried where none is seen or finds a place


class PastedCutouts(Reader):
    """``count`` pictures, each a photograph with one to four pasted cut-outs of COCO classes.

    The boxes are tight around alpha of half and more. Pictures of two sources share no cut-out and no photograph.

    Args:
        split: "train", "val" or "test", of photographs and cut-outs alike.
        count: how many pictures; the first ones stay the same if there are more.
        size: side of the square picture in pixels.
        scale: shortest and longest length of an object's longer side, as a share of ``size``; log-uniform between, but
            never below 4 pixels, and two pixels away from the picture's edge.
        seed: fixes every choice, together with the index.
        groups: at most so many; there are no more than photographs or cut-outs, 38 on the test side.

    Raises ValueError for an unknown split, a size above the shorter side of every photograph, or an odd ``scale``.
    """

    gives = ("objects",)
    annotation = "exact boxes and classes of the pasted cut-outs"

    def __init__(
        self, split: str = "test", count: int = 120, size: int = 320,
        scale: tuple[float, float] = (0.15, 0.5), seed: int = 0, groups: int = GROUPS,
    ) -> None:  # fmt: skip
        if count < 1 or not 0 < scale[0] <= scale[1] <= 1:
            raise InputError(f"count={count}, scale={scale}: count from 1 on, 0 < shortest <= longest <= 1")
        self._photos = Photos(split, size=16)
        self._cutouts = Cutouts(split, coco=True)
        meta = self._photos.meta
        places = [i for i, m in enumerate(meta) if is_background(m, size)]
        things = [i for i in range(len(self._cutouts)) if self._cutouts[i].coco not in NOT_PASTED]
        if not places or size < 16:
            raise InputError(
                f"size={size} is outside 16..{max(m.shorter_side for m in meta)}: nothing is enlarged"
            )
        self.split, self.count, self.size, self.scale, self.seed = split, count, size, scale, seed
        originals = [meta[i].source_id for i in places]
        names = [self._cutouts[i].coco for i in things]
        self.classes = tuple(sorted(set(names)))
        self.groups = _deal(places, originals, things, names, groups)
        self.about = f"cut-outs of data/cutouts.csv pasted on photographs, split {split}, {size}x{size}"
        super().__init__(data_root(), [f"pasted {i}" for i in range(count)])

    def read(self, index: int) -> Sample:
        rng = np.random.default_rng((self.seed, index))
        group = index % len(self.groups)
        places, things = self.groups[group]
        picture = self._background(places[index // len(self.groups) % len(places)], rng)
        noise = grain(picture)
        boxes: list[np.ndarray] = []
        labels: list[int] = []
        wanted, tries = int(rng.integers(1, _MOST + 1)), 0
        while tries < wanted or (not boxes and tries < _DRAWS):
            tries += 1
            cutout = self._cutouts[int(rng.choice(things))]
            longest = longest_side(self.size, self.scale, rng)
            cut = scaled(cutout.rgba, longest, mirror=rng.random() < 0.5)
            if is_seen(cut) and (at := free_place(cut, boxes, self.size, rng)) is not None:
                boxes.append(paste(picture, cut, *at, noise, rng))
                labels.append(self.classes.index(cutout.coco))
        if not boxes:
            raise InputError(
                f"no cut-out is seen at scale={self.scale} of size={self.size}; choose larger ones"
            )
        frames = picture.round().clip(0, 255).astype(np.uint8)[None]
        objects = Objects.all_counted(np.array(boxes, np.float32), np.array(labels, np.int64))
        return Sample(
            frames, f"{self.split} group {group}", objects=objects, file=self.paths[index], index=index
        )

    def _background(self, place: int, rng: np.random.Generator) -> np.ndarray:
        """A square of photograph ``place``, float32 (size, size, 3) in 0..255."""
        return cut_square(self._photos.uint8(place), self.size, "random", rng).astype(np.float32)


def is_background(item: Item, size: int) -> bool:
    """Whether a square of ``size`` pixels of a photograph shows nothing that one would paste."""
    known = item.row["kind"] in KINDS and item.source_id not in SHOWS_OBJECTS
    return known and item.shorter_side >= size


def _deal(
    places: list[int], originals: list[str], things: list[int], classes: list[str], most: int
) -> list[tuple[list[int], list[int]]]:
    """(backgrounds, cut-outs) of each group.

    Pictures of one original stay together; cut-outs of one class go to different groups as far as they can.
    """
    things = [i for _, i in sorted(zip(classes, things, strict=True))]
    names = list(dict.fromkeys(originals))
    count = min(most, len(names), len(things))
    dealt = [
        [p for p, name in zip(places, originals, strict=True) if names.index(name) % count == g]
        for g in range(count)
    ]
    return [(dealt[g], things[g::count]) for g in range(count)]
