"""The start by outlines: what it wants, what it is fed, and that a few steps move a network that way."""

from dataclasses import replace

import pytest
import torch

from mvlib.preprocess import detail_bands
from mvlib.training.batches import Steps
from mvlib.training.experiment import ImageTraining, VideoTraining
from mvlib.training.loop import Trainer
from mvlib.training.outline import BANDS, MARGIN, Guarded, Outline, near

TRAINING = VideoTraining(
    task="outline", excerpts=0, batch=2, frames=3, size=64, steps=12, lr=3e-3, warmup=2, workers=0, ema=0.5
)


def test_scenes_come_with_the_mask_of_the_actor():
    x, _ = Steps(TRAINING)[0]
    assert x.shape == (2, 3, 4, 64, 64)
    assert set(x[:, :, 3].unique().tolist()) == {0.0, 1.0}


def test_an_excerpt_moves_as_fast_as_the_scene_it_is_from():
    scenes = Steps(TRAINING).material
    start = 17 % 14  # of the 14 places that three frames of sixteen can start at
    whole = torch.from_numpy(scenes.scenes[17].frames[start : start + 3]).permute(0, 3, 1, 2) / 255
    torch.testing.assert_close(scenes.clip(False, 17)[:, :3], whole)


def test_the_scene_with_the_rest_blurred_is_what_is_wanted():
    x, qp = Steps(TRAINING)[1]
    clean, stays = x[:, :, :3].flatten(0, 1), near(x[:, :, 3:].flatten(0, 1))
    best = (clean - (1 - stays) * sum(detail_bands(clean, BANDS))).unflatten(0, x.shape[:2])
    measure = Outline(TRAINING)
    wanted = measure(x, best, qp, "x265")
    untouched = measure(x, x[:, :, :3], qp, "x265")
    assert wanted["loss"] < 0.1 * untouched["loss"]
    assert untouched["left"] > 0.3 and untouched["harmed"] < 0.3 * untouched["left"]


def test_the_finest_band_is_not_to_stay():
    x, qp = Steps(TRAINING)[1]
    clean = x[:, :, :3].flatten(0, 1)
    untouched, without_finest, blurred = (
        Outline(TRAINING)(x, y.unflatten(0, x.shape[:2]), qp, "x265")["harmed"]
        for y in (clean, clean - detail_bands(clean, 1)[0], clean - sum(detail_bands(clean, BANDS)))
    )
    assert without_finest < 0.5 * untouched < untouched < blurred


def test_the_margin_is_around_the_mask():
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 30, 30] = 1
    wide = near(mask)[0, 0]
    assert wide[30, 30 + MARGIN - MARGIN // 2] == 1 and 0 < wide[30, 30 + MARGIN] < 1
    assert wide[30, 30 + 2 * MARGIN] == 0


def test_a_few_steps_take_detail_away(tmp_path):
    trainer = Trainer(TRAINING, tmp_path)
    rows = [trainer.update(*trainer.steps[step]) for step in range(TRAINING.steps)]
    assert rows[-1]["left"] < 0.9 * rows[0]["left"]


def test_guarded_trades_bits_for_harm_to_the_actor():
    training = replace(
        TRAINING,
        task="guarded",
        codecs=("x264",),
        analysers=("action_resnet3d",),
        size=224,
        frames=8,
        batch=1,
    )
    measure, (x, qp) = Guarded(training), Steps(training)[0]
    clean, stays = x[:, :, :3], near(x[:, :, 3:].flatten(0, 1)).unflatten(0, x.shape[:2])
    blurred = (clean.flatten(0, 1) - sum(detail_bands(clean.flatten(0, 1), BANDS))).unflatten(0, x.shape[:2])
    rows, kept = {}, clean - detail_bands(clean.flatten(0, 1), 1)[0].unflatten(0, x.shape[:2])
    for name, y in {"all": clean, "actor": kept * stays + blurred * (1 - stays), "nothing": blurred}.items():
        rows[name] = measure(x, y.clone().requires_grad_(), qp, "x264")
    assert rows["all"]["rate"] > rows["actor"]["rate"] > rows["nothing"]["rate"] > 0
    assert rows["nothing"]["harmed"] > 0.5 > 0.05 > rows["actor"]["harmed"]
    assert rows["actor"]["loss"] < min(rows["all"]["loss"], rows["nothing"]["loss"])
    rows["actor"]["loss"].backward()


@pytest.mark.parametrize("task", ["outline", "guarded"])
@pytest.mark.parametrize("options", [{"excerpts": 0.5}, {"dataset": "kinetics400", "root": "."}])
def test_what_has_no_outlines_is_refused(options, task):
    with pytest.raises(ValueError, match="outline"):
        VideoTraining(**{"task": task, "excerpts": 0} | options)


PICTURES = ImageTraining(
    architecture="Regions", task="outline", batch=2, size=64, steps=6, lr=1e-2, warmup=2, workers=0, ema=0.5
)


def test_pictures_come_with_the_mask_of_their_things_and_the_rest_smoothed_is_what_is_wanted():
    x, qp = Steps(PICTURES)[1]
    assert x.shape == (2, 4, 64, 64) and 0 < x[:, 3].mean() < 1
    clean, stays, measure = x[:, :3], near(x[:, 3:]), Outline(PICTURES)
    detail = sum(detail_bands(clean, BANDS))
    wanted, untouched = (measure(x, y, qp, "x265") for y in (clean - (1 - stays) * detail, clean))
    assert wanted["loss"] < 1e-6 and untouched["left"] > 0.3
    assert untouched["harmed"] < 0.3 * untouched["left"] < measure(x, clean - detail, qp, "x265")["harmed"]


def test_a_few_steps_find_the_things_of_one_batch(tmp_path):
    trainer = Trainer(PICTURES, tmp_path)
    batch = trainer.steps[1]
    losses = [trainer.update(*batch)["loss"] for _ in range(PICTURES.steps)]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize(
    "options", [{"task": "guarded"}, {"task": "outline", "dataset": "coco", "root": "."}]
)
def test_pictures_that_have_no_outlines_are_refused(options):
    with pytest.raises(ValueError, match="task"):
        ImageTraining(**options)
