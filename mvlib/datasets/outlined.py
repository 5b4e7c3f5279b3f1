"""Pictures with exact outlines for training: background + cut-outs + decoys → picture and the mask of its things.

Unlike in ``PastedCutouts`` any cut-out may lie on any background, so that there are many pairs. A network could learn
what pasting leaves (an edge, grain of another kind) in place of what things are. So there are decoys, blobs with the
texture of another background, which count as background; and many pictures were a JPEG once.
"""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mvlib.errors import InputError

from .pasted import NOT_PASTED, free_place, grain, is_background, is_seen, longest_side, paste, scaled
from .photos import Cutouts, Photos
from .squares import cut_square

_MOST = 4  # things and decoys in a picture, each
_DECOYS = 0.6  # share of the pictures that have some
_JPEG = 0.5  # share of the pictures that were a JPEG
_QUALITIES = (25, 95)
_SCALE = (0.1, 0.6)  # a thing's longer side as a share of the picture's
_LEFT_OUT = ("plants",)  # those of landscapes have no outline and would count as background


class OutlinedCutouts:
    """Pictures without end: RGB and mask, float32 (4, size, size) in [0, 1], by seed and index alone.

    The mask is 1 where a thing is. Things are the cut-outs of ``split`` but people and plants, 98 on the training side;
    backgrounds are photographs of kinds that show no things.

    Raises ValueError where ``size`` exceeds the shorter side of every background, or is below 32.
    """

    def __init__(self, split: str = "train", size: int = 320, seed: int = 0) -> None:
        self.photos, cutouts = Photos(split, size=16), Cutouts(split)
        self.places = [i for i, item in enumerate(self.photos.meta) if is_background(item, size)]
        if not self.places or size < 32:
            most = max(item.shorter_side for item in self.photos.meta)
            raise InputError(f"size={size} is outside 32..{most}: nothing is enlarged")
        self.things = [
            c
            for c in (cutouts[i] for i in range(len(cutouts)))
            if c.coco not in NOT_PASTED and c.category not in _LEFT_OUT
        ]  # decoded once
        self.size, self.seed = size, seed

    def __getitem__(self, index: int) -> Tensor:
        rng = np.random.default_rng((self.seed, index))
        picture, mask = self._background(rng), np.zeros((self.size, self.size), np.float32)
        noise = grain(picture) * rng.uniform(0.3, 1.5)
        boxes: list[np.ndarray] = []
        decoys = int(rng.integers(1, _MOST + 1)) if rng.random() < _DECOYS else 0
        for is_thing in [False] * decoys + [True] * int(rng.integers(0, _MOST + 1)):
            cut = self._thing(rng) if is_thing else self._decoy(rng)
            if is_seen(cut) and (at := free_place(cut, boxes, self.size, rng)) is not None:
                boxes.append(paste(picture, cut, *at, noise, rng))
                here = np.s_[at[0] : at[0] + cut.shape[0], at[1] : at[1] + cut.shape[1]]
                solid = cut[..., 3] >= 0.5
                mask[here] = np.where(solid, float(is_thing), mask[here])
        pixels = picture.round().clip(0, 255).astype(np.uint8)
        if rng.random() < _JPEG:
            pixels = _as_jpeg(pixels, int(rng.integers(*_QUALITIES)))
        rgb = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
        return torch.cat([rgb, torch.from_numpy(mask)[None]])

    def _background(self, rng: np.random.Generator) -> np.ndarray:
        square = cut_square(self.photos.uint8(int(rng.choice(self.places))), self.size, "random", rng)
        return np.ascontiguousarray(square[:, ::-1] if rng.random() < 0.5 else square, np.float32)

    def _thing(self, rng: np.random.Generator) -> np.ndarray:
        rgba = self.things[int(rng.integers(len(self.things)))].rgba
        return scaled(rgba, longest_side(self.size, _SCALE, rng), mirror=rng.random() < 0.5)

    def _decoy(self, rng: np.random.Generator) -> np.ndarray:
        """A blob out of another background, as ``scaled`` gives."""
        longest = longest_side(self.size, _SCALE, rng)
        height, width = (int(max(8, longest * share)) for share in rng.permutation([1, rng.uniform(0.4, 1)]))
        coarse = Image.fromarray(rng.random((5, 5), np.float32))
        lumps = np.array(coarse.resize((width, height), Image.Resampling.BICUBIC))
        y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        alpha = np.where(x**2 + y**2 < 0.4 + 0.8 * lumps, 255, 0)[..., None]
        texture = self._background(rng)[:height, :width]
        return scaled(np.concatenate([texture, alpha], 2).astype(np.uint8), longest, mirror=False)


def _as_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "jpeg", quality=quality)
    return np.array(Image.open(file))
