"""The loop on a small scale: real photographs, the virtual codec, a real network."""

import multiprocessing
import os
import signal
from dataclasses import replace

import pytest
import torch
from tiny_training import anchor_file, tiny
from torch import nn

from mvlib import analysers
from mvlib._interruption import whole
from mvlib.analysers import feature_distance, features
from mvlib.errors import InputError
from mvlib.preprocess import build_preprocessor, save_preprocessor
from mvlib.training import resumable
from mvlib.training.experiment import ImageTraining, VideoTraining
from mvlib.training.loop import Log, NonFiniteLoss, Objective, Steps, Trainer
from mvlib.training.network import starting_network

SMALL = {"widths": (8, 16), "blocks": (1, 1)}


@pytest.fixture(scope="module", params=[ImageTraining, VideoTraining])
def training(tmp_path_factory, request):
    """Four steps at 64 pixels. The anchor is a made-up curve: what it says does not matter to these tests."""
    anchor = anchor_file(tmp_path_factory.mktemp("anchor"), "x265")
    clips = (
        {"frames": 2, "network": {"spatial": SMALL}} if request.param is VideoTraining else {"network": SMALL}
    )
    return request.param(
        analysers=("efficientnet_lite0",), codecs=("x265",), steps=4, batch=2, size=64, warmup=2, workers=0,
        checkpoint_every=2, anchor=anchor, **clips,
    )  # fmt: skip


def weights(trainer):
    return torch.cat([p.detach().flatten() for p in trainer.average.module.parameters()])


class Killed(Exception):
    """As a fault that nothing prepares for."""


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def die():
    raise Killed


@pytest.mark.slow
def test_a_stopped_training_ends_with_the_same_weights_as_an_unbroken_one(training, tmp_path, monkeypatch):
    monkeypatch.setattr(analysers, "load", tiny)  # twelve steps, and none of it depends on the analyser
    training = replace(training, analysers=("tiny",), anchor=anchor_file(tmp_path, "x265", "tiny"), size=32)
    unbroken = Trainer(training, tmp_path / "whole")
    unbroken.run(progress=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has it ignored
    for how, what, kept in ((die, Killed, 2), (ctrl_c, KeyboardInterrupt, 3)):
        broken = Trainer(training, tmp_path / how.__name__)
        update = broken.update

        def third(x, qp, broken=broken, update=update, how=how):
            if broken.step == 2:
                how()
            return update(x, qp)

        broken.update = third
        with pytest.raises(what) as stopped:
            broken.run(progress=False)
        again = Trainer(training, tmp_path / how.__name__)
        again.resume()
        assert again.step == kept
        if what is KeyboardInterrupt:
            assert str(stopped.value).startswith(f"stopped; step 3 is kept in {again.checkpoint}")
        again.run(progress=False)
        torch.testing.assert_close(weights(again), weights(unbroken), rtol=0, atol=0)
        logs = [(tmp_path / name / "log.csv").read_text() for name in ("whole", how.__name__)]
        assert logs[0] == logs[1] and len(logs[0].splitlines()) == 1 + training.steps


def test_ctrl_c_just_before_a_step_keeps_the_last_one(training, tmp_path, monkeypatch):
    """Where the step is about to be made whole, and is not yet."""
    monkeypatch.setattr(analysers, "load", tiny)
    anchor = anchor_file(tmp_path, "x265", "tiny")
    trainer = Trainer(replace(training, analysers=("tiny",), anchor=anchor, size=32), tmp_path / "out")

    def pressed():
        if trainer.step == 1:
            raise KeyboardInterrupt
        return whole()

    monkeypatch.setattr(resumable, "whole", pressed)
    with pytest.raises(KeyboardInterrupt, match="step 1 is kept"):
        trainer.run(progress=False)


def test_ctrl_c_while_a_batch_is_handed_over_ends_the_processes_that_load(training, tmp_path, monkeypatch):
    """The error that is kept, as a command keeps it to its end, holds the frame that waited for the batch."""
    monkeypatch.setattr(analysers, "load", tiny)
    anchor = anchor_file(tmp_path, "x265", "tiny")
    trainer = Trainer(
        replace(training, analysers=("tiny",), anchor=anchor, size=32, workers=2), tmp_path / "out"
    )
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def pressed():
        if trainer.step == 1:
            ctrl_c()
        return 0

    monkeypatch.setattr(trainer, "_spent", pressed)
    with pytest.raises(KeyboardInterrupt) as kept:
        trainer.run(progress=False)
    assert kept.traceback and not multiprocessing.active_children()


def test_the_network_moves_and_the_codec_is_asked_at_its_own_qp(training, tmp_path):
    trainer = Trainer(training, tmp_path / "a")
    before = weights(trainer).clone()
    x, qp = next(iter(trainer.batches()))
    row = trainer.update(x, qp)
    assert row["error"] == 0, "a preprocessor starts as the identity"
    assert not torch.equal(before, weights(trainer))
    low, high = (trainer.objective(x, x, torch.full_like(qp, q), "x265") for q in (25.0, 45.0))
    assert low["bpp"] > 2 * high["bpp"] and low["lost efficientnet_lite0"] < high["lost efficientnet_lite0"]


def test_steps_are_drawn_from_seed_and_step_alone(training):
    one, other = Steps(training), Steps(training)
    other[4]
    for a, b in zip(one[2], other[2], strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert not torch.equal(one[2][0], one[3][0])
    qps = torch.cat([one[s][1] for s in range(6)])
    assert qps.min() >= training.qp_low and qps.max() <= training.qp_high and len(qps.unique()) > 3


def test_a_checkpoint_of_another_training_is_refused(training, tmp_path):
    Trainer(training, tmp_path).save()
    with pytest.raises(ValueError, match="another training"):
        Trainer(replace(training, lr=5e-4), tmp_path).resume()


def test_two_trainings_in_one_folder_are_refused(training, tmp_path):
    first, second = Trainer(training, tmp_path), Trainer(replace(training, lr=5e-4), tmp_path)
    with first.alone(), pytest.raises(InputError, match=rf"another training \(process {os.getpid()} on"):
        second.run(progress=False)
    assert not (tmp_path / "log.csv").exists()


def test_a_damaged_checkpoint_is_refused_by_name(training, tmp_path):
    trainer = Trainer(training, tmp_path)
    trainer.save()
    data = bytearray(trainer.checkpoint.read_bytes())
    data[len(data) // 2] ^= 4
    trainer.checkpoint.write_bytes(data)
    with pytest.raises(InputError, match=f"^{trainer.checkpoint} is damaged"):
        trainer.run(progress=False)


def test_a_training_may_go_on_on_another_machine(training, tmp_path):
    Trainer(training, tmp_path).save()
    assert Trainer(replace(training, workers=3, checkpoint_every=50, device="cpu"), tmp_path).resume()


def test_a_row_that_was_torn_when_the_run_was_killed_is_dropped(tmp_path):
    """Of "1501,0.25,x265" the first two digits are a step too, and one that was before the checkpoint."""
    path = tmp_path / "log.csv"
    for torn in ("1", "15", "1501", "1501,", "1501,0.2"):
        path.write_text(f"step,loss,codec\n1499,0.5,x264\n1500,0.5,x265\n{torn}")
        with Log(path, start=1500) as log:
            log.write({"step": 1501, "loss": 0.25, "codec": "x264"})
        assert path.read_text().split() == [
            "step,loss,codec", "1499,0.5,x264", "1500,0.5,x265", "1501,0.25,x264"
        ]  # fmt: skip


def test_the_average_of_a_short_training_is_not_its_start(training, tmp_path):
    trainer = Trainer(training, tmp_path)
    weight, average = (next(m.parameters()) for m in (trainer.model, trainer.average.module))
    shares = []
    for step in range(60):
        weight.data.fill_(float(step > 0))  # all is learnt in the first step
        trainer.average.update_parameters(trainer.model)
        trainer.step += 1
        shares.append(average.mean().item())
    assert shares[0] == 0 and shares[1] == pytest.approx(1 - 1 / 6) and shares[-1] > 0.99
    trainer.step = 100_000  # in the long run it is the decay that was asked for
    weight.data.fill_(2.0)
    trainer.average.update_parameters(trainer.model)
    assert average.mean().item() == pytest.approx(
        shares[-1] + (1 - training.ema) * (2 - shares[-1]), rel=1e-4
    )


def test_a_gradient_that_is_not_finite_stops_before_it_does_harm(training, tmp_path):
    trainer = Trainer(training, tmp_path)
    before = weights(trainer).clone()
    x, qp = next(iter(trainer.batches()))
    # As some bfloat16 kernels do: a finite loss with a NaN in the gradient of one weight.
    next(trainer.model.parameters()).register_hook(lambda gradient: gradient * float("nan"))
    with pytest.raises(NonFiniteLoss, match=r"step 0: .*smaller lr"):
        trainer.update(x, qp)
    torch.testing.assert_close(weights(trainer), before, rtol=0, atol=0)


def test_weights_of_pictures_become_the_part_for_the_single_frame(tmp_path):
    still = build_preprocessor("Compact", {"widths": (4, 8), "blocks": (1, 1)})
    nn.init.normal_(still.head.weight)
    facts = {"command": "c", "data": "d", "seed": 0, "steps": 1, "analysers": ["a"], "codecs": ["x264"]}
    path = save_preprocessor(still, tmp_path / "still.safetensors", dtype=torch.float32, **facts)
    network = starting_network(VideoTraining(start=path, network={"motion": False}))
    assert not network.config.motion
    clip = torch.rand(1, 2, 3, 16, 32)
    torch.testing.assert_close(network(clip, 40), still(clip, 40), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="holds a Compact"):
        starting_network(VideoTraining(start=path, architecture="ZhaoPreprocessor"))
    with pytest.raises(ValueError, match="leave `network` out"):
        starting_network(ImageTraining(start=path, network={"bands": 2}))


def test_the_networks_for_clips_go_through_the_loop(training, tmp_path):
    if not isinstance(training, VideoTraining):
        pytest.skip("of clips alone")
    trainer = Trainer(replace(training, architecture="ZhaoPreprocessor", network={}), tmp_path)
    x, qp = next(iter(trainer.batches()))
    assert trainer.update(x, qp)["error"] == 0 and (trainer.model(x, qp) != x).any()


def test_maps_as_the_task_are_the_distance_and_give_a_gradient(training):
    objective = Objective(replace(training, task="features"))
    x, qp = Steps(training)[0]
    y = x.clone().requires_grad_()
    parts = objective(x, y, qp, "x265")
    (parts["loss"] - parts["rate"]).backward()
    assert y.grad.abs().max() > 0
    decoded = objective.code(x if x.ndim == 5 else x[:, None], qp, "x265").frames
    analyser = objective.analysers["efficientnet_lite0"]
    frames = [v.flatten(0, 1) for v in (x if x.ndim == 5 else x[:, None], decoded)]
    expected = feature_distance(*(features(analyser, v) for v in frames)).mean()
    torch.testing.assert_close(parts["lost efficientnet_lite0"], expected, rtol=1e-3, atol=1e-5)
