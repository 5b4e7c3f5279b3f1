"""The protocol: samples × conditions × codecs × QPs → real encoders → analysers → numbers per picture or clip.

Every number comes out of a stream that a real encoder wrote and a decoder read back. The quality of a coded
picture is how much of the analyser's prediction for the *clean* picture is left, so a condition gets no credit
for moving the prediction elsewhere. A picture is a clip of one frame.

The work falls into independent cells, each a condition before a codec on a few dozen samples. While the analysers
look at one cell, worker processes encode the next; a finished cell is kept, and nothing is done twice.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from mvlib._interruption import Ahead, result_of
from mvlib._processes import Processes
from mvlib._store import digest
from mvlib.analysers import Analyser
from mvlib.analysers import load as load_analyser
from mvlib.codecs import Codec, RealCodec
from mvlib.samples import Sample

from . import identity
from .averages import from_arrays, with_scores
from .cells import PROTOCOL, CellStore
from .conditions import Condition, condition
from .encoding import RATE, Cell, Decoded, Encoding
from .experiment import Experiment
from .material import Material, load_material
from .measurements import Measurements, Source
from .scales import scale_of
from .scoring import Scorer, chosen_scores

# Samples in a cell, at most: bounds the memory, whatever the size of the data set. Of large ones it has fewer.
PICTURES, CLIPS = 64, 32


def measure(
    experiment: Experiment, progress: bool = True, *, cells: str | Path | None = None, **parts: Any
) -> tuple[dict[tuple[str, str], Measurements], list[Source]]:
    """Run the protocol.

    Args:
        cells: folder of finished work: what is found there isn't done again, what is finished goes there.
        **parts: objects in place of names, and where to work, see ``Protocol``.
    Returns:
        measurements: {(codec, condition): Measurements}, and sources: the source of each of the N samples.
    """
    protocol = Protocol(experiment, CellStore(cells), **parts)
    protocol.run_shared(progress)
    return protocol.gather(), protocol.sources


class Protocol:
    """An experiment as cells that are independent of one another: run all here, or each share by another process.

    Args:
        experiment: what is measured.
        store: keeps finished cells.
        analysers, codecs, rows, material, scores: objects in place of the names in ``experiment``, each by the title
            that the results give it; None: as named.
        workers: processes that encode; None: one for each core.
        device: where networks work, as in ``Processes``.
    """

    def __init__(
        self,
        experiment: Experiment,
        store: CellStore,
        *,
        analysers: Mapping[str, Analyser] | None = None,
        codecs: Mapping[str, Codec] | None = None,
        rows: Sequence[Condition] | None = None,
        material: Material | None = None,
        scores: Sequence[str] | None = None,
        workers: int | None = None,
        device: str = "auto",
    ) -> None:
        self.experiment, self.store = experiment, store
        # First what may be misspelt: it is refused before anything is read or measured.
        preset, gop = experiment.preset, experiment.gop
        self._codecs = codecs or {n: RealCodec(n, preset=preset, gop=gop) for n in experiment.codecs}
        self.processes, self.workers = Processes(device), workers
        where = self.processes.device
        self._rows = rows or [condition(name, experiment.qps, where) for name in experiment.rows]
        self.material = material or load_material(experiment)
        # A KL of a hundredth of a nat must mean the same on every processor.
        torch.backends.cudnn.allow_tf32 = False
        if experiment.dry_run:
            torch.manual_seed(experiment.seed)
        trained = not experiment.dry_run
        named = analysers or {n: load_analyser(n, pretrained=trained) for n in experiment.analysers}
        self.analysers = {name: analyser.to(where) for name, analyser in named.items()}
        wanted = experiment.scores if scores is None else scores
        self.wanted = chosen_scores(self.analysers, wanted, self.material)
        self.scales = {
            (name, score): scale_of(score, self.analysers[name].scales)
            for name, chosen in self.wanted.items()
            for score in chosen
        }
        self.sources: list[Source] = []
        self._seen: dict[tuple[int, int], tuple[str, list[int]]] = {}
        """Digest of the samples of each cell, and how long they are; where none can be read there is no cell."""
        spans = self.material.spans(CLIPS if self.material.clips else PICTURES)
        mine = spans[self.processes.part(len(spans))]
        for span, sources, seen in self.processes.gather(self._look_over(mine)):
            self.sources += sources
            self._seen[span] = seen

    def _look_over(self, spans: Sequence[tuple[int, int]]) -> list[tuple]:
        """(start, stop), sources, digest and lengths of the samples of each of ``spans`` that has any."""
        each = ((span, self.material.between(*span)) for span in spans)
        return [
            (
                span,
                [s.source for s in samples],
                (digest(*(p for s in samples for p in s.parts)), sorted({len(s.frames) for s in samples})),
            )
            for span, samples in each
            if samples
        ]

    @cached_property
    def cells(self) -> list[Cell]:
        """All cells; neighbours share their pictures, and what is done to them before the codec."""
        return [
            Cell(row, codec, *span, title)
            for span in self._seen
            for row in self._rows
            for title, codec in self._codecs.items()
        ]

    @cached_property
    def _networks(self) -> dict[str, str]:
        looks = identity.does(Scorer)
        return {name: digest(looks, identity.of_analyser(name, a)) for name, a in self.analysers.items()}

    def keys(self, cell: Cell) -> dict[str, str]:
        """Where the parts of ``cell`` are kept: "" for rate and fidelity, and each analyser's."""
        samples, lengths = self._seen[cell.start, cell.stop]
        codec = [part for n in lengths for part in identity.of_codec(cell.codec, self.experiment.qps, n)]
        row = [cell.row.identity, *([] if cell.row.untouched else identity.libraries())]
        common = [PROTOCOL, identity.does(Encoding, Sample), samples, *codec, *row]
        return {"": digest(*common)} | {name: digest(*common, d) for name, d in self._networks.items()}

    def missing(self, cell: Cell) -> dict[str, tuple[str, ...]]:
        """What of ``cell`` is not in the store: "" for rate and fidelity, and analysers → their scores that are not."""
        wanted = {"": RATE, **self.wanted}
        found = {name: from_arrays(self.store.get(key) or {}) for name, key in self.keys(cell).items()}
        absent = {name: tuple(s for s in wanted[name] if s not in scores) for name, scores in found.items()}
        return {name: scores for name, scores in absent.items() if scores}

    def run_shared(self, progress: bool = True) -> None:
        """Measure all cells, each in one of the processes that share the job; all of them then know all."""
        part = self.cells[self.processes.part(len(self.cells))]
        self.run(part, progress and self.processes.is_main)
        keys = [key for cell in part for key in self.keys(cell).values()]
        for key, arrays in self.processes.gather([(key, self.store.get(key)) for key in keys]):
            if arrays is not None:
                self.store.keep(key, arrays)

    def run(self, cells: Sequence[Cell], progress: bool = True) -> None:
        """Measure those of ``cells`` that are not in the store yet."""
        todo = [cell for cell in cells if self.missing(cell)]
        scorers: dict[tuple, Scorer] = {}
        done = len(cells) - len(todo)
        with (
            tqdm(total=len(cells), initial=done, desc="cells", disable=not progress) as bar,
            closing(self._decoded(todo)) as coming,  # Ctrl-C stops the encoders too
        ):
            for cell, decoded in coming:
                scorers = {of: scorer for of, scorer in scorers.items() if of[0] == cell.start}
                keys = self.keys(cell)
                for name, wanted in self.missing(cell).items():
                    of = cell.start, name, wanted
                    if name and of not in scorers:
                        scorers[of] = Scorer(self.analysers[name], decoded.samples, wanted)
                    scores = scorers[of].scores(decoded.frames) if name else decoded.rate
                    # Others may have been wanted before, and will be again.
                    self.store.put(keys[name], with_scores(self.store.get(keys[name]) or {}, scores))
                bar.update()

    def _decoded(self, cells: Sequence[Cell]) -> Generator[tuple[Cell, Decoded], None, None]:
        """Each cell encoded and decoded; the next one is on its way meanwhile."""
        folder = self.store.folder
        streams = folder and folder / "streams"
        encode = Encoding(self.material, self.experiment.qps, streams, self.workers)
        with Ahead() as ahead:
            coming = [ahead.begin(encode, cell) for cell in cells[:1]]
            for i, cell in enumerate(cells):
                decoded = result_of(coming.pop())
                coming += [ahead.begin(encode, following) for following in cells[i + 1 : i + 2]]
                yield cell, decoded

    def gather(self) -> dict[tuple[str, str], Measurements]:
        """All cells put together: {(codec, condition): Measurements}.

        Raises:
            RuntimeError: a cell has not been run.
        """
        parts: dict[tuple[str, str], list[Measurements]] = {}
        for cell in self.cells:
            if absent := self.missing(cell):
                where = f"{cell.row.name}, {cell.title}, samples {cell.start} to {cell.stop}"
                raise RuntimeError(f"not measured yet: {where} ({', '.join(absent) or 'rate'}); run it first")
            stored = {name: self.store.get(key) or {} for name, key in self.keys(cell).items()}
            fidelity = dict(stored.pop(""))
            found = {name: from_arrays(arrays) for name, arrays in stored.items()}
            scores = {(name, s): found[name][s] for name in found for s in self.wanted[name]}
            measured = Measurements(fidelity.pop("bpp"), fidelity, scores, self.scales)
            parts.setdefault((cell.title, cell.row.name), []).append(measured)
        return {key: Measurements.joined(value) for key, value in parts.items()}
