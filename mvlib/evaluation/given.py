"""What lies on disk or in memory, as material: reader | folder | files | arrays → samples and what is known of them."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mvlib import media
from mvlib._planes import to_frames
from mvlib.analysers.detectors import COCO_CLASSES
from mvlib.datasets import Squares, open_dataset
from mvlib.datasets.opening import has_splits
from mvlib.datasets.readers import Reader, counted
from mvlib.datasets.readers.files import CLIPS, PICTURES
from mvlib.errors import InputError, InputTypeError, MissingFile
from mvlib.media import read_window
from mvlib.samples import Objects, Sample

from .experiment import Experiment
from .samples import PSEUDO, PSEUDO_CLIPS, UNLABELLED, UNMARKED, Material, spread

log = logging.getLogger("mvlib.evaluation")


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
    places = spread(len(reader), limit)

    def get(i: int) -> Sample | None:
        sample = reader[places[i]]
        if sample is None:
            return None
        objects = sample.objects and _in_coco(sample.objects, reader.classes)
        return replace(sample, frames=_frames(sample, squares), objects=objects, boxes=_followed(sample))

    lacks = {} if "label" in reader.gives else UNLABELLED
    if reader.is_video:
        truth = reader.annotation if reader.gives else PSEUDO_CLIPS
        lacks = lacks if "track" in reader.gives else lacks | UNMARKED
    else:
        truth = reader.annotation if "objects" in reader.gives else PSEUDO
    what = f"{'clips' if reader.is_video else 'pictures'} {f'centred squares at {size}x{size}' if size else 'whole'}"
    passed = f"; passed over: {counted(reader.passed)}" if reader.passed else ""
    about = reader.about or f"{name}, {what}{passed}"
    return Material(about, truth, len(places), get, tuple(reader.classes), lacks, reader.is_video)


def given_material(data: Any, frames: int = 16, limit: int | None = None) -> Material:
    """Whatever pictures or clips somebody has, as material.

    Args:
        data: what ``mvlib.open_dataset`` gives; a folder; file names; or uint8 arrays, (H, W, 3) a picture,
            (T, H, W, 3) a clip, as a list or by the name of their source. Each file, and each array of a list,
            is a source of its own.
        frames: of the window in the middle of a film.
        limit: most samples, from all over.
    Raises:
        TypeError, ValueError: something else, nothing, or pictures beside clips.  FileNotFoundError: not there.
    """
    if isinstance(data, Material):
        return data
    if isinstance(data, str | Path):
        if Path(data).is_dir():
            reader = _folder(Path(data), frames)
            return reader_material(reader, f"folder {data}", limit=limit)
        data = [data]
    if isinstance(data, Reader):
        return reader_material(data, type(data).__name__, limit=limit)
    if not hasattr(data, "__getitem__") or not hasattr(data, "__len__"):
        raise InputTypeError(
            f"data is {type(data).__name__}; give what open_dataset gives, a folder, file names or uint8 arrays"
        )
    names = list(data) if isinstance(data, Mapping) else None
    if not len(data):
        raise InputError("data holds nothing; give at least two pictures or clips")
    places = spread(len(data), limit)

    def get(i: int) -> Sample:
        which = names[places[i]] if names else places[i]
        return _sample(data[which], str(which) if names else f"item {which}", frames)

    clips = {_is_clip(data[names[place] if names else place]) for place in places}
    if len(clips) > 1:
        raise InputError("data holds pictures beside clips; evaluate them one after the other")
    kind = "clips" if clips == {True} else "pictures"
    about = f"{len(places)} {kind} that were given; each a source of its own"
    truth = PSEUDO_CLIPS if kind == "clips" else PSEUDO
    return Material(about, truth, len(places), get, None, UNLABELLED | UNMARKED, kind == "clips")


def _folder(root: Path, frames: int) -> Reader:
    """Reader of the pictures in a folder or, if there are none, of its clips."""
    try:
        return open_dataset("folder", root, on_error="skip")
    except MissingFile:
        return open_dataset("folder", root, frames=frames, on_error="skip")


def _sample(item: Any, source: str, frames: int) -> Sample:
    if isinstance(item, Sample):
        return item
    if isinstance(item, str | Path):
        if _is_clip(item):
            return Sample(read_window(Path(item), frames, 1, 0.5).frames, str(item))
        return Sample(media.read_picture(item)[None], str(item))
    if not isinstance(item, np.ndarray) or item.dtype != np.uint8:
        kind = getattr(item, "dtype", type(item).__name__)
        raise InputTypeError(f"{source} is {kind}; give uint8 arrays (H, W, 3) or (T, H, W, 3)")
    whole = item[None] if item.ndim == 3 else item
    if whole.ndim != 4 or whole.shape[-1] != 3 or 0 in whole.shape:
        raise InputError(f"{source} has shape {item.shape}; give (H, W, 3) or (T, H, W, 3)")
    return Sample(np.ascontiguousarray(whole), source)


def _is_clip(item: Any) -> bool:
    """Whether an array, a sample or the name of a file is a clip."""
    if isinstance(item, str | Path):
        return Path(item).suffix.lower() in CLIPS - PICTURES
    frames = getattr(item, "frames", item)
    return getattr(frames, "ndim", 0) == 4 and len(frames) > 1


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
