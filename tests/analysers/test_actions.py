"""Recognisers: time that is looked at in full, parts that do what they say, the same face for every network."""

import pytest
import torch

from mvlib import analysers
from mvlib.analysers.actions import ACTION_CLASSES, ACTION_NETWORKS, Recogniser, fit_frames
from mvlib.analysers.actions.networks import ConvGRU, Located, shift
from mvlib.datasets import ACTIONS


def test_classes_are_the_actions_played():
    assert ACTION_CLASSES == ACTIONS


def test_fit_frames_averages_neighbours_and_keeps_what_fits():
    x = torch.rand(2, 16, 3, 112, 112)
    assert torch.allclose(fit_frames(x), (x[:, ::2] + x[:, 1::2]) / 2)
    assert torch.equal(fit_frames(x[:, :8]), x[:, :8])
    flat = torch.full((1, 11, 3, 50, 70), 0.3)
    assert torch.allclose(fit_frames(flat), torch.full((1, 8, 3, 112, 112), 0.3), atol=1e-6)
    assert fit_frames(x[:, :3, :, :40]).shape == (2, 8, 3, 112, 112)


def test_shift_moves_an_eighth_each_way():
    x = torch.arange(2 * 3 * 16.0).reshape(6, 16, 1, 1) + 1  # two clips of three moments, 16 channels
    y = shift(x, moments=3).reshape(2, 3, 16)
    x = x.reshape(2, 3, 16)
    assert torch.equal(y[:, :, 4:], x[:, :, 4:])
    assert torch.equal(y[:, :2, :2], x[:, 1:, :2]) and not y[:, 2, :2].any()
    assert torch.equal(y[:, 1:, 2:4], x[:, :2, 2:4]) and not y[:, 0, 2:4].any()


def test_the_memory_looks_back_only():
    torch.manual_seed(0)
    unit, x = ConvGRU(4, 6), torch.rand(1, 5, 4, 7, 7)
    other = x.clone()
    other[:, 3:] = 0
    states, changed = unit(x), unit(other)
    assert states.shape == (1, 5, 6, 7, 7)
    assert torch.equal(states[:, :3], changed[:, :3]) and not torch.allclose(states[:, 3:], changed[:, 3:])
    # What was seen at first is remembered to the last.
    other = x.clone()
    other[:, 0] = 0
    assert not torch.allclose(states[:, 4], unit(other)[:, 4], atol=1e-6)


def test_a_located_head_reads_where_it_is_told_to():
    torch.manual_seed(0)
    head = Located(5, 12).eval()
    maps, score = torch.rand(2, 8, 5, 6, 7), torch.full((2, 8, 6, 7), -30.0)
    score[..., 2, 3] = 30
    elsewhere = maps.clone()
    elsewhere[..., :2, :] = 0
    assert torch.allclose(head(maps, score), head(elsewhere, score))
    here = maps.clone()
    here[..., 2, 3] = 0
    assert not torch.allclose(head(maps, score), head(here, score), atol=1e-4)
    assert head.score(maps).shape == (2, 8, 6, 7)


@pytest.mark.parametrize("name", ACTION_NETWORKS)
def test_every_pixel_of_every_frame_has_a_gradient(name):
    torch.manual_seed(0)
    recogniser = analysers.load(name, pretrained=False)
    assert isinstance(recogniser, Recogniser) and recogniser.name == name
    x = torch.rand(2, 10, 3, 120, 90, requires_grad=True)
    logits = recogniser(x)
    assert logits.shape == (2, 12)
    logits[:, 3].sum().backward()
    assert (x.grad.abs().sum((0, 2, 3, 4)) > 0).all(), "a frame that nobody looks at"
    seen = (x.grad.abs().sum((0, 1, 2)) > 0).float()
    assert seen.mean() > 0.95, "a region that nobody looks at"


@pytest.mark.parametrize("name", ACTION_NETWORKS)
def test_order_in_time_matters_and_order_in_the_batch_does_not(name):
    torch.manual_seed(1)
    recogniser = analysers.load(name, pretrained=False)
    x = torch.rand(3, 8, 3, 112, 112)
    logits = recogniser(x)
    backwards = (recogniser(x.flip(1)) - logits).abs().max()
    torch.testing.assert_close(recogniser(x[[2, 0, 1]]), logits[[2, 0, 1]], atol=1e-6, rtol=0)
    assert backwards > 3e-5, "an untrained network tells little apart, but far more than rounding does"


def test_weights_are_frozen_and_stay_in_eval_mode():
    recogniser = analysers.load("action_shift", pretrained=False)
    torch.nn.Sequential(recogniser).train()
    assert not recogniser.training and not recogniser.network.training
    assert not any(p.requires_grad for p in recogniser.parameters())


def test_top_names_actions():
    recogniser = analysers.load("action_recurrent", pretrained=False)
    logits = torch.zeros(1, 12)
    logits[0, 8] = 9
    assert recogniser.top(logits, 2)[0][0][0] == "approach"
    with pytest.raises(ValueError, match=r"knows 1\.\.12"):
        recogniser.top(logits, 13)


def test_torchvision_recognisers_come_through_the_same_call():
    recogniser = analysers.load("torchvision/mc3_18", pretrained=False)
    assert isinstance(recogniser, Recogniser) and len(recogniser.classes) == 400
    assert recogniser.input_size == (112, 112) and recogniser.frames == 16
    assert recogniser.mean.flatten().tolist() == pytest.approx([0.43216, 0.394666, 0.37645])
    x = torch.rand(1, 4, 3, 60, 80, requires_grad=True)
    recogniser(x).sum().backward()
    assert (x.grad.abs().sum((0, 2, 3, 4)) > 0).all()


@pytest.mark.parametrize("model", ["r3d_18", "s3d", "mvit_v2_s", "swin3d_t"])
def test_the_named_kinetics_networks_are_known(model):
    from mvlib.analysers.actions import TORCHVISION_RECOGNISERS

    assert model in TORCHVISION_RECOGNISERS


def test_unreachable_kinetics_weights(monkeypatch, tmp_path):
    # A proxy on a closed port: the download fails at once, with or without a network.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(analysers.AnalyserUnavailable, match=r"torchvision/r3d_18 .*download\.pytorch\.org"):
        analysers.load("torchvision/r3d_18")


def test_a_misspelt_name_finds_the_near_one():
    with pytest.raises(ValueError, match="near names: action_resnet3d"):
        analysers.load("action_resnet")


@pytest.mark.parametrize(
    ("clip", "error", "message"),
    [
        (torch.zeros(1, 8, 3, 32, 32, dtype=torch.uint8), TypeError, "a clip is torch.uint8"),
        (torch.zeros(8, 3, 32, 32), ValueError, r"give \(B, T, 3, H, W\)"),
        (torch.zeros(1, 1, 3, 32, 32), ValueError, "T of 2 or more"),
        (torch.full((1, 8, 3, 32, 32), 255.0), ValueError, "divide 0..255 by 255"),
    ],
)
def test_bad_clips(clip, error, message):
    with pytest.raises(error, match=message):
        analysers.load("action_resnet3d", pretrained=False)(clip)
