"""Every condition beside the anchor: measurements → curves, BD-rates, savings at one quality, harm → rows of a result.

All that a result says in numbers is computed here, and from the measurements alone.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from mvlib.pool import run

from .averages import Drawn, Precision, Score, means, plain_means
from .bdrate import CurveError, bd_quality, bd_rate
from .bootstrap import (
    QUALITY,
    Interval,
    Side,
    bootstrap_difference,
    bounds,
    curves,
    effective_clusters,
    interval_of,
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


def compared(
    measured: Measured, sources: Sequence[Source], how: Mapping[str, Any], workers: int | None = None
) -> dict:
    """Curves and comparisons of all rows.

    Args:
        measured: {(codec, condition): Measurements}.  sources: the source of each sample.
        how: the options of ``HOW``, as of an experiment: QPs of the columns of all measurements; title of the row that
            the others are compared with; the QP from which points count in BD-rates, while all are in curves, savings
            at one quality and harms; draws and seed of the bootstrap.
        workers: processes that share the bootstrap; None: one for each core.
    Returns:
        "sources", "effective_clusters": how many there are, and how many of one size would say as much;
        "bd_rates": rows with codec, condition, analyser, quality and what ``Interval`` has, or "error"; and the
        BD-quality by the names of ``QUALITY``, None where there is none;
        "fidelity": the same at equal fidelity to the source, for people;
        "savings": the same at one quality, "at", with "saving" in place of "bd_rate"; those that both curves reach;
        "lightest_qp": rows with codec, condition, analyser, score, qp and what ``Difference`` has;
        "curves": means per QP of each row, and their 95 % intervals.
    """
    qps, against, bd_from, draws, seed = (how[name] for name in HOW)

    def each(function: Callable, jobs: Iterable[tuple], what: str) -> list:
        return run(function, [(*job, draws, seed) for job in jobs], workers, False, what)

    # What a file keeps is what is computed from, so that a reader of the file gets the same.
    measured = _drawn_once({row: m.as_stored() for row, m in measured.items()}, sources, each)
    pairs = list(_pairs(measured, sources, against))
    counts = np.asarray(qps, float) >= bd_from
    gains = each(_gain, [(pair, counts) for pair in pairs], "BD-rates")
    found = [(pair.names, *gain) for pair, gain in zip(pairs, gains, strict=True)]
    lightest = int(np.argmin(qps))
    rated = [pair for pair in pairs if pair.names["analyser"] and pair.scale == "accuracy"]
    harms = each(_harm, [(pair, lightest) for pair in rated], "lightest QP")
    weights = weightings(sources, draws, seed)
    return {
        "sources": len(set(ways(sources)[0])),
        "effective_clusters": round(effective_clusters(sources), 1),
        "bd_rates": [names | gain for names, gain, _ in found if names["analyser"]],
        "lightest_qp": [
            {("score" if k == "quality" else k): v for k, v in pair.names.items()}
            | {"qp": qps[lightest]}
            | harm
            for pair, harm in zip(rated, harms, strict=True)
        ],
        "fidelity": [
            {k: v for k, v in names.items() if k != "analyser"} | gain
            for names, gain, _ in found
            if not names["analyser"]
        ],
        "savings": [names | saving for names, _, savings in found for saving in savings],
        "curves": [
            {"codec": codec, "condition": condition, **_curve(result, qps, weights)}
            for (codec, condition), result in measured.items()
        ],
    }


def _drawn_once(
    measured: Measured, sources: Sequence[Source], each: Callable[..., list]
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
    drawn = each(_drawn, [(measured[row].scores[score], sources) for row, score in costly], "precision")
    found = dict(zip(costly, drawn, strict=True))
    return {
        row: replace(result, scores={s: found.get((row, s), v) for s, v in result.scores.items()})
        for row, result in measured.items()
    }


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
    more: dict[str, Any] = {"monotone": None, "bd_quality": None}
    with contextlib.suppress(CurveError):  # of all items alone, without an interval
        fitted = interval_of(anchor[:1], test[:1], partial(bd_rate, fit="monotone"))
        more["monotone"] = rounded(fitted.bd_rate, 3)
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
    parts: dict[str, dict[str, Any]] = {
        "results": {"qp": list(qps), "bpp": measured.bpp.mean(0)},
        "low": {},
        "high": {},
    }
    for name, values in measured.fidelity.items():
        if not np.isnan(values).all():
            parts["results"][name] = plain_means(values)
    for (analyser, score), of in measured.scores.items():
        mean, key = plain_means(of), f"{score}:{analyser}"
        if not np.isnan(mean).all():
            parts["results"][key] = mean
            if len(weights) > 1:
                parts["low"][key], parts["high"][key] = bounds(means(of, weights)[1:])
    return {
        name: {k: [rounded(v, 5) for v in values] for k, values in part.items()}
        for name, part in parts.items()
    }
