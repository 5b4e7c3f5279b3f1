"""A picture or clip and what is known of it: what data sets give, trainings draw and evaluations measure."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Objects:
    """The objects of a picture."""

    boxes: np.ndarray
    """float32 (n, 4): x1, y1, x2, y2 in pixels, the upper left corner of the picture being (0, 0)."""
    labels: np.ndarray
    """int64 (n,): indices into the data set's ``classes``."""
    ignored: np.ndarray
    """bool (n,): counts neither as found nor as missed (COCO's crowds, VOC's difficult ones)."""
    crowd: np.ndarray
    """bool (n,): the box holds many objects, each of which may be found; of the ignored ones."""

    @classmethod
    def all_counted(cls, boxes: np.ndarray, labels: np.ndarray) -> "Objects":
        """Objects of which each counts: boxes (n, 4), labels (n,)."""
        return cls(boxes, labels, np.zeros(len(boxes), bool), np.zeros(len(boxes), bool))


class Crossed(tuple[str, ...]):
    """The several sources of one sample, as its background and its actor; a bootstrap draws each by itself."""


@dataclass(frozen=True)
class Sample:
    """A picture or clip, and what is known of it.

    Attributes:
        frames: uint8 (T, H, W, 3), RGB; a picture has T = 1.
        source: samples of one source are not independent; a bootstrap draws them together. Of a scene there
            are two, its background and its actor.
        labels: indices of acceptable classes of the whole; empty: not known.
        objects: the objects that are in a picture; None: not known.
        boxes: float32 (T, 4), x1, y1, x2, y2 in pixels, of the one object to follow through a clip, NaN in frames
            where nobody knows it; None: not known, or there is none.
        visible: bool (T,), in which frames the box counts: it is known and the object in view.
        file: path below the root of the data set, or the sequence's folder or name.
        index: place in the data set.
        target: anything else that a training's own loss is given.
    """

    frames: np.ndarray
    source: str | Crossed
    labels: tuple[int, ...] = ()
    objects: Objects | None = None
    boxes: np.ndarray | None = None
    visible: np.ndarray | None = None
    file: str = ""
    index: int = 0
    target: Any = None

    @property
    def label(self) -> int | None:
        """The first of the acceptable classes; None: not known."""
        return self.labels[0] if self.labels else None

    @property
    def parts(self) -> list:
        """Everything that a measurement can depend on, for a digest."""
        o = self.objects
        objects = [] if o is None else [o.boxes, o.labels, o.ignored, o.crowd]
        track = [] if self.boxes is None else [self.boxes, self.visible]
        return [self.frames, list(self.labels), *objects, *track]


class Samples(Protocol):
    """A data set of samples, all pictures or all clips, as ``open_dataset`` gives it."""

    @property
    def is_video(self) -> bool:
        """Whether samples are clips."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample | None:
        """Sample ``index``; None where it cannot be read and is skipped."""

    def set_epoch(self, epoch: int) -> None:
        """Draw other windows of films from now on, where windows are drawn."""
