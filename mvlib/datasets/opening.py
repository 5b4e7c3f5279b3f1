"""Any data set by its name, "photos" | "coco" with its folder | "folder", or whatever one has → reader → samples."""

import inspect
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from mvlib.errors import InputError, InputTypeError, choose

from . import own
from .pasted import PastedCutouts
from .readers import COCO, VOC, Folder, Given, GOT10k, ImageNet, Imagenette, Kinetics400, Reader

OWN: dict[str, Callable[..., Reader]] = {
    "photos": own.Photographs,
    "pedestrians": own.Pedestrians,
    "pasted": PastedCutouts,
    "clips": own.WholeClips,
    "films": partial(own.WholeClips, size=176),
    "cameras": own.Cameras,
    "scenes": own.Scenes,
    "tracks": own.Tracks,
}
PUBLIC: dict[str, Callable[..., Reader]] = {
    "folder": Folder,
    "imagenet": ImageNet,
    "imagenette": Imagenette,
    "voc": VOC,
    "coco": COCO,
    "kinetics400": Kinetics400,
    "got10k": GOT10k,
}


def open_dataset(name: str, root: str | Path | None = None, **options: Any) -> Reader:
    """A data set of pictures or clips by its name: a sequence of samples, which ``evaluate`` and ``train`` take.

    Args:
        name: of the project's own: "photos", "pedestrians" and "pasted" (pictures), "clips", "films", "cameras",
            "scenes" and "tracks" (clips). Of public ones, as they lie on disk after their official download:
            "imagenet", "imagenette", "voc", "coco", "kinetics400" and "got10k". And "folder", any folder of
            pictures or, with ``frames``, of clips, which nobody labelled.
        root: the folder of a public one; the project's own are found without.
        options: as the class of the data set takes them: "split" of all but folders, pedestrians and cameras; "size"
            of the project's own; of public ones "short_side" (scale the shorter side to so many pixels) and "on_error"
            ("stop", "skip" or "replace" a file that cannot be read).

    Returns:
        the reader: ``len(reader)``, and ``reader[i]`` a ``Sample``: ``frames`` uint8 (T, H, W, 3), ``source``, and of
        ``labels``, ``objects`` and ``boxes`` what is known. ``reader.classes`` names the labels.

    Raises:
        ValueError: an unknown name (with the near one) or option, or a folder that is missing here or too much.
        FileNotFoundError: ``root`` does not hold the data set.

    Example:
        >>> import mvlib
        >>> photos = mvlib.open_dataset("photos", split="test", size=64)
        >>> photos[0].frames.shape
        (1, 64, 64, 3)
        >>> scene = mvlib.open_dataset("scenes", count=12, size=64)[0]
        >>> scene.frames.shape, scene.boxes.shape
        ((16, 64, 64, 3), (16, 4))
        >>> import tempfile, numpy, PIL.Image
        >>> folder = tempfile.mkdtemp()
        >>> PIL.Image.fromarray(numpy.zeros((32, 48, 3), numpy.uint8)).save(f"{folder}/black.png")
        >>> [(sample.file, sample.frames.shape) for sample in mvlib.open_dataset("folder", root=folder)]
        [('black.png', (1, 32, 48, 3))]
    """
    known = OWN | PUBLIC
    choose("dataset", name, known)
    takes = [option for option in inspect.signature(known[name]).parameters if option != "root"]
    if options and not takes:
        raise InputError(f"dataset {name!r} takes no options; got {', '.join(options)}: leave it out")
    for option in options:
        choose(f"option of dataset {name!r}:", option, takes)
    if name in OWN:
        if root is not None:
            raise InputError(f"dataset {name!r} is the project's own and needs no root; got {root}")
        return OWN[name](**options)
    if root is None:
        raise InputError(f"dataset {name!r} needs root=, the folder where it lies")
    return PUBLIC[name](root, **options)


def reader_of(data: Any, frames: int | None = None, **options: Any) -> Reader:
    """Whatever holds pictures or clips, as a reader.

    Args:
        data: what ``open_dataset`` gives; a folder; the name of a file; or a sequence, a map-style Dataset or a mapping
            of items as ``Given`` takes them.
        frames: of clips: so many of each. Of a folder None reads the pictures.
        options: of a folder, as ``Folder`` takes them.

    Raises ValueError or TypeError for what is none of these, FileNotFoundError for what is not there.

    Example:
        >>> import numpy
        >>> reader_of([numpy.zeros((32, 48, 3), numpy.uint8)])[0].frames.shape
        (1, 32, 48, 3)
    """
    if isinstance(data, Reader):
        return data
    if isinstance(data, str | os.PathLike):
        return Given([data], frames) if Path(data).is_file() else Folder(Path(data), frames, **options)
    if not hasattr(data, "__getitem__") or not hasattr(data, "__len__"):
        raise InputTypeError(
            f"data is {type(data).__name__}; give what open_dataset gives, a folder, file names, arrays or tensors"
        )
    return Given(data, frames)


def has_splits(name: str) -> bool:
    """Whether the data set ``name`` takes ``split``; True where there is none of that name."""
    return getattr((OWN | PUBLIC).get(name), "has_splits", True)
