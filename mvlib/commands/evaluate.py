"""``mvlib evaluate``: options → experiment → numbers of real bitstreams → JSON and a table."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mvlib._arguments import command_line
from mvlib._interruption import stopping
from mvlib.evaluation.experiment import Experiment


def evaluate_image(
    out: Path = Path("runs/images.json"),
    cells: Path = Path("runs/cells"),
    columns: tuple[str, ...] = (),
    workers: int | None = None,
    **options,
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
    **options,
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
    from mvlib.evaluation.material import load_material
    from mvlib.evaluation.protocol import measure
    from mvlib.evaluation.report import make_report
    from mvlib.evaluation.result import Report

    with _writing(out, cells) as is_main:
        material = load_material(experiment)
        measured, sources = measure(experiment, cells=cells, material=material, workers=workers)
        if is_main:
            result = make_report(experiment, measured, sources, command_line(), material, None, workers)
            report = Report(result, measured, sources)
            report.save(out)
            print(f"{report.text(columns or None)}\nsaved to {out}")


@contextmanager
def _writing(out: Path, cells: Path) -> Iterator[bool]:
    """Hold ``out`` against another evaluation; whether this is the process that writes it."""
    from mvlib._processes import Processes

    processes = Processes()
    words = f"stopped; what is finished is kept in {cells}: the same command goes on from there"
    with stopping(words), processes.alone(out, "evaluation"):
        yield processes.is_main
