"""``mvlib evaluate``: options → experiment → numbers of real bitstreams → JSON and a table; ``mvlib report``: anew."""

from pathlib import Path
from typing import Any

from mvlib._arguments import command_line
from mvlib._interruption import stopping
from mvlib.evaluation.experiment import Experiment


def evaluate_image(
    out: Path = Path("runs/images.json"),
    cells: Path = Path("runs/cells"),
    columns: tuple[str, ...] = (),
    workers: int | None = None,
    **options: Any,
) -> None:
    """Measure codecs, baselines and preprocessors on pictures: rate-quality curves, BD-rates with 95 % intervals.

    An evaluation that was killed goes on where it was.

    Args:
        out: the result, as JSON; the table is printed.
        cells: folder of finished work, by what it depends on; other evaluations find it too, deleting it is safe.
        columns: which qualities the table shows: kl, top1, label, divergence, ap; all if not given.
        workers: processes that encode; one for each core if not given.
        **options: see Experiment.
    """
    _evaluate(Experiment("pictures", **options), out, cells, columns, workers)


def evaluate_video(
    out: Path = Path("runs/clips.json"),
    cells: Path = Path("runs/cells"),
    columns: tuple[str, ...] = (),
    workers: int | None = None,
    **options: Any,
) -> None:
    """Measure codecs, baselines and preprocessors on clips: what analysers make of real streams.

    An evaluation that was killed goes on where it was.

    Args:
        out: the result, as JSON; the table is printed.
        cells: folder of finished work, by what it depends on; other evaluations find it too, deleting it is safe.
        columns: which qualities the table shows: kl, top1, label, ao, sr50, sr75, divergence; all if not given.
        workers: processes that encode; one for each core if not given.
        **options: see Experiment.
    """
    _evaluate(Experiment("clips", **options), out, cells, columns, workers)


def _evaluate(
    experiment: Experiment, out: Path, cells: Path, columns: tuple[str, ...], workers: int | None
) -> None:
    """Run ``experiment``, save its result to ``out`` and print its table."""
    from mvlib._processes import Processes
    from mvlib.evaluation.material import load_material
    from mvlib.evaluation.protocol import measure
    from mvlib.evaluation.report import make_report
    from mvlib.evaluation.result import Report

    processes = Processes()
    words = f"stopped; what is finished is kept in {cells}: the same command goes on from there"
    with stopping(words), processes.alone(out, "evaluation"):
        material = load_material(experiment)
        measured, sources = measure(experiment, cells=cells, material=material, workers=workers)
        if processes.is_main:
            result = make_report(experiment, measured, sources, command_line(), material, None, workers)
            report = Report(result, measured, sources)
            report.save(out)
            print(f"{report.text(columns or None)}\nsaved to {out}")


def report(
    file: Path,
    against: str | None = None,
    draws: int | None = None,
    seed: int | None = None,
    columns: tuple[str, ...] = (),
    curve: str | None = None,
    out: Path | None = None,
    workers: int | None = None,
    bd_from: float | None = None,
) -> None:
    """Print the tables of a result, with all numbers computed anew from the measurements beside it.

    Args:
        file: the JSON of an evaluation; its measurements lie beside it.
        against: title of the row that the others are compared with; that of the result if not given.
        draws: bootstrap samples; those of the result if not given.
        seed: of the bootstrap.
        columns: which qualities the tables show: kl, top1, label, divergence, ap, ...; all if not given.
        curve: also print this column at every QP, as bpp, psnr-y, ms-ssim or top1:efficientnet_lite0.
        out: save the new result there, as JSON with its measurements.
        workers: processes that share the bootstrap; one for each core if not given.
        bd_from: the QP from which points count in BD-rates; that of the result if not given.
    """
    from mvlib.evaluation import markdown
    from mvlib.evaluation.result import Report

    found = Report.load(file).recomputed(against, draws, seed, workers, bd_from)
    result, wanted = found.to_dict(), columns or None
    print(found.text(wanted))
    for title, table in (
        ("Percent of bits at one quality", markdown.savings_table(result, _there(result["savings"], wanted))),
        (markdown.AT_EQUAL_RATE, markdown.quality_table(result, wanted)),
        ("Percent of bits at equal luma PSNR and MS-SSIM", markdown.fidelity_table(result)),
        ("Percent of bits by a monotone fit of the curves", markdown.monotone_table(result, wanted)),
        ("Share of the draws that save bits, P(BD-rate < 0)", markdown.probability_table(result, wanted)),
    ):
        if table.count("\n") > 1:
            print(f"\n{title}\n\n{table}")
    if curve:
        print(f"\n{curve}\n\n{markdown.curve_table(result, curve)}")
    if out:
        found.save(out)
        print(f"saved to {out}")


def _there(rows: list[dict], wanted: tuple[str, ...] | None) -> list[str] | None:
    """Those of the ``wanted`` qualities that ``rows`` has; a table of savings has not all."""
    if wanted is None:
        return None
    return [name for name in wanted if any(row["quality"] == name for row in rows)]
