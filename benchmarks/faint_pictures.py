"""Photographs and films made faint: what a filter that learnt from usual pictures saves on those of little contrast.

    python benchmarks/faint_pictures.py --contrast 0.1 --out data/results/images_faint_tenth.json

Each keeps its mean colour, darkened a little, and a part of its contrast, rounded to grey levels as a camera would: a
tenth leaves a standard deviation of 5 of 256, as in a dim room. A picture g times as strong loses to a quantiser g
times as coarse what this one loses to this one: *stretched* decides on such a picture, at the QP that is 6 higher for
each doubling.
"""

import shlex
import sys
from pathlib import Path

import numpy as np
import torch
from jsonargparse import auto_cli
from torch import Tensor

import mvlib
from mvlib.datasets import Clips, Photos
from mvlib.preprocess import Preprocessor


class Stretched(Preprocessor):
    """*contrast* with the gains of the picture as it would be at a standard deviation of ``deviation`` grey levels."""

    multiple = 32

    def __init__(self, deviation: float = 25.0, most: float = 16.0) -> None:
        super().__init__()
        self.inner, self.deviation, self.most = mvlib.load_preprocessor("contrast"), deviation, most

    def process(self, x: Tensor, qp: Tensor) -> Tensor:
        spread = x.std((-2, -1)).mean(-1).clamp_min(1e-6)
        gain = (self.deviation / 255 / spread).clamp(1, self.most)
        mean, by = x.mean((-2, -1), keepdim=True), gain[:, None, None, None]
        strong = torch.where(by > 1, mean + (x - mean) * by, x)
        return self.inner.filter.take_off(x, self.inner.decide(strong, (qp + 6 * gain.log2()).clamp(max=51)))


def main(
    out: Path = Path("runs/images_faint.json"),
    contrast: float = 0.1,
    split: str = "test",
    limit: int = 48,
    films: bool = False,
    preprocessors: tuple[str, ...] = ("filter soft=filter_soft", "contrast=contrast"),
    analysers: tuple[str, ...] = ("efficientnet_lite0", "efficientnet_lite2", "nanodet", "mobilenetv2"),
    scores: tuple[str, ...] = ("kl", "divergence", "features"),
    qps: tuple[int, ...] = (22, 28, 34, 40, 46),
    cells: Path = Path("runs/cells"),
) -> None:
    """Measure rows, and *contrast* that stretches, with x265.

    Args:
        out: the result, as JSON.
        contrast: the part that is kept, 0 to 1.
        split, limit: of the photographs or windows of 8 frames of films, and how many, from all over.
        films: films in place of photographs.
    """
    made = Clips(split, frames=8, size=176, animation=False) if films else Photos(split, size=224)
    count = min(limit, len(made))
    chosen = (made[i * len(made) // count].movedim(-3, -1).numpy() for i in range(count))
    rows = dict(row.split("=", 1) for row in preprocessors) | {"contrast, stretched": Stretched()}
    report = mvlib.evaluate(
        [fainter(frames, contrast) for frames in chosen],
        rows,
        analysers,
        ["x265"],
        qps,
        baselines=["blur 0.5"],
        scores=scores,
        cells=cells,
    )
    report.result["command"] = f"python {shlex.join(sys.argv)}"
    report.save(out)
    print(report)


def fainter(frames: np.ndarray, contrast: float) -> np.ndarray:
    """RGB in [0, 1], ([T,] H, W, 3) → uint8 with that part of its contrast, and 40 % of its light or more."""
    mean = frames.mean(tuple(range(frames.ndim - 1)))
    kept = mean * (0.4 + 0.6 * contrast) + (frames - mean) * contrast
    return np.rint(kept * 255).clip(0, 255).astype(np.uint8)


if __name__ == "__main__":
    auto_cli(main)
