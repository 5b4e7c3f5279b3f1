"""The command line: ``python -m mvlib COMMAND`` → the package → JSON and a table.

Every option of a command is a parameter of the function here; ``--help`` at each level lists them. ``--config FILE``
takes them from a YAML or TOML file.
"""

import json
import shlex
import sys
from pathlib import Path

import jsonargparse

from mvlib._arguments import expand, write_config
from mvlib.evaluation.experiment import ImageExperiment, VideoExperiment
from mvlib.training.action_experiment import ActionTraining
from mvlib.training.experiment import ImageTraining, Training, VideoTraining


def encode(
    file: Path,
    codec: str = "x265",
    qp: int = 37,
    preset: str = "medium",
    gop: str = "stock",
    decoded: Path | None = None,
) -> None:
    """Code one picture with a real encoder and say what it cost.

    Args:
        file: the picture to code, anything that Pillow reads.
        codec: x264, x265, svtav1, vp9, mjpeg, jpeg, webp or avif.
        qp: quantisation parameter on the H.264/HEVC scale, 0..51; other codecs map it to their own.
        preset: the encoder's preset.
        gop: stock, ippp or intra.
        decoded: write the decoded picture here, as PNG.
    """
    import numpy as np
    from PIL import Image

    from mvlib._files import replace_when_done
    from mvlib.codecs import RealCodec

    try:
        with Image.open(file) as opened:
            picture = np.asarray(opened.convert("RGB"))
    except OSError as error:
        raise ValueError(f"{file} cannot be read as a picture: {error}") from None
    coded = RealCodec(codec, preset=preset, gop=gop)(picture[None], qp=qp)
    mse = np.mean((coded.frames[0].astype(np.float64) - picture) ** 2)
    if decoded is not None:
        with replace_when_done(decoded) as temporary:
            Image.fromarray(coded.frames[0]).save(temporary, format="PNG")
    height, width = picture.shape[:2]
    result = {
        "file": str(file),
        "codec": codec,
        "qp": qp,
        "native": coded.native,
        "size": [width, height],
        "bits": coded.bits,
        "bpp": round(coded.bits / (height * width), 4),
        "psnr-rgb": round(float(10 * np.log10(255**2 / mse)), 2) if mse else None,
    }
    print(json.dumps(result, indent=1))


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


def train_image(out: Path = Path("runs/image"), **options) -> None:
    """Train an image preprocessor through the virtual codec; a run that was killed goes on where it was.

    Args:
        out: folder of the checkpoint, the log, and at the end the weights with their card.
        **options: see ImageTraining.
    """
    _train(ImageTraining(**options), out, "photographs of data/photos.csv, split train")


def train_video(out: Path = Path("runs/video"), **options) -> None:
    """Train a video preprocessor through the virtual codec; a run that was killed goes on where it was.

    Args:
        out: folder of the checkpoint, the log, and at the end the weights with their card.
        **options: see VideoTraining.
    """
    _train(VideoTraining(**options), out, "clips of data/clips.csv and generated scenes, split train")


def train_actions(out: Path = Path("runs/actions"), **options) -> None:
    """Train a recogniser on clean generated clips; a run that was killed goes on where it was.

    Args:
        out: folder of the checkpoint, the log, and at the end the weights with their card.
        **options: see ActionTraining.
    """
    training = ActionTraining(**options)
    from mvlib.training.actions import ActionTrainer, save_recogniser

    trainer = ActionTrainer(training, out)
    accuracy = trainer.run()
    saved = save_recogniser(
        trainer, out / f"{training.network}.safetensors", command=command_line(), accuracy=accuracy
    )
    print(f"saved {saved}; {100 * accuracy:.1f} % of the validation clips are recognised")


def _train(training: Training, out: Path, data: str) -> None:
    from mvlib.evaluation.report import versions
    from mvlib.plots import training_curves
    from mvlib.preprocess import save_preprocessor
    from mvlib.training.loop import Trainer

    trainer = Trainer(training, out)
    if trainer.processes.is_main:
        write_config(out / "config.yaml", training, command_line(), versions())
    network = trainer.run()
    broken = dict(trainer.processes.gather(list(trainer.steps.broken.items())))
    if not trainer.processes.is_main:
        return
    if broken:
        print(f"{len(broken)} files could not be read, others stood in: {', '.join(list(broken)[:5])} …")
    saved = save_preprocessor(
        network,
        out / "preprocessor.safetensors",
        command=command_line(),
        data=data if training.dataset is None else f"{training.dataset}, {training.reader or 'split train'}",
        seed=training.seed,
        steps=training.steps,
        analysers=training.analysers,
        codecs=training.codecs,
    )
    training_curves(out / "log.csv").savefig(out / "log.png", dpi=120)
    print(f"saved {saved}; the curves are in {out / 'log.png'}")


def fidelity(out: Path = Path("runs/fidelity"), **options) -> None:
    """Measure how faithful a virtual codec is to the real one: JSON, a table and a page of plots.

    Args:
        out: folder of the result.
        **options: see Setup.
    """
    from mvlib.fidelity import Setup, measure, store
    from mvlib.fidelity_page import page, table

    setup = Setup(**options)
    result = measure(setup, progress=True)
    what = "" if setup.material == "photos" else f"_{setup.material}"
    saved = store(result, out / f"fidelity_{setup.codec}_{setup.gop}{what}.json")
    drawn = page(result, saved.with_suffix(".png"))
    print(f"{table(result)}\n\nsaved to {saved}, drawn in {drawn}")


def agreement(out: Path = Path("runs/fidelity"), **options) -> None:
    """Measure whether classifiers see through a virtual codec what they see through the real one: JSON and a table.

    Args:
        out: folder of the result.
        **options: see Agreement.
    """
    from mvlib.fidelity import store
    from mvlib.fidelity_agreement import Agreement, measure, table

    setup = Agreement(**options)
    result = measure(setup, progress=True)
    saved = store(result, out / f"agreement_{setup.codec}_{setup.gop}.json")
    print(f"{table({result['name']: result})}\n\nsaved to {saved}")


def command_line() -> str:
    """The command that was typed, for the result's own record."""
    return shlex.join(["python", "-m", "mvlib", *sys.argv[1:]])


COMMANDS = {
    "encode": encode,
    "evaluate": {"_help": "Measure on real bitstreams.", "image": evaluate_image, "video": evaluate_video},
    "fidelity": fidelity,
    "agreement": agreement,
    "train": {
        "_help": "Train a preprocessor through the virtual codec, or a machine that looks.",
        "image": train_image,
        "video": train_video,
        "actions": train_actions,
    },
}


def main() -> None:
    """Entry point of ``python -m mvlib`` and of the ``mvlib`` script."""
    jsonargparse.set_parsing_settings(docstring_parse_attribute_docstrings=True)
    try:
        jsonargparse.auto_cli(COMMANDS, prog="mvlib", args=expand(COMMANDS, sys.argv[1:]))
    except (ValueError, RuntimeError, OSError) as error:
        sys.exit(f"mvlib: {error}")


if __name__ == "__main__":
    main()
