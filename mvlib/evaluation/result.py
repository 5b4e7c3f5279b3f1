"""The result of an evaluation as an object: tables, a figure, numbers by name; on disk JSON and its measurements."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mvlib._files import replace_when_done
from mvlib.errors import InputError, MissingFile

from . import measurements
from .bdrate import CurveError
from .bootstrap import FEW
from .comparison import compared
from .experiment import ANCHOR, check_compared
from .markdown import bd_table
from .measurements import Measured, Source

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Numbers = tuple[float, float | None, float | None]
"""A value and the ends of its interval."""


@dataclass(frozen=True)
class Report:
    """The result of an evaluation: printed it is its table of BD-rates, percent [95 % interval], negative = saved.

    Attributes:
        result: all of it, as JSON holds it: curves, BD-rates, options, versions, n.
        measured: what was measured of each picture or clip, by codec and row; None: not kept.
        sources: the source of each.
    """

    result: dict[str, Any]
    measured: Measured | None = None
    sources: Sequence[Source] = ()

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON holds it: curves, BD-rates, options, versions, n."""
        return self.result

    def __str__(self) -> str:
        return self.text()

    def text(self, qualities: Sequence[str] | None = None) -> str:
        """The table of BD-rates, with the columns of ``qualities`` alone, and what it is of."""
        what = "clips" if self.result["name"] == "clips" else "pictures"
        clusters = self.result.get("effective_clusters")
        effective = "" if clusters is None else f" ({clusters:g} effective clusters)"
        foot = (
            f"n = {self.result['n']} {what} of {self.result['sources']} sources{effective}; percent of bits at equal "
            "quality [95 %], negative = saved"
        )
        if clusters is not None and clusters < FEW:
            foot += f"\nwarning: fewer than {FEW} effective clusters: an interval of so few says little"
        if not self.result["bd_rates"]:
            return f"no row beside {self.result['options'].get('against', ANCHOR)}\n\n{foot}"
        return f"{bd_table(self.result, qualities)}\n\n{foot}"

    def save(self, path: str | Path) -> None:
        """Write it to ``path`` as JSON, and its measurements to an ``.npz`` beside it; each whole or not at all."""
        if self.measured is not None:
            measurements.save(measurements.file_of(path), self.measured, self.sources, _digest(self.result))
        save_json(self.result, path)

    @classmethod
    def load(cls, path: str | Path) -> "Report":
        """A result that ``save`` wrote, with its measurements where it has some.

        Raises:
            FileNotFoundError: there is no such file.  ValueError: it is no result, or not that of the measurements.
        """
        path = Path(path)
        if not path.is_file():
            raise MissingFile(f"{path} does not exist; give the JSON file of an evaluation")
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path} is no JSON: {error}") from error
        if not isinstance(result, dict) or not {"bd_rates", "curves", "options"} <= result.keys():
            raise InputError(
                f"{path} is not the result of an evaluation; it needs bd_rates, curves and options"
            )
        file = measurements.file_of(path)
        if not file.exists():
            return cls(result)
        measured, sources, belongs_to = measurements.load(file)
        if belongs_to != _digest(result):
            raise InputError(f"{file} does not belong to {path}, which was computed from other measurements")
        return cls(result, measured, sources)

    def recomputed(
        self,
        against: str | None = None,
        draws: int | None = None,
        seed: int | None = None,
        workers: int | None = None,
        bd_from: float | None = None,
    ) -> "Report":
        """The same with all its numbers computed anew from the measurements; rows that have none are left out.

        Args:
            against: title of the row that the others are compared with.
            draws, seed: of the bootstrap.
            workers: processes that share it; None: one for each core.
            bd_from: the QP from which points count in BD-rates.
        Raises:
            ValueError: there are no measurements, or no such row.
        """
        if self.measured is None:
            raise InputError("this result has no measurements to compute from; evaluate again to get them")
        given = {"against": against, "draws": draws, "seed": seed, "bd_from": bd_from}
        options = {"against": ANCHOR, "bd_from": 0, **self.result["options"]}
        options |= {k: v for k, v in given.items() if v is not None}
        rows = list(dict.fromkeys(row for _, row in self.measured))
        if options["against"] not in rows:
            raise InputError(f"there is no row {options['against']!r}, only {', '.join(rows)}")
        check_compared(options["bd_from"], options["qps"], options["draws"])
        numbers = compared(self.measured, self.sources, options, workers)
        return Report(self.result | {"options": options} | numbers, self.measured, self.sources)

    def bd_rate(self, codec: str, row: str, analyser: str, quality: str | None = None) -> Numbers:
        """Percent of bits at equal quality, and its 95 % interval: value, low, high; negative = saved.

        Args:
            codec, row, analyser: their titles.
            quality: which score, as "kl" or "top1"; None: the analyser's first.
        Returns:
            without an interval, None, where all data are of one source.
        Raises:
            ValueError: there is no such entry (the message lists those that there are), or no BD-rate (``CurveError``).
        """
        entry = self._entry(codec, row, analyser, quality)
        if error := entry.get("error"):
            raise CurveError(f"{codec}, {row}, {analyser}: {error}")
        return entry["bd_rate"], entry["low"], entry["high"]

    def bd_quality(self, codec: str, row: str, analyser: str, quality: str | None = None) -> Numbers:
        """Quality gained at equal rate, and its 95 % interval: value, low, high; positive = better.

        In dB of what is measured as a distance (of a KL -10 log10 KL), in shares of 1 of what is measured as right
        answers. Arguments and interval as of ``bd_rate``.

        Raises:
            ValueError: there is no such entry, or no BD-quality (``CurveError``); or the result is an older one that
                has none: that of ``recomputed`` has.
        """
        entry = self._entry(codec, row, analyser, quality)
        if "bd_quality" not in entry:
            raise InputError("this result was made without BD-quality; Report.recomputed() computes it")
        if entry["bd_quality"] is None:
            raise CurveError(
                f"{codec}, {row}, {analyser}: the curves share no rate, or quality does not rise with it"
            )
        return entry["bd_quality"], entry["quality_low"], entry["quality_high"]

    def _entry(self, codec: str, row: str, analyser: str, quality: str | None) -> dict[str, Any]:
        wanted = {"codec": codec, "condition": row, "analyser": analyser}
        wanted |= {} if quality is None else {"quality": quality}
        entries = self.result["bd_rates"]
        for key, value in wanted.items():
            there = list(dict.fromkeys(entry[key] for entry in entries))
            entries = [entry for entry in entries if entry[key] == value]
            if not entries:
                raise InputError(f"there is no {key} {value!r}, only {', '.join(there) or 'none'}")
        return entries[0]

    def plot(self, score: str | None = None) -> "Figure":
        """Rate-quality curves with their bands: an axis for each analyser, a curve for each codec and row.

        Args:
            score: which, as "kl" or "top1"; None: each analyser's first.
        """
        from mvlib.plots import report_curves  # matplotlib, on use

        return report_curves(self.result, score)


def save_json(report: dict[str, Any], path: str | Path) -> None:
    """Write ``report`` to ``path``, whole or not at all."""
    with replace_when_done(path) as temporary:
        # A folder is written as text.
        text = json.dumps(report, indent=1, ensure_ascii=False, default=str, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def _digest(result: dict[str, Any]) -> str:
    """A name for the curves of a result, by which its measurements know it."""
    return hashlib.blake2b(json.dumps(result["curves"]).encode(), digest_size=16).hexdigest()
