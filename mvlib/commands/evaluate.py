"""``mvlib evaluate``: options → experiment → numbers of real bitstreams → JSON and a table."""

from pathlib import Path

from mvlib._arguments import command_line
from mvlib.evaluation.experiment import ImageExperiment, VideoExperiment


def evaluate_image(
    out: Path = Path("runs/images.json"),
    cells: Path = Path("runs/cells"),
    columns: tuple[str, ...] = (),
    **options,
) -> None:
    """Measure codecs, baselines and preprocessors on pictures: rate-quality curves, BD-rates with 95 % intervals.

    An evaluation that was killed goes on where it was.

    Args:
        out: the result, as JSON; the table is printed.
        cells: folder of finished work, by what it depends on; other evaluations find it too, deleting it is safe.
        columns: which qualities the table shows: kl, top1, label, divergence, ap; all if not given.
        **options: see ImageExperiment.
    """
    experiment = ImageExperiment(**options)
    from mvlib._processes import Processes
    from mvlib.evaluation.image import measure_images
    from mvlib.evaluation.material import load_material
    from mvlib.evaluation.report import image_report

    material = load_material(experiment)
    measured, sources = measure_images(experiment, cells=cells, material=material)
    if Processes().is_main:
        _tell(image_report(experiment, measured, sources, command_line(), material), "pictures", out, columns)


def evaluate_video(
    out: Path = Path("runs/clips.json"),
    cells: Path = Path("runs/cells"),
    columns: tuple[str, ...] = (),
    **options,
) -> None:
    """Measure codecs, baselines and preprocessors on clips: what recognisers and trackers make of real streams.

    An evaluation that was killed goes on where it was.

    Args:
        out: the result, as JSON; the table is printed.
        cells: folder of finished work, by what it depends on; other evaluations find it too, deleting it is safe.
        columns: which qualities the table shows: kl, top1, label, ao, sr50, sr75, divergence; all if not given.
        **options: see VideoExperiment.
    """
    experiment = VideoExperiment(**options)
    from mvlib._processes import Processes
    from mvlib.evaluation.report import video_report
    from mvlib.evaluation.video import measure_videos
    from mvlib.evaluation.video_material import load_clips

    material = load_clips(experiment)
    measured, sources = measure_videos(experiment, cells=cells, material=material)
    if Processes().is_main:
        _tell(video_report(experiment, measured, sources, command_line(), material), "clips", out, columns)


def _tell(report: dict, what: str, out: Path, columns: tuple[str, ...]) -> None:
    """Save ``report`` to ``out``, and print its table."""
    from mvlib.evaluation.report import bd_table, save_json

    save_json(report, out)
    print(bd_table(report, columns or None))
    print(f"\nn = {report['n']} {what}; percent of bits at equal quality, negative = saved; saved to {out}")
