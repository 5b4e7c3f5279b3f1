"""Smoothing of the whole picture, the control of a preprocessor that smooths all but things.

    python -m mvlib evaluate image --material pasted \
        --preprocessors '[blur 1.6=benchmarks.smoothing:Blur, smoothed everywhere=benchmarks.smoothing:Everywhere]'
"""

from torch import Tensor
from torchvision.transforms.v2 import functional as TF

from mvlib.preprocess import Preprocessor, detail_bands


class Blur(Preprocessor):
    """A Gaussian of 1.6 pixels."""

    uses_qp = False

    def process(self, x: Tensor, qp: Tensor) -> Tensor:
        return TF.gaussian_blur(x, [11, 11], [1.6, 1.6])


class Everywhere(Preprocessor):
    """What ``Regions`` makes of a picture without things: its three finest bands are gone."""

    uses_qp = False

    def process(self, x: Tensor, qp: Tensor) -> Tensor:
        return x - sum(detail_bands(x, 3))
