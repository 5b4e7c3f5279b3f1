"""Short clips for fitting and testing video: file → uint8 frames (kept) → window, crop, flip → float [0, 1].

Each file is cut into windows of ``frames`` frames that do not overlap; all frames of one are cropped and flipped alike.
"""

import numpy as np
import torch
from torch import Tensor

from mvlib.errors import InputError
from mvlib.media import Unreadable, read_clip

from ._manifest import count, some
from ._root import RESTORE, Item, Split, read_manifest

SPLITS = ("train", "test")
COLUMNS = {"kind": some, "width": count, "height": count, "frames": count}


class Clips(Split[np.ndarray]):
    """Windows of the clips of one split as float tensors (T, 3, H, W) in [0, 1], RGB.

    Args:
        split: "train" or "test"; split by source file, so no camera is in both.
        frames: T, the number of frames in a window.
        size: side of a square crop in pixels, cut without scaling (anywhere when training, else centred);
            None gives whole frames, whose size differs between sources (batch size 1, or one source at a time).
        stride: take every ``stride``-th frame: 2 doubles the motion between frames.
        flip: mirror a window left to right with probability 1/2; None means for "train" only.
        seed: together with the epoch (``set_epoch``) and the index it fixes every random choice.
        animation: False leaves out drawn films.
        least: leaves out films whose shorter side has fewer pixels.
        manifest: "clips.csv", or "films.csv": 64 frames of each excerpt, of more cameras, all of the test side.

    Raises ValueError for an unknown split, a size above the shortest side, or a window longer than the shortest
    clip, and OSError naming the file if one is missing or damaged.
    """

    kind = "window"

    def __init__(
        self, split: str = "train", frames: int = 16, size: int | None = None, stride: int = 1,
        flip: bool | None = None, seed: int = 0, animation: bool = True, least: int = 0,
        manifest: str = "clips.csv",
    ) -> None:  # fmt: skip
        items = read_manifest(manifest, split, SPLITS, COLUMNS)
        items = [m for m in items if animation or m.row["kind"] != "animation"]
        items = [m for m in items if m.shorter_side >= least]
        self.span = stride * (frames - 1) + 1  # frames of the file that a window covers
        _check_fits(items, frames, stride, self.span, size)
        self.windows: list[tuple[Item, int]] = [
            (m, first) for m in items for first in range(0, int(m.row["frames"]) - self.span + 1, self.span)
        ]
        super().__init__(split, [item for item, _ in self.windows])
        self.frames, self.size, self.stride, self.seed = frames, size, stride, seed
        self.flip = split == "train" if flip is None else flip

    def __getitem__(self, index: int) -> Tensor:
        """Return window ``index``, cropped and perhaps mirrored: float32 (T, 3, H, W) in [0, 1]."""
        index = self._checked(index)
        window = self.uint8(index)  # (T, H, W, 3)
        rng = np.random.default_rng((self.seed, self.epoch, index))
        if self.size is not None:
            room = (window.shape[1] - self.size, window.shape[2] - self.size)
            random = self.split == "train"
            top, left = (int(rng.integers(0, r + 1)) if random else r // 2 for r in room)
            window = window[:, top : top + self.size, left : left + self.size]
        out = torch.from_numpy(window.transpose(0, 3, 1, 2).copy()).float() / 255
        return out.flip(3) if self.flip and rng.random() < 0.5 else out

    def uint8(self, index: int) -> np.ndarray:
        """Return window ``index`` as stored: uint8 (T, H, W, 3). Its file is decoded once, then kept."""
        first = self.windows[self._checked(index)][1]
        return self._whole(index)[first : first + self.span : self.stride]

    def decode(self, item: Item) -> np.ndarray:
        return read_film(item)


def _check_fits(items: list[Item], frames: int, stride: int, span: int, size: int | None) -> None:
    """Raise ValueError unless a window of this length and size fits into every clip."""
    longest = min((int(m.row["frames"]) for m in items), default=span)
    if frames < 1 or stride < 1 or span > longest:
        raise InputError(
            f"frames={frames} with stride={stride} covers {span} frames; both must be at least 1 and the window "
            f"at most {longest}, the length of the shortest clip"
        )
    shortest = min((m.shorter_side for m in items), default=0)
    if size is not None and not 1 <= size <= shortest:
        raise InputError(
            f"size={size} is outside 1..{shortest}, the shortest side of a clip; None gives whole frames"
        )


def read_film(item: Item) -> np.ndarray:
    """All frames of a file of a manifest: uint8 (T, H, W, 3), read-only; raises OSError where it is damaged."""
    pixels = item.pixels(lambda path: read_clip(path).frames)
    if len(pixels) != int(item.row["frames"]):
        raise Unreadable(f"{item.path} holds {len(pixels)} frames instead of {item.row['frames']}: {RESTORE}")
    return pixels
