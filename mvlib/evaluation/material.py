"""The material of an experiment by name: photographs | frames and excerpts of films | generated scenes → samples."""

from dataclasses import replace
from typing import Any

from mvlib.datasets import open_dataset
from mvlib.datasets.readers import Reader
from mvlib.errors import InputError

from .experiment import Experiment
from .given import public_material, reader_material
from .samples import Material


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
            return open_dataset("scenes", **made, **options)
        case "films":
            return open_dataset("films", frames=e.frames, **options)
        case "cameras":
            if options.pop("split") != "test":
                raise InputError(f"cameras are of the test side; got split={e.split!r}: leave it at test")
            return open_dataset("cameras", frames=e.frames, **options)
        case "tracks":
            return open_dataset("tracks", split=e.split, frames=e.frames)
    return open_dataset(e.material, **options)
