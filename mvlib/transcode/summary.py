"""The end of a run: what was written and measured → a short table for people, and all numbers for programs."""

import math
from dataclasses import asdict, dataclass

from mvlib.codecs import versions

from .film import Job, Written
from .quantiser import Measured
from .sample import Row, Sampled


@dataclass(frozen=True)
class Summary:
    """All that the end of a run reports."""

    job: Job
    written: Written
    chosen: float | None
    """The QP that the encoder chose, on average; None where that was not looked into."""
    measured: Measured | None
    sampled: Sampled | None
    preprocessor: str | None

    @property
    def bpp(self) -> float:
        """Bits per pixel of the size that went in."""
        height, width = self.written.size
        return self.written.bits / (self.written.frames * height * width)

    def table(self) -> str:
        """For people."""
        return "\n".join([*self._file(), *(self._sample(self.sampled) if self.sampled else ())])

    def _file(self) -> list[str]:
        written, job = self.written, self.job
        height, width = written.size
        lasts = f", {written.seconds:.2f} s" if written.seconds else ""
        rate = f", {written.bits / written.seconds / 1000:.0f} kbit/s" if written.seconds else ""
        using = f" with preprocessor {self.preprocessor}" if self.preprocessor else ""
        lines = [
            f"{job.out}: {_frames(written.frames)} of {width}x{height}{lasts}, {job.real.name}{using}",
            f"  {written.bits} bits of the picture alone, {self.bpp:.4f} bpp{rate}; "
            f"{written.frames / written.took:.1f} frames/s",
        ]
        if self.measured is not None:
            given = f"; the preprocessor was given {self.written.given_qp:.1f}" if self.preprocessor else ""
            lines.append(
                f"  QP {self.chosen:.1f} on average, as the encoder chose{given} (found in {self.measured.took:.1f} s "
                f"from {self.measured.frames} frames)"
            )
        return lines

    def _sample(self, sampled: Sampled) -> list[str]:
        places = ", ".join(map(str, sampled.places))
        of = (
            f"of {_frames(sampled.frames)}, from number {places} on"
            if self.job.source.is_clip
            else "of the picture"
        )
        head = ["QP", "bpp", "PSNR-Y", *sampled.plain[0].scores]
        lines = [
            "",
            f"Sample {of}, coded at three QPs; {sampled.analyser} against what it sees in the clean frames",
        ]
        lines.append("  " + f"{'':8}" + "".join(f"{name:>11}" for name in head))
        for name, rows in (("without", sampled.plain), ("with", sampled.prepared)):
            lines += [f"  {name:8}{row.qp:11.0f}{_numbers(row)}" for row in rows]
        if not sampled.prepared:
            return lines
        middle, equal = sampled.plain[1], sampled.at_equal_bits()
        if equal is None:
            return [
                *lines,
                "Even at QP 0 it takes fewer bits with it than without: there is no comparison at equal bits.",
            ]
        return [
            *lines,
            f"At equal bits, those of QP {middle.qp:.0f} without it ({self.preprocessor} at about QP {equal.qp:.1f}):",
            f"  {'without':19}{_numbers(middle)}",
            f"  {'with':19}{_numbers(equal)}",
            "A few frames of one film show no more than that; `mvlib compare` gives intervals.",
        ]

    def numbers(self) -> dict:
        """For programs: what JSON holds."""
        job, written = self.job, self.written
        height, width = written.size
        found: dict[str, object] = {}
        if self.preprocessor:
            found = {"preprocessor": self.preprocessor, "preprocessor qp": round(written.given_qp, 2)}
        if self.measured:
            found["seconds to find the qp"] = round(self.measured.took, 2)
        sample = {}
        if self.sampled:
            equal = self.sampled.at_equal_bits() if self.sampled.prepared else None
            sample = {"sample": _finite(asdict(self.sampled) | {"at equal bits": equal and asdict(equal)})}
        return {
            "file": str(job.source.file), "out": str(job.out), "codec": job.real.name, "preset": job.real.preset,
            "gop": job.real.gop, "options": job.real.options,
            "requested": {k: v for k, v in asdict(job.wish).items() if v},
            "qp": None if self.chosen is None else round(self.chosen, 2), **found, "size": [width, height],
            "start": job.source.start,
            "frames": written.frames, "seconds": written.seconds, "bits": written.bits, "bpp": round(self.bpp, 5),
            "frames per second": round(written.frames / written.took, 2), "notes": list(written.notes), **sample,
            "versions": versions(),
        }  # fmt: skip


def _frames(count: int) -> str:
    return f"{count} frame{'s' if count > 1 else ''}"


def _numbers(row: Row) -> str:
    return f"{row.bpp:11.4f}{row.psnr_y:11.2f}" + "".join(f"{value:11.4f}" for value in row.scores.values())


def _finite(value: object) -> object:
    """JSON has no infinity: the PSNR of what is equal becomes null."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
