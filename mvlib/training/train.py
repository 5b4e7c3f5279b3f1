"""Training with parts of one's own: model, data, analysers, codec, loss → the loop of ``Trainer`` → trained network."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import fields, replace
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import nn

from mvlib._imports import import_path
from mvlib.datasets import reader_of
from mvlib.datasets.opening import has_splits
from mvlib.errors import InputError, InputTypeError
from mvlib.preprocess import VideoPreprocessor, build_preprocessor, described, save_preprocessor

from .batches import OwnMaterial
from .experiment import ImageTraining, Training, VideoTraining
from .loop import Trainer
from .objective import Loss, Objective
from .slope import Slope

Analysers = str | nn.Module | Sequence[str | nn.Module] | Mapping[str, str | nn.Module]
Codecs = str | Callable | Sequence[str | Callable] | Mapping[str, str | Callable]


def train(
    model: nn.Module | str,
    data: Any = None,
    *,
    analysers: Analysers = "efficientnet_lite0",
    codec: Codecs = "x265",
    loss: Loss | None = None,
    slopes: Slope | None = None,
    out: str | PathLike | None = None,
    progress: bool = True,
    **options: Any,
) -> nn.Module:
    """Train a preprocessor through a virtual codec, so that analysers see in the decoded picture what they saw before.

        >>> import numpy as np, torch, mvlib
        >>> from mvlib.training.slope import Slope
        >>> class Mine(mvlib.Preprocessor):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.conv = torch.nn.Conv2d(3, 3, 3, padding=1)
        ...     def process(self, x, qp):
        ...         return x + 0.1 * self.conv(x)
        >>> analyser = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(48, 2))
        >>> def by_label(analyser, clean, decoded, labels):  # one value per picture
        ...     return torch.nn.functional.cross_entropy(
        ...         analyser(decoded), torch.tensor(labels), reduction="none")
        >>> rng = np.random.default_rng(0)
        >>> data = [(rng.integers(0, 256, (32, 32, 3), np.uint8), k % 2) for k in range(8)]
        >>> net = mvlib.train(
        ...     Mine(), data, analysers=analyser, codec="x264", loss=by_label, steps=2, batch=2,
        ...     slopes=Slope([20, 50], [2.0, 0.1], [0.01, 1.0]), workers=0, progress=False)
        >>> net(torch.rand(1, 3, 32, 32), 37).shape
        torch.Size([1, 3, 32, 32])

    Args:
        model: called as a preprocessor, ``model(x, qp)`` with x (B, 3, H, W), of clips (B, T, 3, H, W), in [0, 1] and
            qp (B,), giving the shape of x; or one of ``ARCHITECTURES`` or "module:Class". It stays as it is: a copy
            is trained.
        data: what ``mvlib.open_dataset`` gives, a folder of pictures, or a sequence of pictures or clips, alone or as
            pairs with a target (``datasets.reader_of``); squares of ``size`` pixels are cut out at random. None is
            the material that comes with the project.
        analysers: names, networks, or {"title": either}. A network takes pictures (B, 3, H, W) in [0, 1] and gives
            logits; with a loss of your own it may give anything. It is frozen.
        codec: names of virtual codecs, objects, or {"title": either}, drawn in turn step by step. An object is
            called as ``codec(clip (B, T, 3, H, W), qp (B,))`` and gives ``.frames`` and ``.bits (B,)``, differentiable.
        loss: ``loss(analyser, clean, decoded, targets)`` → (B,), what coding took, above 0 and differentiable in
            decoded; targets is a list with what is known of each item (a label; {"boxes", "labels"}, with the boxes in
            the cut square; whatever stood beside the picture), None where nothing is. None compares the analyser's
            answers to the clean and the decoded picture, without any target.
        slopes: what a unit of the loss is worth, for all codecs and analysers. None takes the package's measured
            curves where codec, analysers, loss and data are its own, else tries the virtual codec on a few batches.
        out: folder of checkpoint and log, from which a stopped training goes on; None keeps neither.
        progress: show a bar.
        options: of ``ImageTraining`` or, for clips, ``VideoTraining``: steps, batch, size, lr, qp_low, task, …

    Returns:
        the moving average of the network, in eval mode.

    Raises:
        TypeError, ValueError: what cannot be trained, with or on; before anything is written.
    """
    network = deepcopy(model) if isinstance(model, nn.Module) else build_preprocessor(model)
    guides, coders = _titled("analysers", analysers), _titled("codec", codec)
    clips = isinstance(network, VideoPreprocessor)
    reader = None if data is None else reader_of(data, options.get("frames", 8 if clips else None))
    kind: type[Training] = VideoTraining if (clips if reader is None else reader.is_video) else ImageTraining
    known = [f.name for f in fields(kind)]
    if unknown := [name for name in options if name not in known]:
        raise InputTypeError(f"train has no option {unknown[0]!r}; {kind.__name__} has {', '.join(known)}")
    names = {"architecture": import_path(type(network)), "analysers": tuple(guides), "codecs": tuple(coders)}
    training = kind(**names | options)
    material = None
    if reader is not None:
        material = OwnMaterial(reader, training.batch, options.get("size"), training.seed)
        training = replace(training, size=material.size)
    if out is not None:
        described(network)  # what can't be loaded again is refused before the work
    named = all(title == part for title, part in (*guides.items(), *coders.items()))
    worth: dict[tuple[str, str], Slope] | None = None  # as measured
    if slopes is not None:
        worth = {(c, a): slopes for c in coders for a in guides}
    elif loss is not None or not named or (training.anchor is None and data is not None):
        worth = {}  # is found with the virtual codec
    objective = Objective(training, analysers=guides, codecs=coders, slopes=worth, loss=loss)
    with ExitStack() as kept:
        folder = Path(kept.enter_context(TemporaryDirectory()) if out is None else out)
        trainer = Trainer(training, folder, model=network.train(), material=material, objective=objective)
        trained = trainer.run(progress)
        if out is not None and trainer.processes.is_main:
            save_trained(
                trainer, trained, command="mvlib.train", data="your own" if reader else "the project's own"
            )
    return trained


def _titled(what: str, given: Any) -> dict[str, Any]:
    """Names or objects by title: a name is its own, an object's is its attribute name, or its class."""
    if isinstance(given, Mapping):
        return dict(given)
    # A network may be a sequence of layers.
    several = isinstance(given, list | tuple) and not isinstance(given, nn.Module)
    titled: dict[str, Any] = {}
    for part in given if several else [given]:
        title = part if isinstance(part, str) else str(getattr(part, "name", None) or type(part).__name__)
        if title in titled:
            raise InputError(f"two of {what} are called {title!r}; give them as {{title: object}}")
        titled[title] = part
    return titled


def save_trained(trainer: Trainer, network: nn.Module, *, command: str, data: str) -> Path:
    """Write ``network`` and its card into the folder of ``trainer``; the path of the weights.

    Args:
        command: what trained it.  data: what it was trained on, where that is no public data set.
    """
    training, folder = trainer.training, trainer.folder
    if training.dataset is not None:
        side = training.reader or ("split train" if has_splits(training.dataset) else "whole")
        data = f"{training.dataset}, {side}"
    return save_preprocessor(
        network,
        folder / "preprocessor.safetensors",
        command=command,
        data=data,
        seed=training.seed,
        steps=trainer.step,
        analysers=tuple(
            trainer.objective.analysers
        ),  # those that guided it: none where the task is an outline
        codecs=tuple(trainer.objective.codecs),
    )
