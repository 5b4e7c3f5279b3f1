"""The protocol for pictures: pictures × conditions × codecs × QPs → real encoders → analysers → numbers per picture.

Every number comes out of a stream that a real encoder wrote and a decoder read back. The quality of a coded
picture is how much of the analyser's prediction for the *clean* picture is left, so a condition gets no credit
for moving the prediction elsewhere.

The work falls into independent cells, each a condition before a codec on a few dozen pictures. While the analysers
look at one cell, worker processes encode the next; a finished cell is kept, and nothing is done twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from mvlib import analysers as machines
from mvlib._interruption import Ahead
from mvlib._processes import Processes
from mvlib.codecs import RealCodec

from . import identity
from .cells import PROTOCOL, CellStore, digest
from .conditions import condition
from .encoding import Cell, Coded, Encoding
from .experiment import ImageExperiment
from .looking import Analyser, Look, chosen_scores, scores_of
from .material import Material, Sample, load_material
from .scores import Score, from_arrays, join, with_scores

PICTURES = 64  # in a cell, at most: bounds the memory, whatever the size of the data set


@dataclass
class Measurements:
    """Numbers of one codec and condition over N pictures at Q QPs."""

    bpp: np.ndarray
    """(N, Q) bits per pixel of the source picture."""
    psnr: np.ndarray
    """(N, Q) RGB PSNR in dB."""
    scores: dict[tuple[str, str], Score] = field(default_factory=dict)
    """(analyser, score) -> (N, Q) values, NaN where a picture has none; for "ap" a ``Precision``."""


def measure_images(
    experiment: ImageExperiment,
    progress: bool = True,
    *,
    cells: str | Path | None = None,
    analysers: Mapping[str, Analyser] | None = None,
    material: Material | None = None,
) -> tuple[dict[tuple[str, str], Measurements], list[str]]:
    """Run the protocol.

    Args:
        cells: folder of finished work: what is found there isn't done again, what is finished goes there.
        analysers, material: see ``ImageProtocol``.
    Returns:
        measurements: {(codec, condition): Measurements}, and sources: the source of each of the N pictures.
    """
    protocol = ImageProtocol(experiment, CellStore(cells), analysers, material)
    protocol.run_shared(progress)
    return protocol.gather(), protocol.sources


class ImageProtocol:
    """An experiment as cells that are independent of one another: run all here, or each share by another process.

    Args:
        experiment: what is measured.
        store: keeps finished cells.
        analysers: networks to look with, by name, in place of those that ``experiment`` names.
        material: pictures to look at in place of those that ``experiment`` names.
    """

    cell_size, frames = PICTURES, 1
    load_material, scores_of, look = staticmethod(load_material), staticmethod(scores_of), Look

    def __init__(
        self, experiment: ImageExperiment, store: CellStore,
        analysers: Mapping[str, Analyser] | None = None, material: Material | None = None,
    ) -> None:  # fmt: skip
        self.experiment, self.store = experiment, store
        # First what may be misspelt: it is refused before anything is read or measured.
        self._codecs = [RealCodec(n, preset=experiment.preset, gop=experiment.gop) for n in experiment.codecs]
        self.processes = Processes()
        self._rows = [condition(name, experiment.qps, self.processes.device) for name in experiment.rows]
        self.material = material or self.load_material(experiment)
        # A KL of a hundredth of a nat must mean the same on every machine.
        torch.backends.cudnn.allow_tf32 = False
        trained = not experiment.dry_run
        if experiment.dry_run:
            torch.manual_seed(experiment.seed)
        named = analysers or {name: machines.load(name, pretrained=trained) for name in experiment.analysers}
        self.analysers = {name: a.to(self.processes.device) for name, a in named.items()}
        self.wanted = chosen_scores(self.analysers, experiment.scores, self.material, self.scores_of)
        self.sources: list[str] = []
        self._pictures: dict[tuple[int, int], str] = {}
        """Digest of the pictures of each cell: (start, stop) -> digest; where none can be read there is no cell."""
        spans = self.material.spans(self.cell_size)
        mine = spans[self.processes.part(len(spans))]
        for span, sources, pictures in self.processes.gather(self._seen(mine)):
            self.sources += sources
            self._pictures[span] = pictures

    def _seen(self, spans: Sequence[tuple[int, int]]) -> list[tuple]:
        """(start, stop), sources and digest of the pictures of each of ``spans`` that has any."""
        each = ((span, self.material.between(*span)) for span in spans)
        return [
            (span, [s.source for s in samples], digest(*(part for s in samples for part in s.parts)))
            for span, samples in each
            if samples
        ]

    @cached_property
    def cells(self) -> list[Cell]:
        """All cells; neighbours share their pictures, and what is done to them before the codec."""
        return [
            Cell(row, codec, *span) for span in self._pictures for row in self._rows for codec in self._codecs
        ]

    @cached_property
    def _networks(self) -> dict[str, str]:
        looks = identity.does(self.look)
        return {name: digest(looks, identity.of_analyser(name, a)) for name, a in self.analysers.items()}

    def keys(self, cell: Cell) -> dict[str, str]:
        """Where the parts of ``cell`` are kept: "" for rate and PSNR, and each analyser's."""
        codec = identity.of_codec(cell.codec, self.experiment.qps, self.frames)
        row = [cell.row.identity, *([] if cell.row.untouched else identity.libraries())]
        common = [
            PROTOCOL,
            identity.does(Encoding, Sample),
            self._pictures[cell.start, cell.stop],
            *codec,
            *row,
        ]
        return {"": digest(*common)} | {name: digest(*common, d) for name, d in self._networks.items()}

    def missing(self, cell: Cell) -> dict[str, tuple[str, ...]]:
        """What of ``cell`` is not in the store: "" for rate and PSNR, and analysers → their scores that are not."""
        wanted = {"": ("bpp", "psnr"), **self.wanted}
        found = {name: from_arrays(self.store.get(key) or {}) for name, key in self.keys(cell).items()}
        absent = {name: tuple(s for s in wanted[name] if s not in scores) for name, scores in found.items()}
        return {name: scores for name, scores in absent.items() if scores}

    def run_shared(self, progress: bool = True) -> None:
        """Measure all cells, each in one of the processes that share the job; all of them then know all."""
        part = self.cells[self.processes.part(len(self.cells))]
        self.run(part, progress and self.processes.is_main)
        keys = [key for cell in part for key in self.keys(cell).values()]
        for key, arrays in self.processes.gather([(key, self.store.get(key)) for key in keys]):
            self.store.keep(key, arrays)

    def run(self, cells: Sequence[Cell], progress: bool = True) -> None:
        """Measure those of ``cells`` that are not in the store yet."""
        todo = [cell for cell in cells if self.missing(cell)]
        looks: dict[tuple, Look] = {}
        done = len(cells) - len(todo)
        with (
            tqdm(total=len(cells), initial=done, desc="cells", disable=not progress) as bar,
            closing(self._coded(todo)) as coming,  # Ctrl-C stops the encoders too
        ):
            for cell, coded in coming:
                looks = {of: look for of, look in looks.items() if of[0] == cell.start}
                keys = self.keys(cell)
                for name, wanted in self.missing(cell).items():
                    of = cell.start, name, wanted
                    if name and of not in looks:
                        looks[of] = self.look(self.analysers[name], coded.samples, wanted)
                    scores = looks[of].scores(coded.decoded) if name else coded.rate
                    # Others may have been asked for before, and will be again.
                    self.store.put(keys[name], with_scores(self.store.get(keys[name]) or {}, scores))
                bar.update()

    def _coded(self, cells: Sequence[Cell]) -> Iterator[tuple[Cell, Coded]]:
        """Each cell encoded and decoded; the next one is on its way meanwhile."""
        folder = self.store.folder
        encode = Encoding(self.material, self.experiment.qps, folder and folder / "streams")
        with Ahead() as ahead:
            coming = [ahead.begin(encode, cell) for cell in cells[:1]]
            for i, cell in enumerate(cells):
                coded = coming.pop().result()
                coming += [ahead.begin(encode, following) for following in cells[i + 1 : i + 2]]
                yield cell, coded

    def gather(self) -> dict[tuple[str, str], Measurements]:
        """All cells put together: {(codec, condition): Measurements}.

        Raises:
            RuntimeError: a cell has not been run.
        """
        parts: dict[tuple[str, str], list[Measurements]] = {}
        for cell in self.cells:
            if absent := self.missing(cell):
                where = f"{cell.row.name}, {cell.codec.name}, pictures {cell.start} to {cell.stop}"
                raise RuntimeError(f"not measured yet: {where} ({', '.join(absent) or 'rate'}); run it first")
            stored = {name: from_arrays(self.store.get(key)) for name, key in self.keys(cell).items()}
            rate = stored.pop("")
            scores = {(name, s): stored[name][s] for name in stored for s in self.wanted[name]}
            measured = Measurements(rate["bpp"], rate["psnr"], scores)
            parts.setdefault((cell.codec.name, cell.row.name), []).append(measured)
        return {key: _joined(value) for key, value in parts.items()}


def _joined(parts: list[Measurements]) -> Measurements:
    scores = {key: join([p.scores[key] for p in parts]) for key in parts[0].scores}
    return Measurements(
        np.concatenate([p.bpp for p in parts]), np.concatenate([p.psnr for p in parts]), scores
    )
