"""``python -m mvlib.calibration``: which numbers → fit → stored in the package."""

from typing import Literal

from jsonargparse import auto_cli

from mvlib._files import alone
from mvlib.virtual.settings import FOLDER, store_rate

from .i_frames import fit_intra, fit_jpeg
from .p_frames import fit_p_frames
from .qp_tables import make_tables


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


if __name__ == "__main__":
    auto_cli({"rates": rates, "qp_tables": make_tables}, prog="python -m mvlib.calibration")
