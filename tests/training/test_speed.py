"""Where the time of a training goes: stages are all there, and add up to the step."""

import pytest
from tiny_training import anchor_file

from mvlib.training.experiment import ImageTraining
from mvlib.training.loop import Trainer
from mvlib.training.speed import FORWARD, measure_speed


@pytest.fixture
def trainer(tmp_path):
    anchor = anchor_file(tmp_path, "x264")
    training = ImageTraining(
        codecs=("x264",), steps=5, batch=2, size=48, warmup=1, workers=0, device="cpu", anchor=anchor
    )
    return Trainer(training, tmp_path / "out")


def test_stages_are_measured_and_add_up(trainer):
    speed = measure_speed(trainer, steps=2, warm_up=1)
    assert trainer.step == 5, "warm-up, free and timed steps"
    assert set(speed.stages) == {*FORWARD, "waiting for material", "backward and update"}
    assert all(seconds > 0 for seconds in speed.stages.values())
    assert speed.processor > 0
    assert speed.pixels == 2 * 48**2 and speed.per_second == pytest.approx(2 / speed.seconds)
    assert speed.stages["analysers"] > speed.stages["preprocessor"], (
        "224x224 through a large network, 48x48 a small"
    )


def test_too_few_steps_are_refused(trainer):
    with pytest.raises(ValueError, match="5 steps are left; timing 4 after 2 takes 10"):
        measure_speed(trainer, steps=4)
