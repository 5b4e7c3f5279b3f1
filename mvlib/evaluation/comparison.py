"""Every condition beside the anchor: measurements → curves, BD-rates, savings at one quality, harm → rows of a result.

All that a result says in numbers is computed here, and from the measurements alone.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mvlib.pool import run

from .averages import Drawn, Precision, Score, means, plain_means
from .bdrate import CurveError, bd_quality
from .bootstrap import (
    QUALITY,
    Interval,
    Side,
    bootstrap_difference,
    bounds,
    curves,
    effective_clusters,
    interval_of,
    monotone_bd_rate,
    rounded,
    saving_at,
    ways,
    weightings,
)
from .measurements import Measured, Measurements, Source
from .scales import FIDELITY_SCALES, SCALES, SCORES

HOW = ("qps", "against", "bd_from", "draws", "seed")
"""The options of an experiment that say how rows are compared."""
SAVING = {k: k for k in ("low", "high", "failed", "below_zero")} | {"bd_rate": "saving"}
"""What an ``Interval`` has → what a saving at one quality is called in a result."""


@dataclass(frozen=True)
class Comparison:
    """How rows are compared.

    Attributes:
        qps: of the columns of all measurements.
        against: title of the row that the others are compared with.
        draws, seed: of the bootstrap.
        workers: processes that share it; None: one for each core.
        bd_from: the QP from which points count in BD-rates; all are in curves, savings at one quality and harms.
    """

    qps: Sequence[float]
    against: str
    draws: int = 1000
    seed: int = 0
    workers: int | None = None
    bd_from: float = 0

    @classmethod
    def by(cls, options: Mapping[str, Any], workers: int | None = None) -> "Comparison":
        """As the ``options`` of an experiment say."""
        return cls(**{name: options[name] for name in HOW}, workers=workers)

    def numbers(self, measured: Measured, sources: Sequence[Source]) -> dict:
        """Curves and comparisons of all rows.

        Args:
            measured: {(codec, condition): Measurements}.  sources: the source of each sample.
        Returns:
            "sources", "effective_clusters": how many there are, and how many of one size would say as much;
            "bd_rates": rows with codec, condition, analyser, quality and what ``Interval`` has, or "error"; and the
            BD-quality by the names of ``QUALITY``, None where there is none;
            "fidelity": the same at equal fidelity to the source, for people;
            "savings": the same at one quality, "at", with "saving" in place of "bd_rate"; those that both curves reach;
            "lightest_qp": rows with codec, condition, analyser, score, qp and what ``Difference`` has;
            "curves": means per QP of each row, and their 95 % intervals.
        """
        # What a file keeps is what is computed from, so that a reader of the file gets the same.
        measured = self._drawn_once({row: m.as_stored() for row, m in measured.items()}, sources)
        pairs = list(_pairs(measured, sources, self.against))
        counts = np.asarray(self.qps, float) >= self.bd_from
        jobs = [(pair, counts, self.draws, self.seed) for pair in pairs]
        gains = self._run(_gain, jobs, "BD-rates")
        return {
            "sources": len(set(ways(sources)[0])),
            "effective_clusters": round(effective_clusters(sources), 1),
            "bd_rates": [p.names | g for p, (g, _) in zip(pairs, gains, strict=True) if p.names["analyser"]],
            "lightest_qp": self._harms(pairs),
            "fidelity": [
                {k: v for k, v in p.names.items() if k != "analyser"} | g
                for p, (g, _) in zip(pairs, gains, strict=True)
                if not p.names["analyser"]
            ],
            "savings": [p.names | s for p, (_, at) in zip(pairs, gains, strict=True) for s in at],
            "curves": self._curves(measured, sources),
        }

    def _run(self, function: Callable, jobs: list[tuple], what: str) -> list:
        return run(function, jobs, self.workers, False, what)

    def _harms(self, pairs: "Sequence[Pair]") -> list[dict]:
        lightest = int(np.argmin(self.qps))
        rated = [p for p in pairs if p.names["analyser"] and p.scale == "accuracy"]
        found = self._run(_harm, [(p, lightest, self.draws, self.seed) for p in rated], "lightest QP")
        names = [{("score" if k == "quality" else k): v for k, v in p.names.items()} for p in rated]
        return [n | {"qp": self.qps[lightest]} | f for n, f in zip(names, found, strict=True)]

    def _drawn_once(
        self, measured: Measured, sources: Sequence[Source]
    ) -> dict[tuple[str, str], Measurements]:
        """``measured`` with every ``Precision`` replaced by its means in all draws of the bootstrap, over the cores.

        Its curve, its gain and its harm ask for them, and where it is the anchor's those of all conditions.
        """
        costly = [
            (row, score)
            for row, result in measured.items()
            for score, values in result.scores.items()
            if isinstance(values, Precision)
        ]
        jobs = [(measured[row].scores[score], sources, self.draws, self.seed) for row, score in costly]
        found = dict(zip(costly, self._run(_drawn, jobs, "precision"), strict=True))
        return {
            row: replace(result, scores={s: found.get((row, s), v) for s, v in result.scores.items()})
            for row, result in measured.items()
        }

    def _curves(self, measured: Measured, sources: Sequence[Source]) -> list[dict]:
        weights = weightings(sources, self.draws, self.seed)
        return [
            {"codec": codec, "condition": condition, **_curve(result, self.qps, weights)}
            for (codec, condition), result in measured.items()
        ]


@dataclass(frozen=True)
class Pair:
    """A row beside the anchor, by one score of one analyser; without an analyser, by one fidelity."""

    names: Mapping[str, str]
    anchor: Side
    test: Side
    sources: Sequence[Source]
    scale: str
    levels: tuple[float, ...] = ()


def _pairs(measured: Measured, sources: Sequence[Source], against: str) -> Iterator[Pair]:
    for (codec, row), result in measured.items():
        if row == against:
            continue
        alone = measured[codec, against]
        for (analyser, score), values in result.scores.items():
            names = {"codec": codec, "condition": row, "analyser": analyser, "quality": score}
            sides = (alone.bpp, alone.scores[analyser, score]), (result.bpp, values)
            levels = SCORES[score].levels if score in SCORES else ()
            yield from _known(names, *sides, sources, result.scale(analyser, score), levels)
        for name, scale in FIDELITY_SCALES.items():
            if name in result.fidelity:
                names = {"codec": codec, "condition": row, "analyser": "", "quality": name}
                sides = (alone.bpp, alone.fidelity[name]), (result.bpp, result.fidelity[name])
                yield from _known(names, *sides, sources, scale)


def _known(
    names: Mapping[str, str],
    anchor: Side,
    test: Side,
    sources: Sequence[Source],
    scale: str,
    levels: tuple = (),
) -> Iterator[Pair]:
    """A pair of what is known of some items only, such as their labels, is of those alone, the rate as well."""
    score: Score = test[1]
    known = ~np.isnan(score[:, 0]) if isinstance(score, np.ndarray) else np.ones(len(sources), bool)
    if known.all():
        yield Pair(names, anchor, test, list(sources), scale, levels)
    elif known.any():
        kept = [source for source, k in zip(sources, known, strict=True) if k]
        yield Pair(names, _part(anchor, known), _part(test, known), kept, scale, levels)


def _part(side: Side, known: np.ndarray) -> Side:
    rate, values = side
    return rate[known], values[known] if isinstance(values, np.ndarray) else values


def _drawn(score: Precision, sources: Sequence[Source], draws: int, seed: int) -> Drawn:
    return Drawn.once(score, weightings(sources, draws, seed))


def _gain(pair: Pair, counts: np.ndarray, draws: int, seed: int) -> tuple[dict, list[dict]]:
    """BD-rate and BD-quality of the points that count, with intervals (None if all is of one source), or why none.

    And the savings there are, of all points.
    """
    to_quality = SCALES[pair.scale]
    both = curves(pair.anchor, pair.test, pair.sources, to_quality, draws, seed)
    savings: list[dict] = []
    for level in pair.levels:
        with contextlib.suppress(CurveError):  # a curve that doesn't get there
            found = saving_at(*both, float(to_quality(np.array(level))))
            savings.append({"at": level} | _named(found, SAVING, 3))
    anchor, test = (side[:, counts] for side in both)
    more: dict[str, Any] = {"monotone": rounded(monotone_bd_rate(anchor, test), 3), "bd_quality": None}
    with contextlib.suppress(CurveError):
        more |= _named(interval_of(anchor, test, bd_quality), QUALITY, 4)
    try:
        return interval_of(anchor, test).as_dict() | more, savings
    except CurveError as error:
        return {"error": f"{type(error).__name__}: {error}"} | more, savings


def _named(found: Interval, names: Mapping[str, str], digits: int) -> dict[str, float | None]:
    return {new: rounded(getattr(found, old), digits) for old, new in names.items()}


def _harm(pair: Pair, point: int, draws: int, seed: int) -> dict:
    """The score without and with the condition at operating point number ``point``, and the difference."""
    differences = bootstrap_difference(pair.anchor[1], pair.test[1], pair.sources, draws=draws, seed=seed)
    return differences[point].as_dict()


def _curve(measured: Measurements, qps: Iterable[float], weights: np.ndarray) -> dict[str, dict[str, list]]:
    """Means over samples per QP, CompressAI's keys first, and the 95 % interval of each score: low, high."""
    rows: dict[str, Sequence[float] | np.ndarray] = {"qp": list(qps), "bpp": measured.bpp.mean(0)}
    for name, values in measured.fidelity.items():
        if not np.isnan(values).all():
            rows[name] = plain_means(values)
    low: dict[str, np.ndarray] = {}
    high: dict[str, np.ndarray] = {}
    for (analyser, score), of in measured.scores.items():
        mean, key = plain_means(of), f"{score}:{analyser}"
        if not np.isnan(mean).all():
            rows[key] = mean
            if len(weights) > 1:
                low[key], high[key] = bounds(means(of, weights)[1:])
    parts: dict[str, dict] = {"results": rows, "low": low, "high": high}
    return {
        name: {k: [rounded(v, 5) for v in values] for k, values in part.items()}
        for name, part in parts.items()
    }
