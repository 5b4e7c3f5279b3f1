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
    from mvlib.evaluation.report import bd_table, image_report, save_json

    material = load_material(experiment)
    measured, sources = measure_images(experiment, cells=cells, material=material)
    if not Processes().is_main:
        return
    report = image_report(experiment, measured, sources, command_line(), material)
    save_json(report, out)
    print(bd_table(report, columns or None))
    print(f"\nn = {report['n']} pictures; percent of bits at equal quality, negative = saved; saved to {out}")


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
    from mvlib.evaluation.report import bd_table, save_json, video_report
    from mvlib.evaluation.video import measure_videos
    from mvlib.evaluation.video_material import load_clips

    material = load_clips(experiment)
    measured, sources = measure_videos(experiment, cells=cells, material=material)
    if not Processes().is_main:
        return
    report = video_report(experiment, measured, sources, command_line(), material)
    save_json(report, out)
    print(bd_table(report, columns or None))
    print(f"\nn = {report['n']} clips; percent of bits at equal quality, negative = saved; saved to {out}")
