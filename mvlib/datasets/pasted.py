"""Photographs with pasted cut-outs: background + cut-outs → scaled, softened, matched, blended → exact boxes.

Real textures with exact truth, in any number, for detectors: a cut-out is scaled down (never up), its brightness
drawn towards that of the place, its edge softened, and it gets the grain of the photograph, so that compression meets
one picture and not two.  Every choice is drawn from (seed, index) alone.

Cut-outs and backgrounds are dealt into groups that share neither, and a picture takes both from one group: pictures
of different groups are independent, and ``source`` names the group.
"""

import numpy as np

from mvlib.errors import InputError
from mvlib.samples import Objects, Sample

from ._root import Item, data_root
from .crops import cut_square
from .cutouts import Cutouts
from .pasting import MARGIN, free_place, grain, is_seen, paste, scaled
from .photos import Photos
from .readers.reader import Reader

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
_TRIES = 50  # cut-outs tried where none is seen or finds a place


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
        places = [i for i, m in enumerate(meta) if _is_background(m, size)]
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
        while tries < wanted or (not boxes and tries < _TRIES):
            tries += 1
            cutout = self._cutouts[int(rng.choice(things))]
            cut = self._cut(cutout.rgba, rng)
            at = free_place(cut, boxes, self.size, rng) if is_seen(cut) else None
            if at is not None:
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

    def _cut(self, rgba: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A cut-out scaled by chance, but never so large that it has no place with its margin; see ``scaled``."""
        longest = min(self.size * np.exp(rng.uniform(*np.log(self.scale))), self.size - 2 * MARGIN)
        return scaled(rgba, longest, mirror=rng.random() < 0.5)

    def _background(self, place: int, rng: np.random.Generator) -> np.ndarray:
        """A square of photograph ``place``, float32 (size, size, 3) in 0..255."""
        return cut_square(self._photos.uint8(place), self.size, "random", rng).astype(np.float32)


def _is_background(item: Item, size: int) -> bool:
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
