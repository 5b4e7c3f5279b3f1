"""Training recognisers: labels that follow what is done to a clip, a loop that learns and can be taken up."""

import json
import os
import signal

import numpy as np
import pytest
import torch

from mvlib._precision import computing_in
from mvlib.analysers.actions import MEAN, STD
from mvlib.datasets import ACTIONS, ActingCutouts
from mvlib.training.action_clips import BACKWARDS, MIRRORED, Batches, augment, cached_clips, made_of
from mvlib.training.action_experiment import NETWORKS, ActionTraining
from mvlib.training.actions import ActionTrainer, save_recogniser
from mvlib.training.motion_actions import MotionTrainer


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    cached_clips(folder, "train", 12, workers=0)
    cached_clips(folder, "val", 4, workers=0)
    return folder


def training(cache, **options) -> ActionTraining:
    small = {
        "clips": 12,
        "check": 4,
        "batch": 4,
        "steps": 4,
        "coarse": 32,
        "workers": 0,
        "checkpoint_every": 2,
    }
    return ActionTraining(**(small | {"cache": cache} | options))


def test_names_are_those_of_the_networks():
    from mvlib.analysers.actions import ACTION_NETWORKS

    assert tuple(ACTION_NETWORKS) == NETWORKS


def test_twins_change_places_and_come_back():
    for twin in (MIRRORED, BACKWARDS):
        assert torch.equal(twin[twin], torch.arange(12))
    named = {a: (ACTIONS[MIRRORED[k]], ACTIONS[BACKWARDS[k]]) for k, a in enumerate(ACTIONS)}
    assert named["slide left"] == ("slide right", "slide right")
    assert named["rise"] == ("rise", "fall")
    assert named["recede"] == ("recede", "approach")
    assert named["bounce"] == ("bounce", "bounce")


def test_labels_follow_the_mirror_and_the_clock():
    # A bright column that wanders right: its label says right exactly if it still does.
    clip = torch.zeros(8, 4, 112, 112)
    for t in range(8):
        clip[t, :, :, 20 + 8 * t : 30 + 8 * t] = 1
    right = ACTIONS.index("slide right")
    for seed in range(12):
        x, action = augment(clip[None].clone(), torch.tensor([right]), 112, np.random.default_rng(seed))
        where = x[0, :, 0].mean(1).argmax(1)
        moved = int(where[-1] - where[0])
        assert (moved > 0) == (int(action[0]) == right), seed


def test_cached_clips_are_the_generated_ones_as_seen(cache):
    [(frames, actions)] = cached_clips(cache, "train", 12, workers=0)
    made = ActingCutouts("train", 12, size=112, seed=0)
    clip = made[7]
    pairs = (clip.frames[::2].astype(float) + clip.frames[1::2]) / 2
    assert np.abs(frames[7, ..., :3] - pairs).max() <= 0.5 + 1e-9
    assert ((frames[7, ..., 3] > 0) == (clip.masks[::2] | clip.masks[1::2])).all()
    assert actions.tolist() == [made.action(k) for k in range(12)]


def test_every_shard_is_checked(cache, monkeypatch):
    """More clips than a shard holds: those of the others count too, and what the card says of their number is so."""
    trainer = ActionTrainer(training(cache, network="action_shift"), cache)
    [(frames, _)] = cached_clips(cache, "val", 4, workers=0)
    x = torch.tensor(frames[..., :3]).permute(0, 1, 4, 2, 3).float() / 255
    with torch.no_grad(), computing_in(trainer.precision):
        seen = trainer.network.eval()((x - MEAN) / STD).argmax(1).numpy()
    wrong = (seen + 1) % 12
    shards = [(frames[:2], seen[:2]), (frames[2:3], wrong[2:3]), (frames[3:], wrong[3:])]
    assert trainer.accuracy(shards) == 0.5
    asked = []
    monkeypatch.setattr("mvlib.training.action_clips.SHARD", 2)
    monkeypatch.setattr(trainer, "accuracy", lambda shards: asked.append([len(f) for f, _ in shards]) or 0.0)
    trainer.step = trainer.training.steps
    trainer.run(progress=False)
    assert asked == [[2, 2]]


def test_clips_of_another_make_are_not_taken_for_those_of_now(tmp_path, monkeypatch):
    before = made_of()
    assert made_of() == before
    monkeypatch.setattr("mvlib.training.action_clips.SIDE", 96)
    assert made_of() != before
    monkeypatch.undo()
    changed = tmp_path / "acting_paths.py"
    changed.write_text("another way to move")
    monkeypatch.setattr("mvlib.datasets.acting_paths.__file__", str(changed))
    assert made_of() != before


def test_a_step_shows_the_same_whenever_it_is_asked_for(cache):
    batches = Batches(cached_clips(cache, "train", 12, workers=0), batch=3, sides=[48, 64], seed=5)
    (x, a), (y, b) = batches[1], batches[1]
    assert x.shape == (3, 8, 4, 64, 64) and torch.equal(x, y) and torch.equal(a, b)
    assert x.min() >= 0 and x.max() <= 1


def test_sides_grow_from_coarse_to_full(cache):
    trainer = ActionTrainer(training(cache, steps=100), cache)
    sides = [trainer.side(k) for k in range(100)]
    assert sides[0] == sides[50] == 32 and sides[75] == sides[99] == 112 and sides == sorted(sides)


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS[:3])
def test_a_dozen_clips_are_learnt(cache, network):
    torch.manual_seed(0)
    trainer = ActionTrainer(training(cache, network=network, steps=60, lr=3e-3), cache)
    frames, actions = cached_clips(cache, "train", 12, workers=0)[0]
    x = torch.tensor(frames[:, :, ::3, ::3, :]).permute(0, 1, 4, 2, 3).float() / 255
    # The place of the actor alone costs log(number of cells) at first: it is part of the loss.
    losses = [trainer.update(x, torch.from_numpy(actions))["loss"] for _ in range(40)]
    assert losses[0] > 2 and np.mean(losses[-3:]) < 0.65 * losses[0], losses


@pytest.mark.slow
def test_motion_is_learnt_from_labels_alone(tmp_path):
    options = {"network": "action_motion", "batch": 32, "steps": 60, "lr": 5e-3, "checkpoint_every": 60}
    trainer = MotionTrainer(training(tmp_path, **options), tmp_path / "run")
    accuracy = trainer.run(progress=False)
    losses = [float(row.split(",")[1]) for row in (tmp_path / "run" / "log.csv").read_text().splitlines()[1:]]
    assert losses[-1] < 1.2 and 0 <= accuracy <= 1
    assert trainer.accuracy(trainer.shards("train", 12)) > 0.9


@pytest.mark.slow
def test_a_killed_training_goes_on_as_if_nothing_had_happened(cache, tmp_path):
    whole = ActionTrainer(training(cache), tmp_path / "whole")
    accuracy = whole.run(progress=False)
    assert 0 <= accuracy <= 1
    halved = ActionTrainer(training(cache), tmp_path / "halved")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has it ignored
    run = halved.update

    def interrupted(*args):
        if halved.step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return run(*args)

    halved.update = interrupted
    with pytest.raises(KeyboardInterrupt, match="stopped; step 3 is kept"):
        halved.run(progress=False)
    again = ActionTrainer(training(cache), tmp_path / "halved")
    with (tmp_path / "halved" / "log.csv").open("a") as log:
        log.write("4,0.1,0.5,0.25\n")  # logged, and killed before the checkpoint was there
    again.run(progress=False)
    assert again.step == 4
    logs = [(tmp_path / name / "log.csv").read_text().splitlines() for name in ("whole", "halved")]
    assert [row.split(",")[0] for row in logs[0]] == ["step", "2", "4"] and logs[0] == logs[1]
    for a, b in zip(whole.network.parameters(), again.network.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_saved_weights_load_and_say_where_they_are_from(cache, tmp_path, monkeypatch):
    from mvlib import analysers

    trainer = ActionTrainer(training(cache, network="action_shift"), tmp_path)
    path = tmp_path / "weights" / "action_shift.safetensors"
    save_recogniser(trainer, path, command="python -m mvlib train actions", accuracy=0.5)
    monkeypatch.setenv("MVLIB_WEIGHTS", str(path.parent))
    loaded = analysers.load("action_shift")
    assert trainer.precision in ("float32", "bf16")
    assert json.loads(path.with_suffix(".json").read_text())["precision"] == trainer.precision
    x = torch.rand(1, 8, 3, 112, 112)
    with torch.no_grad():
        expected = trainer.network.eval()((x - 0.45) / 0.225)
    torch.testing.assert_close(loaded(x), expected, atol=0.02, rtol=0.02)


def test_another_trainings_checkpoint_is_refused(cache, tmp_path):
    ActionTrainer(training(cache), tmp_path).save()
    with pytest.raises(ValueError, match="belongs to another training"):
        ActionTrainer(training(cache, lr=1e-3), tmp_path).resume()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": "resnet"}, "network 'resnet' is unknown; choose one of action_resnet3d"),
        ({"steps": 0}, "steps is 0"),
        ({"precision": "half"}, "precision 'half' is unknown; choose one of float32, bf16, auto"),
        ({"coarse": 8}, r"coarse is 8; .*32\.\.112"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        ActionTraining(**options)
