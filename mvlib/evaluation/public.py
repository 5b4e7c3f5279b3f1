"""Public data sets as material: reader → whole picture or clip, or its centred square → labels, objects, tracks."""

import logging

import numpy as np
import torch

from mvlib.analysers.detectors import COCO_CLASSES
from mvlib.datasets import Squares, open_dataset
from mvlib.datasets.readers import Objects, Reader, Sample, counted, has_splits
from mvlib.errors import InputError

from . import material
from .experiment import ImageExperiment, VideoExperiment
from .material import Material, Truth, spread
from .video_material import NONE, UNMARKED, ClipSample

log = logging.getLogger("mvlib.evaluation")
ANNOTATED = "the data set's own annotation; crowds and what is marked as difficult count neither as found nor as missed"


def public_material(experiment: ImageExperiment) -> Material:
    """The pictures of ``experiment.dataset``; what cannot be read is left out, named in the log and counted.

    Raises ValueError for a data set of clips, or for squares out of pictures with boxes; see ``open_dataset``.
    """
    reader, squares = _opened(experiment)
    if reader.is_video:
        raise InputError(f"{experiment.dataset} holds clips; `evaluate video` takes it")
    _check_classes(reader)
    places = spread(len(reader), experiment.limit)

    def get(i: int) -> material.Sample | None:
        sample = reader[places[i]]
        if sample is None:
            return None
        labels = () if sample.label is None else (sample.label,)
        truth = None if sample.objects is None else _truth(sample.objects, reader.classes)
        return material.Sample(_frames(sample, squares)[0], sample.source_id, labels, truth)

    truth = ANNOTATED if "objects" in reader.gives else material.PSEUDO
    lacks = {} if "label" in reader.gives else material.UNLABELLED
    return Material(
        _about(experiment, reader, "pictures"), truth, len(places), get, tuple(reader.classes), lacks
    )


def public_clips(experiment: VideoExperiment) -> Material:
    """The clips of ``experiment.dataset``, as in ``public_material``: actions of Kinetics-400, boxes of GOT-10k."""
    reader, squares = _opened(experiment, frames=experiment.frames)
    if not reader.is_video:
        raise InputError(f"{experiment.dataset} holds pictures; `evaluate image` takes it")

    places = spread(len(reader), experiment.limit)

    def get(i: int) -> ClipSample | None:
        sample = reader[places[i]]
        if sample is None:
            return None
        boxes = visible = None
        if (track := sample.track) is not None:
            visible = ~track.absent & (track.cover > 0) & np.isfinite(track.boxes).all(1)
            boxes = np.nan_to_num(track.boxes) if visible[0] else None
        return ClipSample(_frames(sample, squares), sample.source_id, sample.label, boxes, visible)

    truth = ANNOTATED if reader.gives else NONE
    lacks = {} if "label" in reader.gives else material.UNLABELLED
    lacks = lacks if "track" in reader.gives else lacks | UNMARKED
    return Material(
        _about(experiment, reader, "clips"), truth, len(places), get, tuple(reader.classes), lacks
    )


def _opened(experiment: ImageExperiment, **options) -> tuple[Reader, Squares | None]:
    options |= {"split": experiment.split} if has_splits(experiment.dataset) else {}
    options |= {"on_error": "skip"} | experiment.reader
    reader = open_dataset(experiment.dataset, experiment.root, **options)
    return reader, experiment.size and Squares(reader, experiment.size, crop="centre", flip=False)


def _about(experiment: ImageExperiment, reader: Reader, what: str) -> str:
    size = f"centred squares at {experiment.size}x{experiment.size}" if experiment.size else "whole"
    side = (
        f"split {experiment.reader.get('split', experiment.split)}" if reader.has_splits else experiment.root
    )
    passed = f"; passed over: {counted(reader.passed)}" if reader.passed else ""
    return f"{experiment.dataset}, {side}, {what} {size}{passed}"


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
    if sample.objects is not None or sample.track is not None:
        raise InputError(f"size={squares.size} would cut through boxes; leave it out, or use short_side")
    x = squares.cut(sample)  # ([T,] 3, size, size) in [0, 1]
    return (x * 255).round().byte().movedim(-3, -1).reshape(-1, squares.size, squares.size, 3).numpy()


def _truth(objects: Objects, classes: tuple[str, ...]) -> Truth:
    names = [classes[label] for label in objects.labels]
    known = [k for k, name in enumerate(names) if name in COCO_CLASSES]
    labels = torch.tensor([COCO_CLASSES.index(names[k]) for k in known], dtype=torch.int64)
    boxes, ignored, crowd = (
        torch.from_numpy(part[known]) for part in (objects.boxes, objects.ignored, objects.crowd)
    )
    return Truth(boxes, torch.ones(len(known)), labels, ignored, crowd)
