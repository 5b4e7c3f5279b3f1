"""One cell on its way through a real codec: pictures → condition → encoder, decoder → pictures again, bpp, PSNR."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from mvlib.codecs import RealCodec

from .conditions import Condition
from .material import Material, Sample


@dataclass(frozen=True)
class Cell:
    """One condition before one codec on the pictures ``start`` to ``stop``."""

    row: Condition
    codec: RealCodec
    start: int
    stop: int


@dataclass(frozen=True)
class Coded:
    """What came of a cell: the clean samples, bpp and RGB PSNR in dB (n, Q), decoded pictures [q][n]."""

    samples: list[Sample]
    rate: dict[str, np.ndarray]
    decoded: list[list[np.ndarray]]


class Encoding:
    """Encodes one cell after the other; what a cell shares with the one before it isn't made again.

    Args:
        material: the pictures.
        qps: on the H.264/HEVC scale.
        cache: folder that keeps the streams of pictures that no condition has touched; None keeps none.
    """

    def __init__(self, material: Material, qps: Sequence[float], cache: Path | None = None) -> None:
        self.material, self.qps, self.cache = material, qps, cache
        self._of: tuple | None = None

    def __call__(self, cell: Cell) -> Coded:
        if self._of != (cell.row.name, cell.start):
            self._samples = self.material.between(cell.start, cell.stop)
            self._clean = [s.picture for s in self._samples]
            self._prepared = self._prepare(cell.row)
            self._of = cell.row.name, cell.start
        qps = np.repeat(self.qps, len(self._clean)).tolist()
        cache = self.cache if cell.row.untouched else None
        coded = cell.codec.map([p for point in self._prepared for p in point], qps, cache=cache)
        sizes = [p.shape[:2] for p in self._clean] * len(self.qps)
        decoded = [cell.row.restore(c.frames, size)[0] for c, size in zip(coded, sizes, strict=True)]
        bpp = np.array([c.bits / np.prod(size) for c, size in zip(coded, sizes, strict=True)])
        n = len(self._clean)
        points = [decoded[i : i + n] for i in range(0, len(decoded), n)]
        psnr = np.stack([_psnr(pictures, self._clean) for pictures in points], 1)
        return Coded(self._samples, {"bpp": bpp.reshape(-1, n).T, "psnr": psnr}, points)

    def _prepare(self, row: Condition) -> list[list[np.ndarray]]:
        """What the encoder is given at each QP: [q][n] of uint8 (1, h, w, 3). No codec is asked: one does for all."""
        if not row.depends_on_qp:
            return [self._at(row, self.qps[0])] * len(self.qps)
        return [self._at(row, qp) for qp in self.qps]

    def _at(self, row: Condition, qp: float) -> list[np.ndarray]:
        prepared = []
        for _, same in groupby(self._clean, key=lambda p: p.shape):
            prepared += list(row.prepare(np.stack(list(same)), qp)[:, None])
        return prepared


def _psnr(decoded: list[np.ndarray], clean: list[np.ndarray]) -> np.ndarray:
    """RGB PSNR in dB per picture; infinite ones (identical pictures) are capped at 100."""
    mse = [np.mean((a.astype(np.float32) - b) ** 2) for a, b in zip(decoded, clean, strict=True)]
    return np.minimum(10 * np.log10(255**2 / np.maximum(mse, 1e-12)), 100.0)
