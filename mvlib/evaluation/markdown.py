"""Reports as Markdown: JSON → the wanted columns → one table, a row per codec and condition."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mvlib.errors import InputError

from .bdrate import small_overlap
from .bootstrap import MOST_FAILED, QUALITY, significant
from .scales import SCORES

Columns = Iterable[str] | None
AT_EQUAL_RATE = "Quality at equal rate, positive = better: dB of distances, shares of 1 of right answers"
"""The title of ``quality_table``."""


def bd_table(
    report: dict,
    qualities: Columns = None,
    *,
    codecs: Columns = None,
    conditions: Columns = None,
) -> str:
    """The BD-rates of ``report``: percent [95 % interval], negative = bits saved at equal quality.

    An entry that is not significant is set in brackets as a whole, ``(…)``: its interval holds 0, or there is none, as
    of a single source, or more than a twentieth of the bootstrap draws gave no BD-rate ("28% of draws failed"; the
    interval is that of the others). "29% overlap": the curves have less than half of the quality that either reaches
    in common, and the number speaks of that part alone.

    Args:
        qualities: which columns, e.g. ``["kl"]``; None for all.
        codecs, conditions: which rows; None for all.
    Raises:
        ValueError: no row has one of the names; the message lists those that there are.
    """
    gains = _kept(report["bd_rates"], {"quality": qualities, "codec": codecs, "condition": conditions})
    return _table(gains, _gain_cell)


def savings_table(report: Mapping[str, Any], qualities: Columns = None, *, conditions: Columns = None) -> str:
    """Percent of bits at one quality alone [95 %], from fine to coarse: "top1 0.9" keeps nine of ten clean answers."""
    rows = _kept(report.get("savings", []), {"quality": qualities, "condition": conditions})
    levels = [f"{name} {level:g}" for name, score in SCORES.items() for level in score.levels]
    order = list(dict.fromkeys(row["analyser"] for row in rows))
    return _table(
        rows,
        _gain_cell,
        lambda row: (row["analyser"], f"{row['quality']} {row['at']:g}"),
        lambda column: (order.index(column[0]), levels.index(column[1])),
    )


def fidelity_table(report: Mapping[str, Any]) -> str:
    """BD-rates at equal luma PSNR and MS-SSIM, as of a person who looks: percent [95 % interval], negative = saved."""
    return _table(report.get("fidelity", []), _gain_cell, lambda row: ("luma", row["quality"]))


def probability_table(report: dict, qualities: Columns = None) -> str:
    """Share of the bootstrap draws that save bits, P(BD-rate < 0)."""
    gains = _kept(report["bd_rates"], {"quality": qualities})
    return _table(gains, lambda gain: _number(gain.get("below_zero")))


def quality_table(report: Mapping[str, Any], qualities: Columns = None) -> str:
    """The BD-qualities, the difference in quality at equal rate [95 %], positive = better; "–" where there is none.

    In dB of what is measured as a distance (of a KL -10 log10 KL), in shares of 1 of what is measured as right answers.
    """
    return _table(_kept(report["bd_rates"], {"quality": qualities}), _quality_cell)


def monotone_table(report: dict, qualities: Columns = None) -> str:
    """The BD-rates by a monotone fit of the curves in place of PCHIP, in percent; "–" where there is none."""
    gains = _kept(report["bd_rates"], {"quality": qualities})
    return _table(gains, lambda gain: _number(gain.get("monotone"), "+.1f"))


def light_table(
    report: dict, scores: Columns = None, *, codecs: Columns = None, conditions: Columns = None
) -> str:
    """What each condition does to accuracy at the lightest QP: percentage points against the codec alone [95 %].

    Args:
        scores: which columns; None for all.
        codecs, conditions: which rows; None for all.
    """
    rows = _kept(report["lightest_qp"], {"score": scores, "codec": codecs, "condition": conditions})
    return _table(rows, _point_cell, lambda row: (row["analyser"], row["score"]))


def curve_table(report: dict, column: str) -> str:
    """One measured column of ``report`` at every QP, a row per codec and condition.

    Args:
        column: a key of the curves, such as "bpp", "psnr-rgb" or "ap:nanodet".
    Raises:
        ValueError: no curve has that column; the message lists those that there are.
    """
    curves = report["curves"]
    there = dict.fromkeys(key for curve in curves for key in curve["results"] if key != "qp")
    if column not in there:
        raise InputError(f"no curve has {column!r}; there are {', '.join(there)}")
    qps = curves[0]["results"]["qp"]
    rows = [
        [curve["codec"], curve["condition"], *map(_number, curve["results"][column])]
        for curve in _by_codec(curves)
    ]
    return markdown([["codec", "condition", *(f"QP {qp:g}" for qp in qps)], *rows])


def _number(value: float | None, form: str = ".3f") -> str:
    return "–" if value is None else f"{value:{form}}"


def _kept(rows: list[dict], keep: dict[str, Columns]) -> list[dict]:
    """The rows that ``keep`` names. Raises ValueError for a name that no row has; the message lists those there are."""
    wanted = {key: set(values) for key, values in keep.items() if values is not None}
    for key, values in wanted.items() if rows else ():
        there = dict.fromkeys(row[key] for row in rows)
        if strange := sorted(values - there.keys()):
            raise InputError(f"there is no {key} {', '.join(map(repr, strange))}, only {', '.join(there)}")
    return [row for row in rows if all(row[key] in values for key, values in wanted.items())]


def _by_codec(rows: list[dict]) -> list[dict]:
    order = list(dict.fromkeys(row["codec"] for row in rows))
    return sorted(rows, key=lambda row: order.index(row["codec"]))


def _table(
    rows: list[dict],
    cell_of: Callable[[dict], str],
    column_of: Callable[[dict], tuple[str, str]] = lambda row: (row["analyser"], row["quality"]),
    order: Callable[[tuple[str, str]], tuple[int, int]] = lambda column: (0, 0),  # as they come
) -> str:
    columns = sorted(dict.fromkeys(map(column_of, rows)), key=order)
    lines: dict[tuple[str, str], dict] = {}
    for row in _by_codec(rows):
        lines.setdefault((row["codec"], row["condition"]), {})[column_of(row)] = row
    head = ["codec", "condition", *(f"{a.replace('efficientnet_', '')}, {s}" for a, s in columns)]
    cells = {key: [cell_of(c[k]) if k in c else "–" for k in columns] for key, c in lines.items()}
    return markdown([head, *([*key, *texts] for key, texts in cells.items())])


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text, the head first, as a table."""
    rows = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _gain_cell(gain: dict) -> str:
    if "error" in gain:
        return gain["error"].split(":")[0]
    return _cell(gain["bd_rate"] if "bd_rate" in gain else gain["saving"], gain, _notes(gain))


def _notes(entry: Mapping[str, Any]) -> list[str]:
    notes = []
    if entry["failed"] > MOST_FAILED:
        notes.append(f"{entry['failed']:.0%} of draws failed")
    if small_overlap(entry.get("overlap", 1)):
        notes.append(f"{entry['overlap']:.0%} overlap")
    return notes


def _quality_cell(row: dict) -> str:
    if row.get("bd_quality") is None:
        return "–"
    entry = {old: row[new] for old, new in QUALITY.items() if old != "bd_rate"}
    return _cell(row["bd_quality"], entry, _notes(entry), "+.3f")


def _point_cell(row: dict) -> str:
    if row["difference"] is None:
        return "–"
    percent = {key: None if row[key] is None else 100 * row[key] for key in ("low", "high")}
    return _cell(100 * row["difference"], percent)


def _cell(value: float, entry: dict, notes: Sequence[str] = (), form: str = "+.1f") -> str:
    low, high = entry["low"], entry["high"]
    interval = "no interval" if low is None else f"{low:{form}}, {high:{form}}"
    text = f"{value:{form}} [{interval}]" + (f" ({', '.join(notes)})" if notes else "")
    return text if significant(entry) else f"({text})"
