"""Generated clips, made once: ActingCutouts → shrunk to what recognisers see → uint8 on disk → augmented batches.

Making a clip costs more than looking at it a few times, so all are made before the training, in shards of ``SHARD``.
Twins double the stock twice: a clip seen in a mirror, or played backwards, shows another action of the same list.
"""

import hashlib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset
from tqdm.auto import tqdm

from mvlib._files import replace_when_done
from mvlib.analysers.actions import FRAMES, SIDE, fit_frames
from mvlib.datasets import ActingCutouts, acting, acting_paths, acting_render, data_root, photos
from mvlib.datasets.acting_paths import ACTIONS

from .loading import loaded

Shards = Sequence[tuple[np.ndarray, np.ndarray]]
"""Of clips and their classes, as ``cached_clips`` gives them."""

_MIRRORED = {"slide left": "slide right", "spin clockwise": "spin counter-clockwise"}
_BACKWARDS = {**_MIRRORED, "fall": "rise", "approach": "recede"}


def twin(names: dict[str, str]) -> Tensor:
    """Class of each class's twin (12,): pairs change places, the others stay."""
    both = names | {b: a for a, b in names.items()}
    return torch.tensor([ACTIONS.index(both.get(a, a)) for a in ACTIONS])


SHARD = 600
MIRRORED, BACKWARDS = twin(_MIRRORED), twin(_BACKWARDS)


class Seen(Dataset):
    """A generated clip as a recogniser sees it: uint8 (FRAMES, SIDE, SIDE, 4), RGB and where the actor is."""

    side = SIDE
    shape: tuple[int, ...] = (FRAMES, SIDE, SIDE, 4)
    dtype: np.dtype = np.dtype(np.uint8)
    modules: tuple[Any, ...] = ()
    """More code that it depends on."""

    def __init__(self, clips: ActingCutouts):
        self.clips = clips

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> Tensor:
        clip = self.clips[index]
        pixels = torch.from_numpy(clip.frames).float() / 255
        actor = torch.from_numpy(clip.masks)[..., None].float()
        seen = fit_frames(torch.cat([pixels, actor], -1).permute(0, 3, 1, 2)[None])[0].clamp(0, 1)
        return (seen * 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def cached_clips(folder: Path, split: str, count: int, workers: int = 1, seen: type[Seen] = Seen) -> Shards:
    """Shards of (uint8 (n, FRAMES, SIDE, SIDE, 4), memory-mapped; classes (n,)), unless there made now.

    The fourth channel is the actor's mask, 0..255.  Shard k holds clips of ``ActingCutouts(split, SHARD, size=SIDE,
    seed=k)``, the last one as many as are missing.

    What the files are called tells what the clips are made of: after a change of that they are made anew.

    Args:
        folder: where the arrays lie; about 0.4 MB a clip.
        split: "train", "val" or "test".
        count: how many clips in all.
        workers: processes that make clips.
        seen: what is kept of each in place of its pixels.
    """
    shards = []
    for seed, first in enumerate(range(0, count, SHARD)):
        n = min(SHARD, count - first)
        path = Path(folder) / f"{split}_{seed}_{n}_{made_of(seen)}.npy"
        clips = ActingCutouts(split, n, size=seen.side, seed=seed)
        if not path.is_file():
            _make(path, seen(clips), workers)
        shards.append((np.load(path, mmap_mode="r"), np.array([clips.action(k) for k in range(n)])))
    return shards


def made_of(seen: type[Seen] = Seen) -> str:
    """Short digest of all that a clip depends on beside its number: who makes it, out of what, as seen by whom."""
    digest = hashlib.blake2b(repr((FRAMES, SIDE)).encode(), digest_size=4)
    for module in (acting, acting_paths, acting_render, photos, *seen.modules):
        digest.update(Path(str(module.__file__)).read_bytes())
    for manifest in ("cutouts.csv", "photos.csv", "clips.csv"):  # they hold a digest of every file
        digest.update((data_root() / manifest).read_bytes())
    return digest.hexdigest()


def _make(path: Path, clips: Seen, workers: int) -> None:
    dtype, shape = np.lib.format.dtype_to_descr(clips.dtype), (len(clips), *clips.shape)
    with (
        replace_when_done(path) as temporary,
        closing(loaded(clips, range(len(clips)), workers)) as seen,
        temporary.open("wb") as file,  # a mapped array on a full disk would end the process without a word
    ):
        np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
        for clip in tqdm(seen, desc=f"making {path.stem}", total=len(clips), disable=None):
            file.write(np.ascontiguousarray(clip).data)


class Batches(Dataset):
    """Augmented batches by step: clips float (B, FRAMES, 4, side, side) in [0, 1], classes (B,).

    Args:
        shards: as ``cached_clips`` gives them.
        batch: B.
        sides: side in pixels of the clips at each step.
        seed: what step k shows is drawn from (seed, k) alone.
    """

    def __init__(self, shards: Shards, batch: int, sides: list[int], seed: int):
        self.shards, self.batch, self.sides, self.seed = shards, batch, sides, seed
        self.ends = np.cumsum([len(frames) for frames, _ in shards])

    def __len__(self) -> int:
        return len(self.sides)

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, step))
        pixels, classes = [], []
        for k in rng.integers(0, self.ends[-1], self.batch):
            shard = int(np.searchsorted(self.ends, k, side="right"))
            frames, actions = self.shards[shard]
            pixels.append(frames[k - self.ends[shard]])
            classes.append(actions[k - self.ends[shard]])
        x = torch.from_numpy(np.stack(pixels)).permute(0, 1, 4, 2, 3).float() / 255
        return augment(x, torch.tensor(classes), self.sides[step], rng)


def augment(x: Tensor, action: Tensor, side: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Mirror, play backwards, crop, change light and colour, blur a little: a camera's ways, not a codec's."""
    for k in range(len(x)):
        if rng.random() < 0.5:
            x[k], action[k] = x[k].flip(3), MIRRORED[action[k]]
        if rng.random() < 0.5:
            x[k], action[k] = x[k].flip(0), BACKWARDS[action[k]]
    crop = int(rng.integers(round(0.88 * x.shape[-1]), x.shape[-1] + 1))
    top, left = rng.integers(0, x.shape[-1] - crop + 1, 2)
    x = fit_frames(x[..., top : top + crop, left : left + crop], x.shape[1], min(side, crop))
    x, actor = x[:, :, :3], x[:, :, 3:]
    gain = torch.from_numpy(rng.uniform(0.8, 1.2, (len(x), 1, 3, 1, 1))).float()
    lift = torch.from_numpy(rng.uniform(-0.1, 0.1, (len(x), 1, 1, 1, 1))).float()
    x = ((x - 0.5) * gain + 0.5 + lift).clamp(0, 1)
    if rng.random() < 0.3:
        flat = x.flatten(0, 1)
        soft = F.avg_pool2d(F.pad(flat, (1, 1, 1, 1), mode="replicate"), 3, 1)
        x = torch.lerp(flat, soft, float(rng.uniform(0.2, 0.7))).unflatten(0, x.shape[:2])
    return torch.cat([x, actor], dim=2), action
