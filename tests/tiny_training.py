"""Small parts of a training: a network that takes no time to look, and a made-up curve of the codec alone."""

import json
from pathlib import Path

import torch
from torch import nn

from mvlib.analysers import Classifier


class Tiny(nn.Sequential):
    """A network that compiles in seconds."""

    feature_layers = ("0",)

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 4, 3, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)
        )


def tiny(*_, **__) -> Classifier:
    """In place of ``analysers.load``: always the same analyser, called "tiny"."""
    torch.manual_seed(3)
    options = {"mean": (0.5,) * 3, "std": (0.1,) * 3, "classes": "abcde"}
    return Classifier(Tiny(), name="tiny", input_size=(32, 32), **options)


def anchor_file(folder: Path, codec: str, analyser: str = "efficientnet_lite0") -> Path:
    """A file with a curve of ``codec`` alone; what it says is of no matter to most tests."""
    results = {"qp": [20, 36, 51], "bpp": [1.5, 0.25, 0.04], f"kl:{analyser}": [0.03, 0.3, 2.5]}
    results[f"features:{analyser}"] = [0.04, 0.3, 0.9]
    curve = {"codec": codec, "condition": "codec alone", "results": results}
    path = folder / "anchor.json"
    path.write_text(json.dumps({"curves": [curve]}))
    return path
