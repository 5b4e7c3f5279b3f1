"""What is looked at: photographs | frames of a film | pasted cut-outs → pictures and what is known of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from mvlib.analysers.detectors import COCO_CLASSES, Detections
from mvlib.analysers.lite import IMAGENET_CLASSES
from mvlib.datasets import Clips, PastedCutouts, Photos
from mvlib.errors import InputError

from .experiment import ImageExperiment

PSEUDO = "no one labelled the objects: what the same detector finds in the clean picture counts as true (pseudo-truth)"
EXACT = "exact boxes and classes of the pasted cut-outs"
UNLABELLED = {"label": "nobody labelled these pictures or clips as a whole"}

# Clean samples of a cell: with what is prepared and decoded of them, and of the next, a dozen times as much is held at
# once. 32 clips of 16 frames at 224x224 fit.
CELL_BYTES = 80_000_000


@dataclass(frozen=True)
class Truth(Detections):
    """The objects that are known to be in a picture, of which some count neither as found nor as missed."""

    ignored: Tensor
    """bool (n,)."""
    crowd: Tensor
    """bool (n,): ignored, and the box holds many, each of which may be found."""


@dataclass(frozen=True)
class Sample:
    """A picture and what is known of it.

    picture: uint8 (H, W, 3), RGB.
    source: pictures of one source are not independent; a bootstrap draws them together.
    labels: acceptable ImageNet classes; empty: not known.
    truth: the objects that are there; None: not known.
    """

    picture: np.ndarray
    source: str
    labels: tuple[int, ...] = ()
    truth: Detections | None = None

    @property
    def frames(self) -> np.ndarray:
        """What is coded: (1, H, W, 3)."""
        return self.picture[None]

    @staticmethod
    def shown(frames: np.ndarray) -> np.ndarray:
        """What an analyser is shown of decoded frames (1, H, W, 3)."""
        return frames[0]

    @property
    def parts(self) -> list:
        """Everything that a measurement can depend on, for a digest."""
        truth = [self.truth.boxes, self.truth.labels] if self.truth else []
        if isinstance(self.truth, Truth) and self.truth.ignored.any():
            truth += [self.truth.ignored, self.truth.crowd]
        return [self.picture, list(self.labels), *truth]


@dataclass(frozen=True)
class Material:
    """``count`` samples, made when they are asked for.

    about, truth: what the pictures are, and what counts as the true objects in them; printed with the result.
    get: gives the sample at a place, or None where it cannot be read and is left out.
    classes: the names that its labels number; None: not said, a machine's own are taken for them.
    lacks: scores that nobody can be given here → why.
    """

    about: str
    truth: str
    count: int
    get: Callable[[int], Sample | None]
    classes: tuple[str, ...] | None = None
    lacks: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.count

    def between(self, start: int, stop: int) -> list[Sample]:
        """Those of the samples ``start`` to ``stop`` that can be read."""
        return [sample for i in range(start, stop) if (sample := self[i]) is not None]

    def spans(self, most: int) -> list[tuple[int, int]]:
        """All places, cut into (start, stop) of at most ``most``, and of no more than fit ``CELL_BYTES``.

        The first sample that can be read tells how large they are. Raises ValueError where none can be.
        """
        first = next((sample for sample in map(self.get, range(self.count)) if sample is not None), None)
        if first is None:
            raise InputError(f"none of the {self.count} samples could be read: {self.about}")
        size = max(1, min(most, CELL_BYTES // first.frames.nbytes))
        return [(i, min(i + size, self.count)) for i in range(0, self.count, size)]

    def __getitem__(self, index: int) -> Sample | None:
        if not 0 <= index < self.count:
            raise IndexError(f"sample {index} does not exist, there are {self.count}")
        return self.get(index)


def spread(total: int, limit: int | None) -> list[int]:
    """At most ``limit`` places of ``total``, evenly apart: a list is sorted by class or film, its start is one."""
    count = total if limit is None else min(limit, total)
    return [i * total // count for i in range(count)]


def load_material(experiment: ImageExperiment) -> Material:
    """The pictures of ``experiment``, at most ``limit`` of them."""
    makers = {"photos": _photos, "pedestrians": _pedestrians, "pasted": _pasted}
    if experiment.dataset is None:
        whole = makers[experiment.material](experiment)
    else:
        from .public import public_material  # on use: that module builds on this one

        whole = public_material(experiment)
    count = len(whole) if experiment.limit is None else min(experiment.limit, len(whole))
    return replace(whole, count=count)


def _photos(experiment: ImageExperiment) -> Material:
    size = experiment.size or 224
    photos = Photos(experiment.split, size=size, crop="centre", flip=False)

    def get(i: int) -> Sample:
        picture = (photos[i] * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
        return Sample(picture, photos.meta[i].source_id, photos.meta[i].labels)

    about = f"photographs of data/photos.csv, split {experiment.split}, centre squares at {size}x{size}"
    return Material(about, PSEUDO, len(photos), get, IMAGENET_CLASSES)


# Four excerpts of 4.8 s: people walk on, but half an excerpt later it is still partly the same people.
_FRAMES, _STRIDE, _PER_SOURCE = 12, 4, 6


def _pedestrians(experiment: ImageExperiment) -> Material:
    if experiment.size is not None or experiment.split != "test":
        raise InputError(
            f"pedestrians are whole frames of the test side; got split={experiment.split!r}, size={experiment.size}: "
            "leave size out, and split at test"
        )
    clips = Clips("test", frames=_FRAMES, stride=_STRIDE)
    windows = [i for i in range(len(clips)) if clips.item(i).source_id == "vtest"]

    def get(i: int) -> Sample:
        window, frame = windows[i // _FRAMES], i % _FRAMES
        source = f"{clips.item(window).file} {frame // _PER_SOURCE}"
        return Sample(np.ascontiguousarray(clips.uint8(window)[frame]), source)

    about = (
        f"frames of the film vtest, every {_STRIDE}th of each excerpt in data/clips.csv, 384x288; {_PER_SOURCE} frames "
        "in a row (2.4 s) are one source: the interval speaks of this camera and no other"
    )
    return Material(about, PSEUDO, len(windows) * _FRAMES, get, lacks=UNLABELLED)


def _pasted(experiment: ImageExperiment) -> Material:
    # They are made, so there can be as many as are asked for.
    pasted = PastedCutouts(experiment.split, count=experiment.limit or 120, size=experiment.size or 320)

    def get(i: int) -> Sample:
        item = pasted[i]
        labels = torch.tensor([COCO_CLASSES.index(name) for name in item.labels])
        truth = Detections(torch.from_numpy(item.boxes), torch.ones(len(labels)), labels)
        return Sample(item.picture, item.source_id, truth=truth)

    about = f"cut-outs of data/cutouts.csv pasted on photographs, split {experiment.split}, {pasted.size}x{pasted.size}"
    return Material(about, EXACT, len(pasted), get, lacks=UNLABELLED)
