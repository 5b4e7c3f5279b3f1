"""Pictures or clips that somebody has: arrays | tensors | file names | samples, with a target or without → samples."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from mvlib import media
from mvlib._planes import to_frames
from mvlib.errors import InputError, InputTypeError
from mvlib.samples import Sample

from .files import CLIPS, PICTURES
from .reader import Reader

_FORMS = "uint8 arrays (H, W, 3) or (T, H, W, 3), or float tensors (3, H, W) or (T, 3, H, W) in [0, 1]"


class Given(Reader):
    """Pictures, or clips, that somebody has, each a source of its own.

    Args:
        items: a sequence, a map-style Dataset, or a mapping from the names of the sources. An item is a uint8 array
            (H, W, 3) or, of a clip, (T, H, W, 3); a float tensor (3, H, W) or (T, 3, H, W) in [0, 1]; the name of a
            file; a ``Sample``; or a pair of such a thing and its target. What has one frame is a picture.
        frames: of the window in the middle of a film, where an item is the name of one.

    Raises InputError or InputTypeError for nothing, and when an item is read that is none of these or not of the kind
    of the first; FileNotFoundError where a file is not there.
    """

    has_splits = False

    def __init__(self, items: Sequence | Mapping, frames: int | None = None) -> None:
        if not len(items):
            raise InputError("data holds nothing; give pictures or clips")
        self.items, self.frames = items, frames
        named = isinstance(items, Mapping)
        self._keys = list(items) if named else range(len(items))
        first = None if hasattr(items, "is_video") else _parted(items[self._keys[0]])[0]
        self.is_video = getattr(items, "is_video", _is_clip(first))
        self.about = (
            f"{{n}} {'clips' if self.is_video else 'pictures'} that were given; each a source of its own"
        )
        super().__init__(Path(), [str(key) if named else f"item {key}" for key in self._keys])

    def read(self, index: int) -> Sample:
        name = self.paths[index]
        item, target = _parted(self.items[self._keys[index]])
        if isinstance(item, Sample) and hasattr(self.items, "is_video"):  # a reader knows what it gives
            return item
        if _is_clip(item) != self.is_video:
            raise InputError("data holds pictures beside clips; give one after the other")
        if isinstance(item, Sample):
            return item
        if isinstance(item, str | os.PathLike):
            return Sample(self._of_file(Path(item)), str(item), file=str(item), index=index, target=target)
        return Sample(_as_frames(item, name), name, index=index, target=target)

    def _of_file(self, path: Path) -> np.ndarray:
        if not self.is_video:
            return media.read_picture(path)[None]
        if self.frames is None:
            raise InputError(f"{path} is a film; say by frames how many of its frames to take")
        return media.read_window(path, self.frames).frames

    def set_epoch(self, epoch: int) -> None:
        super().set_epoch(epoch)
        if hasattr(self.items, "set_epoch"):
            self.items.set_epoch(epoch)


def _parted(item: Any) -> tuple[Any, Any]:
    """An item and its target."""
    return tuple(item) if isinstance(item, tuple | list) and len(item) == 2 else (item, None)


def _is_clip(item: Any) -> bool:
    """Whether an array, a tensor, a sample or the name of a file is a clip."""
    if isinstance(item, str | os.PathLike):
        return Path(item).suffix.lower() in CLIPS - PICTURES
    frames = getattr(item, "frames", item)
    return getattr(frames, "ndim", 0) == 4 and len(frames) > 1


def _as_frames(item: Any, name: str) -> np.ndarray:
    """A picture or clip as uint8 (T, H, W, 3)."""
    floats = isinstance(item, Tensor) and item.is_floating_point()
    if not floats and not (isinstance(item, np.ndarray) and item.dtype == np.uint8):
        raise InputTypeError(f"{name} is {getattr(item, 'dtype', type(item).__name__)}; give {_FORMS}")
    shape = tuple(item.shape)
    if len(shape) not in (3, 4) or shape[-3 if floats else -1] != 3 or 0 in shape:
        raise InputError(f"{name} has shape {shape}; give {_FORMS}")
    if floats:
        low, high = (v.item() for v in item.aminmax())
        if not (low >= 0 and high <= 1):
            raise InputError(f"{name} spans {low:.4g}..{high:.4g}; float tensors lie in [0, 1]")
        item = to_frames(item)
    return np.ascontiguousarray(item if len(shape) == 4 else item[None])
