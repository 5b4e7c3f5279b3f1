"""``python -m mvlib.calibration``: which numbers → fit → stored in the package."""

from pathlib import Path
from typing import Literal

from jsonargparse import auto_cli

from mvlib._files import alone
from mvlib.virtual.settings import FOLDER, store_rate

from .i_frames import fit_intra, fit_jpeg
from .p_frames import fit_p_frames
from .qp_tables import KINDS, OUT, make_tables


def rates(codec: Literal["x265", "x264", "jpeg"] = "x265", workers: int | None = None) -> None:
    """Refit a virtual codec's rate on the training photographs and clips and store it in mvlib/virtual/weights.

    Args:
        codec: which encoder to follow.
        workers: processes for the real encoder; default one per core.
    """
    with alone(FOLDER / f"{codec}.json", "calibration"):
        if codec == "jpeg":
            fit_jpeg()
            return
        for gop in ("intra", "stock"):
            rate, report = fit_intra(codec, gop, workers)
            store_rate(codec, gop, "I", rate)
            _print(codec, gop, "I", report)
        for gop, report in fit_p_frames(codec, workers):
            _print(codec, gop, "P", report)


def _print(codec: str, gop: str, kind: str, report: dict[str, dict[str, float]]) -> None:
    for split, numbers in report.items():
        print(codec, gop, kind, split, " ".join(f"{k} {v:.4f}" for k, v in numbers.items()))


def qp_tables(
    photos: int = 32,
    clips: int = 12,
    workers: int = 1,
    kinds: list[str] = KINDS,
    out: Path = OUT,
) -> None:
    """Measure the native value of every encoder that has x265's luma PSNR at each QP, and write the tables.

    Args:
        photos, clips: how many of each.
        workers: processes for the encoders.
        kinds: which tables: intra, still, stock.
        out: file of the tables; those of other kinds stay.
    """
    with alone(out, "measurement"):
        make_tables(photos, clips, workers, kinds, out)


if __name__ == "__main__":
    auto_cli({"rates": rates, "qp_tables": qp_tables}, prog="python -m mvlib.calibration")
