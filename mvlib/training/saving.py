"""What a training leaves: trained network → weights with their card."""

from pathlib import Path

from torch import nn

from mvlib.datasets.opening import has_splits
from mvlib.preprocess import save_preprocessor

from .loop import Trainer


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
