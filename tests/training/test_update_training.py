"""Training the rule of a refinement through its steps."""

import pytest
import torch
from tiny_training import tiny

from mvlib.datasets import Photos
from mvlib.preprocess import load_update
from mvlib.training.experiment import UpdateTraining
from mvlib.training.objective import Objective
from mvlib.training.slope import Slope
from mvlib.training.update import UpdateTrainer, refinement_of, save_trained_update, starting_rule

OPTIONS = {"guides": ("tiny_training:tiny",), "analysers": ("tiny_training:tiny",)}
OPTIONS |= {
    "batch": 2,
    "size": 64,
    "workers": 0,
    "device": "cpu",
    "qp_low": 30,
    "qp_high": 40,
    "views": False,
}


class Same:
    """The same pictures in every step."""

    def __init__(self):
        photos = Photos("train", size=64, crop="centre", flip=False)
        self.pictures = torch.stack([photos[i] for i in (0, 3)])

    def draw(self, step, rng, part):
        return (self.pictures[part],)


def trainer_of(folder, **options):
    training = UpdateTraining(**OPTIONS | options)
    slopes = {("x265", OPTIONS["analysers"][0]): Slope([22, 50], [2.0, 0.1], [0.1, 1.0])}
    objective = Objective(training, analysers={OPTIONS["analysers"][0]: tiny()}, slopes=slopes)
    return UpdateTrainer(training, folder, objective=objective, material=Same())


def loss(trainer, rule):
    """Of the pictures that are trained on, refined by ``rule`` and coded with choices of their own."""
    x, qp = trainer.steps.material.pictures, torch.full((2,), 35.0)
    y = refinement_of(trainer.training, trainer.objective, rule).eval()(x, qp)
    with torch.no_grad():
        return trainer.objective(x, y, qp, "x265")["loss"].item()


@pytest.mark.parametrize("after", ["", "contrast"])
def test_training_lowers_the_loss_and_leaves_what_is_loaded_again(tmp_path, after):
    trainer = trainer_of(tmp_path, steps=12, lr=1e-2, warmup=1, checkpoint_every=12, after=after)
    before = loss(trainer, None)
    assert loss(trainer, starting_rule(trainer.training).eval()) == before
    rule = trainer.run(progress=False)
    saved = save_trained_update(trainer, rule, "by a test")
    assert loss(trainer, load_update(saved)) < before - 0.01 * abs(before)
    card = load_update(saved).card
    assert card["steps"] == 12 and card["after"] == after


def test_it_ends_when_its_time_is_over_and_is_saved_from_where_it_was(tmp_path):
    trainer = trainer_of(tmp_path, steps=50, checkpoint_every=2)
    trainer.update(*trainer.steps[0])
    trainer.save()
    kept = [p.clone() for p in trainer.average.parameters()]
    later = trainer_of(tmp_path, steps=50, checkpoint_every=2, seconds=0.0)
    later.run(progress=False)
    assert later.step == 1 and all(map(torch.equal, later.average.parameters(), kept))
    begun = trainer_of(tmp_path / "b", steps=50, checkpoint_every=50, seconds=1.5)
    begun.run(progress=False)
    assert 0 < begun.step < 50 and begun.read()["step"] == begun.step


def test_options_that_there_are_not_and_other_weights_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no LearnedUpdate with the options {'depth': 3}"):
        starting_rule(UpdateTraining(network={"depth": 3}))
    with pytest.raises(ValueError, match="unrolled is 0; it must be at least 1"):
        UpdateTraining(unrolled=0)
