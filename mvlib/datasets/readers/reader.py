"""One behaviour for all data sets on disk: index → read → sample; broken → stop, skip or replace, name and count."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as TF

from mvlib import media
from mvlib.errors import InputError, MissingFile, UserError, choose
from mvlib.samples import Sample

from .._root import Epoch

log = logging.getLogger("mvlib.datasets")
ON_ERROR = ("stop", "skip", "replace")
# Kinds of damage, as they are counted; the place in the tuple is the code in shared memory.
KINDS = ("", "missing file", "broken file", "missing annotation", "broken annotation", "too short")
# So many broken items in a row are no accident: a disk that is not mounted, a path that is wrong.
IN_A_ROW = 100


class BrokenItem(OSError):
    """An item of a data set cannot be read; ``kind`` is one of ``KINDS``."""

    def __init__(self, kind: str, path: str | Path, why: str = "") -> None:
        self.kind, self.path, self.why = kind, path, why
        super().__init__(f"{kind}: {path}{f' ({why})' if why else ''}")

    def __reduce__(self) -> tuple[Callable, tuple]:  # so that a worker process can send it
        return BrokenItem, (self.kind, str(self.path), self.why)


class Reader(Dataset):
    """A data set as it lies on disk after its official download.

    Args:
        root: its folder.
        paths: path of each item below ``root``.
        short_side: scale so that the shorter side has so many pixels (antialiased, boxes too); None: as stored.
        on_error: what a missing or broken file or annotation does. "stop": raises ``BrokenItem``. "skip": the item
            is None (``present`` drops it from a batch), for evaluation. "replace": the next good item stands in, so
            that batches of a training keep their size; a hundred broken ones in a row stop it.
        passed: what was passed over when the files were listed, kind or folder → number of files.

    Attributes:
        classes: names in the order of the labels.
        is_video: whether samples are clips.
        gives: what samples are annotated with, of "label", "objects" and "track".
        annotation: where that comes from, as it is printed with a result.
        about: what the samples are, as it is printed with a result, "{n}" for their number; empty: the name of the
            data set says it.
        has_splits: whether it takes ``split``.
    """

    classes: tuple[str, ...] = ()
    is_video, has_splits = False, True
    gives: tuple[str, ...] = ()
    annotation = (
        "the data set's own annotation; crowds and what is marked as difficult count neither as found "
        "nor as missed"
    )
    about = ""

    def __init__(
        self, root: Path, paths: Sequence[str], short_side: int | None = None, on_error: str = "stop",
        passed: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        choose("on_error", on_error, ON_ERROR)
        if short_side is not None and short_side < 16:
            raise InputError(
                f"short_side={short_side} must be at least 16 pixels, or None for the stored size"
            )
        if not paths:
            raise MissingFile(f"{root} lists no items of this data set")
        self.root, self.paths, self.short_side, self.on_error = Path(root), paths, short_side, on_error
        self.passed = dict(passed or {})
        if self.passed:
            log.info("%s passes over %s", type(self).__name__, counted(self.passed))
        # Shared, so that the main process sees what worker processes met; a byte an item.
        self._met = torch.zeros(len(paths), dtype=torch.uint8).share_memory_()
        self._epoch = Epoch()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Sample | None:
        """Sample ``index``; see ``on_error`` for what a broken one gives."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"item {index} does not exist, {type(self).__name__} holds 0..{len(self) - 1}")
        if self.on_error == "stop":
            return self._scaled(self.read(index % len(self)))
        tries = IN_A_ROW if self.on_error == "replace" else 1
        for place in ((index + step) % len(self) for step in range(tries)):
            try:
                return self._scaled(self.read(place))
            except BrokenItem as error:
                self._note(place, error)
                last = error
        if self.on_error == "skip":
            return None
        raise BrokenItem(last.kind, last.path, f"as {IN_A_ROW - 1} items before it; is {self.root} whole?")

    def read(self, index: int) -> Sample:
        """Sample ``index`` as stored; raises ``BrokenItem``."""
        raise NotImplementedError

    def set_epoch(self, epoch: int) -> None:
        """Draw other windows from now on, where windows are drawn; in running worker processes too."""
        self._epoch.value = epoch

    @property
    def broken(self) -> dict[str, str]:
        """Items met so far that could not be read, by every worker process: path below the root → kind of damage."""
        codes = self._met.numpy()
        return {str(self.paths[i]): KINDS[codes[i]] for i in map(int, np.flatnonzero(codes))}

    def tally(self) -> dict[str, int]:
        """How many items of each kind of damage were met so far."""
        return dict(Counter(self.broken.values()))

    def _note(self, index: int, error: BrokenItem) -> None:
        if not self._met[index]:
            log.warning("%s leaves out %s", type(self).__name__, error)
        self._met[index] = KINDS.index(error.kind)

    def _scaled(self, sample: Sample) -> Sample:
        height, width = sample.frames.shape[1:3]
        if self.short_side is None or min(height, width) == self.short_side:
            return sample
        factor = self.short_side / min(height, width)
        size = [max(1, round(height * factor)), max(1, round(width * factor))]
        planes = torch.from_numpy(sample.frames.transpose(0, 3, 1, 2))
        planes = TF.resize(planes, size, InterpolationMode.BICUBIC, antialias=True)
        scale = np.array([size[1] / width, size[0] / height] * 2, np.float32)
        objects = sample.objects and replace(sample.objects, boxes=sample.objects.boxes * scale)
        boxes = None if sample.boxes is None else sample.boxes * scale
        frames = np.ascontiguousarray(planes.numpy().transpose(0, 2, 3, 1))
        return replace(sample, frames=frames, objects=objects, boxes=boxes)


def present(samples: Sequence[Sample | None]) -> list[Sample]:
    """A batch without the items that were skipped: ``collate_fn`` of a DataLoader."""
    return [sample for sample in samples if sample is not None]


def counted(kinds: Mapping[str, int]) -> str:
    """What there was how often, as words: "3 hidden, 2 of another kind"."""
    return ", ".join(f"{number} {kind}" for kind, number in kinds.items())


def read_picture(path: Path) -> np.ndarray:
    """A picture as uint8 (1, H, W, 3), upright, sRGB; raises ``BrokenItem``."""
    try:
        return media.read_picture(path)[None]
    except FileNotFoundError:
        raise BrokenItem("missing file", path) from None
    except UserError as error:
        raise BrokenItem("broken file", path, str(error)) from error


def folder(path: Path, what: str) -> Path:
    """``path``, or FileNotFoundError that says what should be there."""
    if not path.exists():
        raise MissingFile(f"{path} does not exist; {what}")
    return path
