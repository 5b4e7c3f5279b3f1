"""Pictures of public data sets as material: reader → whole picture or centred square → labels, exact objects."""

import numpy as np
import torch

from mvlib.analysers.detectors import COCO_CLASSES, Detections
from mvlib.datasets import Squares, open_dataset
from mvlib.datasets.readers import Objects

from .experiment import ImageExperiment
from .material import Material, Sample

ANNOTATED = "boxes and classes of the data set's annotation; crowds and difficult objects are left out of it"


def public_material(experiment: ImageExperiment) -> Material:
    """The pictures of ``experiment.dataset``; what cannot be read is left out, named in the log and counted.

    Raises ValueError for a data set of clips, or for squares out of pictures with boxes; see ``open_dataset``.
    """
    options = {"split": experiment.split, "on_error": "skip"} | experiment.reader
    reader = open_dataset(experiment.dataset, experiment.root, **options)
    if reader.is_video:
        raise ValueError(f"{experiment.dataset} holds clips; `evaluate video` takes it")
    squares = experiment.size and Squares(reader, experiment.size, crop="centre", flip=False)

    def get(i: int) -> Sample | None:
        sample = reader[i]
        if sample is None:
            return None
        picture, truth = sample.frames[0], None
        if sample.objects is not None:
            truth = _detections(sample.objects, reader.classes)
            if squares:
                raise ValueError(
                    f"size={experiment.size} would cut through boxes; leave it out, or use short_side"
                )
        elif squares:
            picture = (squares.cut(sample) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
        labels = () if sample.label is None else (sample.label,)
        return Sample(picture, sample.source_id, labels, truth)

    size = f"centred squares at {experiment.size}x{experiment.size}" if squares else "whole"
    return Material(
        f"{experiment.dataset}, split {options['split']}, pictures {size}", ANNOTATED, len(reader), get
    )


def _detections(objects: Objects, classes: tuple[str, ...]) -> Detections:
    known = [
        k
        for k, label in enumerate(objects.labels)
        if not objects.ignored[k] and classes[label] in COCO_CLASSES
    ]
    labels = np.array([COCO_CLASSES.index(classes[label]) for label in objects.labels[known]], np.int64)
    boxes = torch.from_numpy(objects.boxes[known])
    return Detections(boxes, torch.ones(len(known)), torch.from_numpy(labels))
