"""Preprocessors by any name: trained weights, an own class, or "refined:CODECS:ANALYSERS:STEPS" → module.

Refinement is given its codecs and analysers as objects; here, above the packages that hold them, names become these.
"""

import os

import jsonargparse
import torch

from mvlib import preprocess
from mvlib._precision import chosen
from mvlib.errors import InputError
from mvlib.preprocess import Preprocessor, Refinement, RefinementConfig
from mvlib.training.experiment import ImageTraining
from mvlib.training.objective import Objective

_PREFIX = "refined:"
_PLACES = ("codecs", "analysers", "steps")


def load_preprocessor(name: str | os.PathLike = "image", device: torch.device | str = "cpu") -> Preprocessor:
    """The preprocessor ``name``, in eval mode on ``device``; its model card is the attribute ``card``.

        >>> import mvlib
        >>> mvlib.load_preprocessor("refined:x265:efficientnet_lite0:2").config.steps
        2

    Args:
        name: of trained weights ("image", "video", …), or the path of a .safetensors file with its card beside it;
            "module:name", the import path of your own class or network; or "refined:CODECS:ANALYSERS:STEPS", gradient
            steps on each picture (``Refinement``), several joined by "+", what is left out as in
            ``RefinementConfig``, whose other options may follow, as ":task=output:views=false".

    Raises:
        FileNotFoundError: there are no such weights; the message says how to train them.
        ValueError: weights that don't fit their card, what can't be imported, or options that there are not.
    """
    return load_for(name, device).to(device)


def load_for(name: str | os.PathLike, device: torch.device | str) -> Preprocessor:
    """As ``load_preprocessor``, chosen for ``device`` and still on the CPU, where weights can be read."""
    if isinstance(name, str) and name.startswith(_PREFIX):
        return refinement(_parsed(name), device)
    return preprocess.load_preprocessor(name)


def refinement(config: RefinementConfig | None = None, device: torch.device | str = "cpu") -> Refinement:
    """Refinement as ``config`` says, on the CPU, to work on ``device``; codecs, analysers and curves found by name.

    What the analysers compute in, "bf16" or "float32", is ``objective.options.precision``: on CPUs without
    instructions for bfloat16 that is many times slower, so without a wish the faster one is taken.
    """
    c = config or RefinementConfig()
    training = ImageTraining(
        analysers=c.analysers,
        codecs=c.codecs,
        task=c.task,
        anchor=c.anchor,
        route=c.route,
        rounding=c.rounding,
        fitted_rate=c.fitted_rate,
        precision=chosen(c.precision, device),
    )
    return Refinement(Objective(training), c).eval()


def _parsed(name: str) -> RefinementConfig:
    parts = name.removeprefix(_PREFIX).split(":")
    given = dict(zip(_PLACES, (part for part in parts if "=" not in part), strict=False))
    given = {k: v if k == "steps" else f"[{v.replace('+', ',')}]" for k, v in given.items() if v}
    given |= dict(part.split("=", 1) for part in parts if "=" in part)
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(RefinementConfig)
    try:
        return RefinementConfig(**vars(parser.parse_object(given, defaults=True)))
    except jsonargparse.ArgumentError as error:
        raise InputError(f"{name!r} can't be read: {error}") from None
