"""One cell on its way through a real codec: pictures → condition → encoder, decoder → decoded, rate, fidelity."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from mvlib.codecs import Codec
from mvlib.samples import Sample

from .conditions import Condition
from .fidelity import FIDELITY, fidelity_of
from .material import Material

RATE = ("bpp", *FIDELITY)


@dataclass(frozen=True)
class Cell:
    """One condition before one codec, which results call ``title``, on the samples ``start`` to ``stop``."""

    row: Condition
    codec: Codec
    start: int
    stop: int
    title: str = ""


@dataclass(frozen=True)
class Decoded:
    """What came of a cell: the clean samples, rate and fidelity (n, Q), decoded frames [q][n] of (T, H, W, 3)."""

    samples: list[Sample]
    rate: dict[str, np.ndarray]
    frames: list[list[np.ndarray]]


class Encoding:
    """Encodes one cell after the other; what a cell shares with the one before it isn't made again.

    Args:
        material: the pictures.
        qps: on the H.264/HEVC scale.
        cache: folder that keeps the streams of pictures that no condition has touched; None keeps none.
        workers: processes that encode; None: one for each core.
    """

    def __init__(
        self, material: Material, qps: Sequence[float], cache: Path | None = None, workers: int | None = None
    ) -> None:
        self.material, self.qps, self.cache, self.workers = material, qps, cache, workers
        self._samples_of: tuple | None = None
        self._prepared_of: tuple | None = None

    def __call__(self, cell: Cell) -> Decoded:
        pictures = cell.start, cell.stop
        if self._samples_of != pictures:
            self._samples = self.material.between(*pictures)
            self._clean = [s.frames for s in self._samples]  # (T, H, W, 3) each
            self._samples_of = pictures
        if self._prepared_of != (cell.row.name, pictures):
            self._prepared = self._prepare(cell.row)
            self._prepared_of = cell.row.name, pictures
        qps = np.repeat(self.qps, len(self._clean)).tolist()
        cache = self.cache if cell.row.untouched else None
        coded = cell.codec.map(
            [p for point in self._prepared for p in point], qps, cache=cache, workers=self.workers
        )
        clean = self._clean * len(self.qps)
        decoded = [cell.row.restore(c.frames, x.shape[1:3]) for c, x in zip(coded, clean, strict=True)]
        bpp = np.array([c.bits / np.prod(x.shape[:3]) for c, x in zip(coded, clean, strict=True)])
        n = len(self._samples)
        points = [decoded[i : i + n] for i in range(0, len(decoded), n)]
        measured = {"bpp": bpp, **fidelity_of(clean, decoded)}
        rate = {name: values.reshape(-1, n).T for name, values in measured.items()}
        return Decoded(self._samples, rate, points)

    def _prepare(self, row: Condition) -> list[list[np.ndarray]]:
        """What the encoder is given at each QP: [q][n] of uint8 (T, h, w, 3). One does for all codecs."""
        if not row.depends_on_qp:
            return [self._at(row, self.qps[0])] * len(self.qps)
        return [self._at(row, qp) for qp in self.qps]

    def _at(self, row: Condition, qp: float) -> list[np.ndarray]:
        if row.in_time or any(len(frames) > 1 for frames in self._clean):
            return [row.prepare(frames, qp) for frames in self._clean]
        prepared = []
        for _, same in groupby(self._clean, key=lambda p: p.shape):
            prepared += list(row.prepare(np.concatenate(list(same)), qp)[:, None])
        return prepared
