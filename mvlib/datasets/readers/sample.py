"""What a reader gives: file → ``Sample`` of frames, and what is known of them: class, objects or track."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Objects:
    """The objects of a picture."""

    boxes: np.ndarray
    """float32 (n, 4): x1, y1, x2, y2 in pixels, the upper left corner of the picture being (0, 0)."""
    labels: np.ndarray
    """int64 (n,): indices into the reader's ``classes``."""
    ignored: np.ndarray
    """bool (n,): counts neither as found nor as missed (COCO's crowds, VOC's difficult ones)."""
    crowd: np.ndarray
    """bool (n,): the box holds many objects, each of which may be found; of the ignored ones."""
    area: np.ndarray
    """float32 (n,): pixels of the object where its mask is known, else of its box."""


@dataclass(frozen=True)
class Track:
    """One object through a clip."""

    boxes: np.ndarray
    """float32 (T, 4): x1, y1, x2, y2 in pixels; NaN where the data set keeps the box to itself."""
    absent: np.ndarray
    """bool (T,): the object is out of view."""
    cover: np.ndarray
    """int64 (T,): how much of it one sees, from 0 (nothing) to 8 (all but all of it)."""


@dataclass(frozen=True)
class Sample:
    """A picture or clip with its annotation."""

    frames: np.ndarray
    """uint8 (T, H, W, 3), RGB; a picture has T = 1."""
    file: str
    """Path below the root of the data set, or the sequence's folder."""
    source_id: str
    """The same for samples out of one original: what confidence intervals resample."""
    index: int
    """Place in the reader."""
    label: int | None = None
    """Index into the reader's ``classes``, where the whole picture or clip has one class."""
    objects: Objects | None = None
    track: Track | None = None
