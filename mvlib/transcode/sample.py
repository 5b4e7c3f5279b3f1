"""Cost and answers on a sample: a few frames → coded at three QPs, without and with → at equal bits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mvlib._interruption import Ahead, result_of
from mvlib._numbers import psnr_of
from mvlib.analysers import Analyser
from mvlib.codecs import QP_MAX, Coded, RealCodec, rgb_to_yuv420
from mvlib.errors import InputError
from mvlib.evaluation.scales import scale_of
from mvlib.preprocess import Preprocessor
from mvlib.samples import Sample

from .film import stepper
from .source import Source, spread

STEP = 5
"""QPs between the three at which the sample is coded."""
RUN = 8
"""Frames of a sample that follow one another."""
_LEAST = 1e-6
"""Of a distance, whose logarithm is interpolated: it falls about tenfold over the QPs, as in an evaluation."""


@dataclass(frozen=True)
class Row:
    """A sample, coded at one QP."""

    qp: float
    bpp: float
    psnr_y: float
    """Luma, against the untouched frames, in dB; infinite where all are equal."""
    scores: dict[str, float]
    """Means over frames of what the analyser still sees."""


@dataclass(frozen=True)
class Sampled:
    """A sample, coded at three QPs, without (``plain``) and with a preprocessor (``prepared``; empty without one)."""

    places: list[int]
    """Numbers of the frames at which its runs begin."""
    frames: int
    analyser: str
    plain: list[Row]
    prepared: list[Row]
    distances: tuple[str, ...] = ()
    """Scores of which 0 is best, not 1."""

    def at_equal_bits(self) -> Row | None:
        """With the preprocessor, at the bits of the middle QP without it; None beyond what was measured."""
        bits, target = np.log([row.bpp for row in self.prepared]), np.log(self.plain[1].bpp)
        if not bits.min() <= target <= bits.max():
            return None

        order = np.argsort(bits)

        def at(values: Sequence[float] | NDArray) -> float:
            return float(np.interp(target, bits[order], np.asarray(values)[order]))

        scores = {}
        for name in self.plain[1].scores:
            values = np.array([row.scores[name] for row in self.prepared])
            is_distance = name in self.distances
            scores[name] = (
                float(np.exp(at(np.log(np.maximum(values, _LEAST))))) if is_distance else at(values)
            )
        qp, psnr = (at([getattr(row, name) for row in self.prepared]) for name in ("qp", "psnr_y"))
        return Row(qp, self.plain[1].bpp, psnr, scores)


def measure(
    source: Source,
    of: int,
    real: RealCodec,
    qp: float,
    network: Preprocessor | None,
    analyser: Analyser,
    frames: int,
) -> Sampled:
    """Code a sample of about ``frames`` of the ``of`` frames of ``source`` at three QPs around ``qp``.

    With the network at lower ones too, until it takes as many bits as the middle QP does without. The encoder codes
    each run of frames as a clip of its own, so runs take more bits than the film does.

    Raises ``InputError`` for an analyser that does not look at pictures.
    """
    middle = float(np.clip(round(qp), STEP, QP_MAX - STEP))
    qps = [middle - STEP, middle, middle + STEP]
    places = spread(frames, of, RUN)
    sample = _Sample(source, places, of, real, analyser)
    plain = sample.rows(qps, None)
    prepared = sample.rows(qps, network) if network else []
    while prepared and prepared[0].bpp < plain[1].bpp and prepared[0].qp > 0:
        prepared = [*sample.rows([max(0.0, prepared[0].qp - STEP)], network), *prepared]
    distances = tuple(name for name in plain[0].scores if scale_of(name, dict(analyser.scales)) == "distance")
    begins = [source.start + place for place in places]
    return Sampled(begins, sample.frames, analyser.name, plain, prepared, distances)


def scores_of(analyser: Analyser) -> tuple[str, ...]:
    """Scores that need single frames alone, no labels; raises ``InputError`` where there are none."""
    wanted = tuple(name for name in analyser.scores_of(False) if name not in ("label", "ap"))
    if not wanted or analyser.takes_clips:
        raise InputError(
            f"{analyser.name} is a {analyser.kind}, which does not compare single frames; give a classifier or a "
            "detector, as efficientnet_lite2 or nanodet"
        )
    return wanted


class _Sample:
    """Runs of a film, and what the analyser sees in them."""

    def __init__(
        self, source: Source, places: list[int], of: int, real: RealCodec, analyser: Analyser
    ) -> None:
        self._source, self._places, self._of, self._real = source, places, of, real
        self._analyser, self._wanted = analyser, scores_of(analyser)
        self._clean: dict[int, Any] = {}

    def rows(self, qps: list[float], network: Preprocessor | None) -> list[Row]:
        """The sample, coded at each of ``qps``; read run by run, for many frames would not fit into memory."""
        sums, self.frames = {qp: _Sums() for qp in qps}, 0
        with Ahead(2) as coding:
            for place in self._places:
                run = self._source.window(place, min(RUN, self._of - place))
                self.frames += len(run)
                coded = [coding.begin(partial(self._real, qp=qp), stepper(network)(run, qp)) for qp in qps]
                for qp, work in zip(qps, coded, strict=True):
                    self._add(sums[qp], place, run, result_of(work))
        return [sums[qp].row(qp) for qp in qps]

    def _add(self, sums: "_Sums", place: int, run: NDArray, coded: Coded) -> None:
        samples = [Sample(frame[None], str(place)) for frame in run]
        if place not in self._clean:
            self._clean[place] = self._analyser.remember(samples, self._wanted)
        luma = rgb_to_yuv420(run)[0].astype(np.float32)
        sums.bits += coded.bits
        sums.pixels += run[..., 0].size
        sums.error += float(np.square(luma - rgb_to_yuv420(coded.frames)[0]).sum(dtype=np.float64))
        sums.luma += luma.size
        decoded = [frame[None] for frame in coded.frames]
        scores = self._analyser.compare(samples, self._clean[place], decoded, self._wanted)
        sums.seen.append({name: found for name, found in scores.items() if isinstance(found, np.ndarray)})


@dataclass
class _Sums:
    """Sums over the runs of a sample, at one QP."""

    bits: int = 0
    pixels: int = 0
    error: float = 0.0
    luma: int = 0
    seen: list[dict[str, NDArray]] = field(default_factory=list)

    def row(self, qp: float) -> Row:
        scores = {
            name: float(np.nanmean(np.concatenate([s[name] for s in self.seen]))) for name in self.seen[0]
        }
        return Row(qp, self.bits / self.pixels, psnr_of(self.error / self.luma), scores)
