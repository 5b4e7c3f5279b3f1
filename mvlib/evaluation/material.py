"""The material of an experiment by name: photographs | frames and excerpts of films | generated scenes → samples."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from mvlib.analysers.detectors import COCO_CLASSES, Detections
from mvlib.analysers.lite import IMAGENET_CLASSES
from mvlib.datasets import ACTIONS, ActingCutouts, Clips, PastedCutouts, Photos, Tracks
from mvlib.errors import InputError

from .bootstrap import Crossed
from .experiment import Experiment
from .given import public_material
from .samples import PSEUDO, PSEUDO_CLIPS, UNLABELLED, UNMARKED, Material, Sample, spread

EXACT = "exact boxes and classes of the pasted cut-outs"
EXACT_SCENES = "exact actions and boxes, drawn from the same numbers as the scenes"
BY_EYE = "boxes marked by eye in every few frames; only those frames count"


def load_material(experiment: Experiment) -> Material:
    """The pictures or clips of ``experiment``, at most ``limit`` of them."""
    make = _MAKERS[experiment.material] if experiment.dataset is None else public_material
    whole = make(experiment)
    count = len(whole) if experiment.limit is None else min(experiment.limit, len(whole))
    return replace(whole, count=count)


def _uint8(pictures: Tensor) -> np.ndarray:
    """Pictures (T, 3, H, W) in [0, 1] as frames (T, H, W, 3)."""
    return (pictures * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()


def _photos(experiment: Experiment) -> Material:
    size = experiment.size or 224
    photos = Photos(experiment.split, size=size, crop="centre", flip=False)

    def get(i: int) -> Sample:
        return Sample(_uint8(photos[i][None]), photos.meta[i].source_id, photos.meta[i].labels)

    about = f"photographs of data/photos.csv, split {experiment.split}, centre squares at {size}x{size}"
    return Material(about, PSEUDO, len(photos), get, IMAGENET_CLASSES)


# Four excerpts of 4.8 s: people walk on, but half an excerpt later it is still partly the same people.
_FRAMES, _STRIDE, _PER_SOURCE = 12, 4, 6


def _pedestrians(experiment: Experiment) -> Material:
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
        return Sample(np.ascontiguousarray(clips.uint8(window)[frame])[None], source)

    about = (
        f"frames of the film vtest, every {_STRIDE}th of each excerpt in data/clips.csv, 384x288; {_PER_SOURCE} frames "
        "in a row (2.4 s) are one source: the interval speaks of this camera and no other"
    )
    return Material(about, PSEUDO, len(windows) * _FRAMES, get, lacks=UNLABELLED)


def _pasted(experiment: Experiment) -> Material:
    # They are made, so there can be as many as are wanted.
    pasted = PastedCutouts(experiment.split, count=experiment.limit or 120, size=experiment.size or 320)

    def get(i: int) -> Sample:
        item = pasted[i]
        labels = torch.tensor([COCO_CLASSES.index(name) for name in item.labels])
        truth = Detections(torch.from_numpy(item.boxes), torch.ones(len(labels)), labels)
        return Sample(item.picture[None], item.source_id, truth=truth)

    about = f"cut-outs of data/cutouts.csv pasted on photographs, split {experiment.split}, {pasted.size}x{pasted.size}"
    return Material(about, EXACT, len(pasted), get, lacks=UNLABELLED)


def _acting(experiment: Experiment) -> Material:
    size, count = experiment.size or 224, experiment.limit or 1000
    scenes = ActingCutouts(experiment.split, count, size, experiment.frames, seed=experiment.scene_seed)

    def get(i: int) -> Sample:
        clip = scenes[i]
        # Half of the actor in the frame: less is nothing that a tracker could be expected to box.
        visible = clip.visible >= 0.5
        boxes = np.nan_to_num(clip.boxes) if visible[0] else None
        return Sample(
            clip.frames, Crossed((clip.background, clip.cutout)), (clip.action,), None, boxes, visible
        )

    about = (
        f"generated scenes (cut-outs that act before photographs and films), split {experiment.split}, seed "
        f"{experiment.scene_seed}, {size}x{size}, {experiment.frames} frames; background and actor are its sources"
    )
    return Material(about, EXACT_SCENES, count, get, ACTIONS, clips=True)


def _films(experiment: Experiment) -> Material:
    size = experiment.size or 176
    clips = Clips(experiment.split, experiment.frames, size, flip=False)
    taken = spread(len(clips), experiment.limit)

    def get(i: int) -> Sample:
        return Sample(_uint8(clips[taken[i]]), clips.item(taken[i]).file)

    files = sorted({clips.item(i).source_id for i in taken})
    about = (
        f"excerpts of the films {', '.join(files)}, split {experiment.split}, {size}x{size}, {experiment.frames} "
        "frames each; a file of data/clips.csv is one source: the interval speaks of these films and no others"
    )
    return Material(about, PSEUDO_CLIPS, len(taken), get, lacks=UNLABELLED | UNMARKED, clips=True)


def _tracks(experiment: Experiment) -> Material:
    tracks = Tracks(experiment.split)

    def get(i: int) -> Sample:
        t = tracks[i]
        cut = slice(None, experiment.frames)
        return Sample(t.frames[cut], t.name, (), None, np.nan_to_num(t.boxes[cut]), t.known[cut])

    about = f"objects in whole frames of the films, split {experiment.split}, first {experiment.frames} frames of each"
    return Material(about, BY_EYE, len(tracks), get, lacks=UNLABELLED, clips=True)


_MAKERS = {
    "photos": _photos,
    "pedestrians": _pedestrians,
    "pasted": _pasted,
    "acting": _acting,
    "films": _films,
    "tracks": _tracks,
}
