"""``mvlib train``: options → training → checkpoint, log, weights with their card."""

from pathlib import Path
from typing import Any

from mvlib._arguments import command_line, write_config
from mvlib._files import replace_when_done
from mvlib.training.action_experiment import ActionTraining
from mvlib.training.experiment import OUTLINED, ImageTraining, Training, UpdateTraining, VideoTraining


def train_image(out: Path = Path("runs/image"), **options: Any) -> None:
    """Train an image preprocessor through the virtual codec; a run that was killed goes on where it was.

    Args:
        out: folder of the checkpoint, the log, and at the end the weights with their card.
        **options: see ImageTraining.
    """
    training = ImageTraining(**options)
    pasted = " with cut-outs of data/cutouts.csv" if training.task in OUTLINED else ""
    _train(training, out, f"photographs of data/photos.csv{pasted}, split train")


def train_video(out: Path = Path("runs/video"), **options: Any) -> None:
    """Train a video preprocessor through the virtual codec; a run that was killed goes on where it was.

    Args:
        out: folder of the checkpoint, the log, and at the end the weights with their card.
        **options: see VideoTraining.
    """
    _train(VideoTraining(**options), out, "clips of data/clips.csv and generated scenes, split train")


def train_actions(out: Path = Path("runs/actions"), **options: Any) -> None:
    """Train a recogniser on clean generated clips; a run that was killed goes on where it was.

    Args:
        out: folder of the checkpoint, the log, and at the end the weights with their card.
        **options: see ActionTraining.
    """
    training = ActionTraining(**options)
    from mvlib.training.actions import ActionTrainer, save_recogniser
    from mvlib.training.motion_actions import MotionTrainer

    trainer = (MotionTrainer if training.network == "action_motion" else ActionTrainer)(training, out)
    with trainer.alone():
        accuracy = trainer.run()
        saved = save_recogniser(
            trainer, out / f"{training.network}.safetensors", command=command_line(), accuracy=accuracy
        )
    print(
        f"saved {saved}; {100 * accuracy:.1f} % of the validation clips are recognised ({trainer.precision})"
    )


def train_update(out: Path = Path("runs/update"), **options: Any) -> None:
    """Train the rule by which a refinement steps; a run that was killed goes on where it was.

    Args:
        out: folder of the checkpoint, the log, and at the end the weights with their card.
        **options: see UpdateTraining.
    """
    training = UpdateTraining(**options)
    from mvlib.preprocess import LearnedUpdate
    from mvlib.training.update import UpdateTrainer, save_trained_update

    trainer = UpdateTrainer(training, out)
    with trainer.alone():
        rule = trainer.run()
        if trainer.processes.is_main:
            assert isinstance(rule, LearnedUpdate)
            saved = save_trained_update(trainer, rule, command_line())
            print(f"saved {saved} after {trainer.step} steps")


def _train(training: Training, out: Path, data: str) -> None:
    from mvlib.evaluation.report import versions
    from mvlib.plots import training_curves
    from mvlib.training.loop import Trainer
    from mvlib.training.train import save_trained

    trainer = Trainer(training, out)
    with trainer.alone():
        trainer.resume()  # refuses a folder of another training, before anything in it is written
        if trainer.processes.is_main:
            write_config(
                out / "config.yaml", training, command_line(), versions() | {"precision": trainer.precision}
            )
        network = trainer.run()
        broken = dict(trainer.processes.gather(list(trainer.steps.broken.items())))
        if trainer.processes.is_main:
            if broken:
                names = ", ".join(list(broken)[:5])
                print(f"{len(broken)} files could not be read, others stood in: {names} …")
            saved = save_trained(trainer, network, command=command_line(), data=data)
            with replace_when_done(out / "log.png") as temporary:
                training_curves(out / "log.csv").savefig(temporary, dpi=120)
            print(f"saved {saved}; the curves are in {out / 'log.png'}")
