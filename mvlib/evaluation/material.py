"""Samples and what is known of them: the material of an experiment by name | a reader | whatever somebody has.

By name there are photographs, frames and excerpts of films, generated scenes, and public data sets.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mvlib._planes import to_frames
from mvlib.analysers.detectors import COCO_CLASSES
from mvlib.analysers.trackers.overlap import SCORES as TRACKING
from mvlib.datasets import Squares, open_dataset, reader_of
from mvlib.datasets.opening import has_splits
from mvlib.datasets.readers import Reader, counted
from mvlib.errors import InputError, MissingFile
from mvlib.samples import Objects, Sample

from .experiment import Experiment

log = logging.getLogger("mvlib.evaluation")
# What counts as true, and what nobody can be given, as it is printed with a result.
PSEUDO = "no one labelled the objects: what the same detector finds in the clean picture counts as true (pseudo-truth)"
PSEUDO_CLIPS = (
    "nobody labelled the clips: what an analyser says of the clean clip counts as true (pseudo-truth)"
)
UNLABELLED = {"label": "nobody labelled these pictures or clips as a whole"}
UNMARKED = dict.fromkeys(TRACKING, "nobody marked an object to follow in these clips")
# Clean samples of a cell: with what is prepared and decoded of them, and of the next, a dozen times as much is held at
# once. 32 clips of 16 frames at 224x224 fit.
CELL_BYTES = 80_000_000


@dataclass(frozen=True)
class Material:
    """``count`` samples, made when they are read.

    Attributes:
        about, truth: what the samples are, and what counts as true in them; printed with the result.
        count: how many there are.
        get: gives the sample at a place, or None where it cannot be read and is left out.
        classes: the names that its labels number; None: not known, an analyser's own are taken for them.
        lacks: scores that nobody can be given here → why.
        clips: whether the samples are clips, and not pictures.
    """

    about: str
    truth: str
    count: int
    get: Callable[[int], Sample | None]
    classes: tuple[str, ...] | None = None
    lacks: Mapping[str, str] = field(default_factory=dict)
    clips: bool = False

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


def load_material(experiment: Experiment) -> Material:
    """The pictures or clips of ``experiment``, at most ``limit`` of them."""
    if experiment.dataset is not None:
        return public_material(experiment.dataset, experiment)
    # Excerpts are sorted by film and taken from all over; of the others the first are.
    limit = experiment.limit if experiment.material in ("films", "cameras") else None
    whole = reader_material(_own(experiment), experiment.material, limit=limit)
    count = len(whole) if experiment.limit is None else min(experiment.limit, len(whole))
    return replace(whole, count=count)


def _own(e: Experiment) -> Reader:
    """The project's own material of an experiment."""
    options: dict[str, Any] = {"split": e.split} | ({} if e.size is None else {"size": e.size})
    match e.material:
        case "pedestrians":
            if e.size is not None or e.split != "test":
                raise InputError(
                    f"pedestrians are whole frames of the test side; got split={e.split!r}, size={e.size}: leave size "
                    "out, and split at test"
                )
            return open_dataset("pedestrians")
        case "pasted":  # they are made, and so are scenes: there can be as many as are wanted
            return open_dataset("pasted", **{"count": e.limit or 120} | options | e.reader)
        case "acting":
            made: dict[str, Any] = {"count": e.limit or 1000, "frames": e.frames, "seed": e.scene_seed}
            return open_dataset("scenes", **made | options | e.reader)
        case "films":
            return open_dataset("films", frames=e.frames, **options)
        case "cameras":
            if options.pop("split") != "test":
                raise InputError(f"cameras are of the test side; got split={e.split!r}: leave it at test")
            return open_dataset("cameras", frames=e.frames, **options)
        case "tracks":
            return open_dataset("tracks", split=e.split, frames=e.frames)
    return open_dataset(e.material, **options)


def public_material(dataset: str, experiment: Experiment) -> Material:
    """The pictures or clips of the public ``dataset``; what cannot be read is left out, named in the log and counted.

    Raises ValueError for clips where pictures are wanted and the reverse, or for squares out of pictures with boxes;
    see ``open_dataset``.
    """
    options: dict[str, Any] = {"split": experiment.split} if has_splits(dataset) else {}
    options |= {"frames": experiment.frames} if experiment.clips else {}
    options |= {"on_error": "skip"} | experiment.reader
    reader = open_dataset(dataset, experiment.root, **options)
    if reader.is_video != experiment.clips:
        held, command = ("clips", "video") if reader.is_video else ("pictures", "image")
        raise InputError(f"{dataset} holds {held}; `evaluate {command}` takes it")
    side = (
        f"split {experiment.reader.get('split', experiment.split)}" if reader.has_splits else experiment.root
    )
    return reader_material(reader, f"{dataset}, {side}", experiment.size, experiment.limit)


def reader_material(reader: Reader, name: str, size: int | None = None, limit: int | None = None) -> Material:
    """What ``reader`` reads: labels, objects and tracks where it knows them.

    Args:
        name: what the result calls it.
        size: side of the centred squares in pixels; None is the whole.
        limit: most samples, from all over it.
    """
    _check_classes(reader)
    squares = Squares(reader, size, crop="centre", flip=False) if size else None
    count = len(reader) if limit is None else min(limit, len(reader))
    places = [
        i * len(reader) // count for i in range(count)
    ]  # a list is sorted by class or film, its start is one

    def get(i: int) -> Sample | None:
        sample = reader[places[i]]
        if sample is None:
            return None
        objects = sample.objects
        if objects is not None and reader.classes:
            objects = _in_coco(objects, reader.classes)
        return replace(sample, frames=_frames(sample, squares), objects=objects, boxes=_followed(sample))

    lacks = {} if "label" in reader.gives else UNLABELLED
    if reader.is_video:
        truth = reader.annotation if reader.gives else PSEUDO_CLIPS
        lacks = lacks if "track" in reader.gives else lacks | UNMARKED
    else:
        truth = reader.annotation if "objects" in reader.gives else PSEUDO
    what = f"{'clips' if reader.is_video else 'pictures'} {f'centred squares at {size}x{size}' if size else 'whole'}"
    passed = f"; passed over: {counted(reader.passed)}" if reader.passed else ""
    about = reader.about.replace("{n}", str(count)) or f"{name}, {what}{passed}"
    return Material(about, truth, count, get, tuple(reader.classes) or None, lacks, reader.is_video)


def given_material(data: Any, frames: int = 16, limit: int | None = None) -> Material:
    """Whatever pictures or clips somebody has, as material.

    Args:
        data: see ``mvlib.evaluate``; of a folder its pictures or, if there are none, its clips.
        frames: of the window in the middle of a film.
        limit: most samples, from all over.
    Raises:
        TypeError, ValueError: something else, nothing, or pictures beside clips.  FileNotFoundError: not there.
    """
    if isinstance(data, Material):
        return data
    if isinstance(data, str | Path) and Path(data).is_dir():
        try:
            reader = reader_of(data, on_error="skip")
        except MissingFile:
            reader = reader_of(data, frames, on_error="skip")
        return reader_material(reader, f"folder {data}", limit=limit)
    reader = reader_of(data, frames)
    return reader_material(reader, type(reader).__name__, limit=limit)


def _followed(sample: Sample) -> np.ndarray | None:
    """Boxes of the object to follow, if it is there to be followed from the first frame on."""
    if sample.boxes is None or sample.visible is None or not sample.visible[0]:
        return None
    return np.nan_to_num(sample.boxes)


def _check_classes(reader: Reader) -> None:
    """Raise ValueError where no object has a class that the detectors know; tell of those without."""
    if "objects" not in reader.gives:
        return
    unknown = [name for name in reader.classes if name not in COCO_CLASSES]
    if len(unknown) == len(reader.classes):
        raise InputError(
            f"none of the classes {', '.join(unknown[:5])} is one of COCO's, which the detectors know; rename them in "
            "the annotation, or read the pictures as dataset folder"
        )
    if unknown:
        log.warning("objects do not count of classes that COCO has not: %s", ", ".join(unknown))


def _frames(sample: Sample, squares: Squares | None) -> np.ndarray:
    """uint8 (T, H, W, 3), whole or the centred square."""
    if not squares:
        return sample.frames
    if sample.objects is not None or sample.boxes is not None:
        raise InputError(f"size={squares.size} would cut through boxes; leave it out, or use short_side")
    x = squares.cut(sample)  # ([T,] 3, size, size) in [0, 1]
    return to_frames(x).reshape(-1, squares.size, squares.size, 3)


def _in_coco(objects: Objects, classes: Sequence[str]) -> Objects:
    """Those of the objects whose class COCO has, by its numbers."""
    names = [classes[label] for label in objects.labels]
    known = [k for k, name in enumerate(names) if name in COCO_CLASSES]
    labels = np.array([COCO_CLASSES.index(names[k]) for k in known], np.int64)
    return Objects(objects.boxes[known], labels, objects.ignored[known], objects.crowd[known])
