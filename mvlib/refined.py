"""Preprocessors by any name: trained weights, an own class, or "refined:CODECS:ANALYSERS:STEPS" → module.

Refinement is given its codecs and analysers as objects; here, above the packages that hold them, names become these.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Any

import jsonargparse
import torch
from torch import nn

from mvlib import preprocess
from mvlib._imports import imported, is_import_path
from mvlib._precision import chosen
from mvlib.codecs import Codec, RealCodec
from mvlib.errors import InputError
from mvlib.preprocess import Preprocessor, Refinement, RefinementConfig, load_update
from mvlib.training.experiment import ImageTraining, Training, VideoTraining
from mvlib.training.guides import load_guide
from mvlib.training.network import with_trunk
from mvlib.training.objective import Objective
from mvlib.training.slope import Slope, measured_slopes


def load_preprocessor(
    name: str | os.PathLike = "contrast", device: torch.device | str = "cpu"
) -> Preprocessor:
    """The preprocessor ``name``, in eval mode on ``device``; its model card is the attribute ``card``.

        >>> import mvlib
        >>> mvlib.load_preprocessor("refined:x265:efficientnet_lite0:2").config.steps
        2

    Args:
        name: of trained weights ("image", "video", …), or the path of a .safetensors file with its card beside it;
            "module:name", the import path of your own class or network; or "refined:CODECS:ANALYSERS:STEPS", gradient
            steps on each picture or clip (``Refinement``), several joined by "+", what is left out as in
            ``RefinementConfig``, whose other options may follow, as ":real=avif:task=output". With ":after=contrast"
            the steps begin from what that filter makes, which saves most. With ":update=lite0" a learned rule corrects
            the steps, which was trained for two of them and EfficientNet-Lite0 as the guide; ":update=lite0_nanodet" is
            for EfficientNet-Lite0 and NanoDet.

    Raises:
        FileNotFoundError: there are no such weights; the message says how to train them.
        ValueError: weights that don't fit their card, what can't be imported, or options that there are not.
    """
    return load_for(name, device).to(device)


def load_for(name: str | os.PathLike, device: torch.device | str) -> Preprocessor:
    """As ``load_preprocessor``, chosen for ``device`` and still on the CPU, where weights can be read."""
    if isinstance(name, str) and name.split(":")[0] == "refined":
        return refinement(_parsed(name), device)
    return with_trunk(preprocess.load_preprocessor(name))


def refinement(config: RefinementConfig | None = None, device: torch.device | str = "cpu") -> Refinement:
    """Refinement as ``config`` says, on the CPU, to work on ``device``; codecs, analysers and curves found by name.

    What the analysers compute in, "bf16" or "float32", is ``clips.options.precision``: on CPUs without
    instructions for bfloat16 that is many times slower, so without a wish the faster one is taken.
    """
    c = config or RefinementConfig()
    shared: dict[str, Any] = {
        "analysers": c.analysers,
        "codecs": c.codecs,
        "task": c.task,
        "anchor": c.anchor,
        "rounding": c.rounding,
        "fitted_rate": c.fitted_rate,
        "precision": chosen(c.precision, device),
    }
    guides = {name: load_guide(name, clips=True) for name in c.analysers}
    pictures = None
    if not any(getattr(guide, "takes_clips", False) for guide in guides.values()):
        pictures = _objective(ImageTraining(**shared), guides, c.real)
    clips = _objective(VideoTraining(**shared, through=c.through), guides, c.real or c.codecs[0])
    after = load_for(c.after, device) if c.after else None
    return Refinement(pictures, clips, c, load_update(c.update) if c.update else None, after).eval()


def _objective(training: Training, guides: Mapping[str, nn.Module], real: str) -> Objective:
    codec = _codec(real, training.gop) if real else None
    return Objective(training, analysers=guides, slopes=_slopes(training, real), real=codec)


def _codec(name: str, gop: str) -> Codec:
    """The real codec of that name, or what the import path "module:name" names or makes."""
    if not is_import_path(name):
        return RealCodec(name, gop=gop)
    found = imported(name)
    codec = found if isinstance(found, Codec) else found()
    if not isinstance(codec, Codec):
        raise InputError(f"{name!r} gives a {type(codec).__name__}; a mvlib.codecs.Codec is needed")
    return codec


def _slopes(training: Training, real: str) -> dict[tuple[str, str], Slope]:
    """Measured slopes as far as there are curves; what is not there is found on the pictures themselves."""
    if isinstance(training, VideoTraining):
        return {}
    if training.anchor is not None:
        return measured_slopes(training, real)
    found: dict[tuple[str, str], Slope] = {}
    for codec, analyser in product(training.codecs, training.analysers):
        with suppress(InputError):
            found |= measured_slopes(replace(training, codecs=codec, analysers=analyser), real)
    return found


def _parsed(name: str) -> RefinementConfig:
    parts: list[str] = []
    for part in name.split(":")[1:]:
        if parts and "=" in parts[-1] and "=" not in part:  # of a path with colons
            parts[-1] += f":{part}"
        else:
            parts.append(part)
    places = ("codecs", "analysers", "steps")
    given = dict(zip(places, (part for part in parts if "=" not in part), strict=False))
    given = {k: v if k == "steps" else f"[{v.replace('+', ',')}]" for k, v in given.items() if v}
    given |= dict(part.split("=", 1) for part in parts if "=" in part)
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(RefinementConfig)
    try:
        return RefinementConfig(**parser.parse_object(given, defaults=True).as_dict())
    except jsonargparse.ArgumentError as error:
        raise InputError(f"{name!r} can't be read: {error}") from None
