"""What a training on clips is fed: scenes and films of the training side, the same at every visit."""

from dataclasses import replace

import pytest
import torch

from mvlib.training.batches import Steps
from mvlib.training.experiment import VideoTraining

TRAINING = VideoTraining(batch=6, frames=3, size=64, excerpts=0.5, seed=3)


def test_a_batch_is_clips_and_the_same_at_every_visit():
    one, other = Steps(TRAINING), Steps(TRAINING)
    other[5]
    x, qp = one[2]
    assert x.shape == (6, 3, 3, 64, 64) and x.min() >= 0 and x.max() <= 1
    assert qp.min() >= TRAINING.qp_low and qp.max() <= TRAINING.qp_high
    for mine, its in zip((x, qp), other[2], strict=True):
        torch.testing.assert_close(mine, its, rtol=0, atol=0)
    assert not torch.equal(x, one[3][0])


def test_parts_of_a_batch_are_the_batch():
    whole = Steps(TRAINING)[1]
    parts = [Steps(TRAINING, part)[1] for part in (slice(0, 2), slice(2, 6))]
    for k in (0, 1):
        torch.testing.assert_close(torch.cat([p[k] for p in parts]), whole[k], rtol=0, atol=0)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_share_of_films(share, monkeypatch):
    steps = Steps(replace(TRAINING, excerpts=share))
    asked = []
    monkeypatch.setattr(
        steps.material, "clip", lambda film, index: asked.append(film) or torch.zeros(3, 3, 64, 64)
    )
    steps[0]
    assert asked == [bool(share)] * 6
    assert (steps.material.films is None) == (share == 0), (
        "films need not be large enough where none is asked for"
    )


def test_scenes_and_films_are_of_the_training_side():
    material = Steps(TRAINING).material
    assert material.scenes.split == "train" and material.films.split == "train"


@pytest.mark.parametrize("options", [{"frames": 0}, {"excerpts": 1.5}, {"precision": "fp8"}])
def test_impossible_trainings_are_refused(options):
    with pytest.raises(ValueError):
        VideoTraining(**options)
