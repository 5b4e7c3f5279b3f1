"""Video and image coding for machines: picture → preprocessor → codec → analyser, with every bit counted.

The names below are the public surface. They load on first use, so that ``import mvlib`` is quick and a
worker process that only encodes never imports torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mvlib.analysers.registry import load as load_analyser
    from mvlib.codecs import CommandCodec, RealCodec
    from mvlib.datasets import open_dataset
    from mvlib.evaluation import bd_quality, bd_rate
    from mvlib.evaluation.evaluate import evaluate
    from mvlib.preprocess import Preprocessor
    from mvlib.refined import load_preprocessor
    from mvlib.training.train import train
    from mvlib.virtual import VirtualCodec

__version__ = "0.1.0"

_WHERE = {
    "RealCodec": "mvlib.codecs",
    "CommandCodec": "mvlib.codecs",
    "VirtualCodec": "mvlib.virtual",
    "Preprocessor": "mvlib.preprocess",
    "load_preprocessor": "mvlib.refined",
    "train": "mvlib.training.train",
    "load_analyser": "mvlib.analysers.registry",
    "open_dataset": "mvlib.datasets",
    "evaluate": "mvlib.evaluation.evaluate",
    "bd_quality": "mvlib.evaluation",
    "bd_rate": "mvlib.evaluation",
}
_INSIDE = {"load_analyser": "load"}  # what they are called there, if not the same
__all__ = [
    "CommandCodec", "Preprocessor", "RealCodec", "VirtualCodec", "__version__", "bd_quality", "bd_rate", "evaluate",
    "load_analyser", "load_preprocessor", "open_dataset", "train",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), _INSIDE.get(name, name))
    raise AttributeError(f"module 'mvlib' has no attribute {name!r}; it offers {', '.join(sorted(_WHERE))}")


def __dir__() -> list[str]:
    return sorted(__all__)
