"""Every condition beside the anchor: measurements → BD-rate at equal quality, harm at the lightest QP → rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from mvlib.pool import run

from .averages import Drawn, Precision
from .bdrate import CurveError
from .bootstrap import bootstrap_bd_rate, bootstrap_difference, weightings
from .experiment import ImageExperiment
from .scales import SCALES


def comparisons(experiment: ImageExperiment, measured: Mapping, sources: Sequence[str]) -> dict[str, list]:
    """Every condition against ``experiment.against``, for every analyser and score; the bootstraps share the cores.

    Args:
        measured: {(codec, condition): Measurements}.  sources: the source of each picture.
    Returns:
        "bd_rates": rows with codec, condition, analyser, quality and what ``Interval`` has, or "error";
        "lightest_qp": rows with codec, condition, analyser, score, qp and what ``Difference`` has.
    """
    draws, lightest = (experiment.draws, experiment.seed), int(np.argmin(experiment.qps))
    pairs = list(_pairs(measured, sources, experiment.against))
    scales = [_scale(measured, names) for names, *_ in pairs]
    jobs = [(*pair, scale, *draws) for (_, *pair), scale in zip(pairs, scales, strict=True)]
    gains = run(gain, jobs, None, False, "BD-rates")
    rated = [(n, pair) for (n, *pair), scale in zip(pairs, scales, strict=True) if scale == "accuracy"]
    harms = run(harm, [(*pair, lightest, *draws) for _, pair in rated], None, False, "lightest QP")
    at = {"qp": experiment.qps[lightest]}
    return {
        "bd_rates": [
            {"quality" if k == "score" else k: v for k, v in names.items()} | found
            for (names, *_), found in zip(pairs, gains, strict=True)
        ],
        "lightest_qp": [names | at | found for (names, _), found in zip(rated, harms, strict=True)],
    }


def _scale(measured: Mapping, names: Mapping[str, str]) -> str:
    return measured[names["codec"], names["condition"]].scale(names["analyser"], names["score"])


def _pairs(measured: Mapping, sources: Sequence[str], against: str) -> Iterable[tuple]:
    """Names, anchor and test, each (bpp, score), and sources.

    What is known of some items only, such as their labels, is compared on those alone, the rate as well.
    """
    for (codec, row), result in measured.items():
        for (analyser, score), values in result.scores.items() if row != against else ():
            alone = measured[codec, against]
            both = [(alone.bpp, alone.scores[analyser, score]), (result.bpp, values)]
            names = {"codec": codec, "condition": row, "analyser": analyser, "score": score}
            each = isinstance(values, np.ndarray)
            known = ~np.isnan(values[:, 0]) if each else np.ones(len(sources), bool)
            if known.all():
                yield names, *both, list(sources)
            elif known.any():
                kept = [source for source, k in zip(sources, known, strict=True) if k]
                yield names, *((rate[known], v[known]) for rate, v in both), kept


def drawn_once(measured: Mapping, sources: Sequence[str], draws: int, seed: int) -> dict:
    """``measured`` with every ``Precision`` replaced by its means in all draws of the bootstrap, over the cores.

    Its curve, its gain and its harm ask for them, and where it is the anchor's those of all conditions.
    """
    costly = [
        (row, score)
        for row, result in measured.items()
        for score, values in result.scores.items()
        if isinstance(values, Precision)
    ]
    jobs = [(measured[row].scores[score], sources, draws, seed) for row, score in costly]
    found = dict(zip(costly, run(_drawn, jobs, None, False, "precision"), strict=True))
    return {
        row: replace(result, scores={s: found.get((row, s), values) for s, values in result.scores.items()})
        for row, result in measured.items()
    }


def _drawn(score: Precision, sources: Sequence[str], draws: int, seed: int) -> Drawn:
    return Drawn.once(score, weightings(sources, draws, seed))


def gain(anchor: tuple, test: tuple, sources: list[str], scale: str, draws: int, seed: int) -> dict:
    """BD-rate with its interval (None if all is of one source), or the error that says why there is none."""
    options = {"to_quality": SCALES[scale], "draws": draws, "seed": seed}
    try:
        return bootstrap_bd_rate(anchor, test, sources, **options).as_dict()
    except CurveError as error:
        return {"error": f"{type(error).__name__}: {error}"}


def harm(anchor: tuple, test: tuple, sources: list[str], point: int, draws: int, seed: int) -> dict:
    """The score without and with the condition at operating point number ``point``, and the difference."""
    return bootstrap_difference(anchor[1], test[1], sources, draws=draws, seed=seed)[point].as_dict()
