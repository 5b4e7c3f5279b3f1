"""What knows where things are: what it leaves alone, what it smooths, and what it can't do without."""

import runpy
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

import mvlib
from mvlib.preprocess import Regions, RegionsConfig, build_preprocessor, detail_bands, save_preprocessor
from mvlib.training.network import with_trunk

CONTROLS = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks/smoothing.py"))
SMALL = {"channels": (3, 3, 3), "width": 4}


def means(x):
    """In place of a trunk: the means of squares of 8, 16 and 32 pixels."""
    return [F.avg_pool2d(x, stride) for stride in (8, 16, 32)]


def small(answer: float | None = None, **options) -> Regions:
    """A small network that gives the same ``answer``, in logits, everywhere; None: an untrained one."""
    torch.manual_seed(0)
    net = Regions(RegionsConfig(**SMALL | options)).attach(means).eval()
    if answer is not None:
        torch.nn.init.zeros_(net.out.weight)
        torch.nn.init.constant_(net.out.bias, answer)
    return net


@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (2, 3, 33, 50), (2, 3, 3, 40, 70), (1, 1, 3, 16, 17)])
def test_where_all_is_a_thing_every_bit_stays(shape):
    x = torch.rand(shape)
    assert torch.equal(small(50.0)(x, 40), x)


def test_where_nothing_is_the_bands_go():
    x = torch.rand(2, 3, 64, 96)
    for bands in (2, 3):
        blurred = x - sum(detail_bands(x, bands))
        torch.testing.assert_close(small(-50.0, bands=bands)(x, 40), blurred, atol=1e-6, rtol=0)


def test_the_control_smooths_as_regions_without_a_map():
    x = torch.rand(2, 3, 64, 96)
    control = CONTROLS["Everywhere"]()
    torch.testing.assert_close(control(x, 40), small(-50.0)(x, 40), atol=1e-6, rtol=0)
    blurred = CONTROLS["Blur"]()(x, 40)
    assert (
        x.std() / 9 < blurred.std() < x.std() / 4
    )  # white noise behind a Gaussian: / (2 sigma sqrt(pi)) = / 5.7
    assert not control.uses_qp


def test_the_strength_lies_on_straight_lines_between_its_qps_and_each_picture_has_its_own():
    net, x = small(-50.0, qps=(20, 30, 40), strengths=(0.0, 0.0, 0.8)), torch.rand(4, 3, 32, 32)
    y = net(x, torch.tensor([5.0, 25.0, 35.0, 51.0]))
    assert torch.equal(y[:2], x[:2]) and net.uses_qp and not small(strengths=(0.5,) * 6).uses_qp
    detail = sum(detail_bands(x, 3))
    torch.testing.assert_close(x[2:] - y[2:], torch.tensor([0.4, 0.8])[:, None, None, None] * detail[2:])


def test_a_threshold_keeps_more():
    x = torch.rand(1, 3, 64, 64)
    changed = [(small(0.0, threshold=t)(x, 40) - x).abs().mean() for t in (-2.0, 0.0, 2.0)]
    assert changed[0] > 1.5 * changed[1] > 3 * changed[2] > 0


def test_the_frames_of_a_clip_are_pictures():
    net, clip = small(), torch.rand(2, 3, 3, 40, 56)
    qp = torch.tensor([27.0, 44.0])
    for t in range(3):
        torch.testing.assert_close(net(clip, qp)[:, t], net(clip[:, t], qp), atol=1e-6, rtol=0)


def test_its_weights_are_those_of_the_head_and_the_trunk_moves_along():
    net = Regions()
    own = sum(p.numel() for p in net.parameters())
    with_trunk(net)
    assert sum(p.numel() for p in net.parameters()) == own < 60_000
    assert not any("trunk" in name for name in net.state_dict())
    assert net.double().trunk.mean.dtype == torch.float64
    x = torch.rand(1, 3, 64, 96, dtype=torch.float64)
    assert [m.shape[1:] for m in net.trunk(x)] == [(40, 8, 12), (112, 4, 6), (320, 2, 3)]
    assert net(x, 37).shape == x.shape


def test_it_is_loaded_with_its_trunk_and_refused_without(tmp_path):
    path = save_preprocessor(
        Regions(RegionsConfig(strengths=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0))), tmp_path / "r.safetensors"
    )
    net, x = mvlib.load_preprocessor(path), torch.rand(1, 3, 64, 64)
    assert net(x, 37).shape == x.shape and not torch.equal(net(x, 37), x) and not net.trunk.training
    with pytest.raises(ValueError, match="no efficientnet_lite0 trunk"):
        mvlib.preprocess.load_preprocessor(path)(x, 37)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"channels": (40, 112)}, "each stride"),
        ({"bands": 4}, "give 1..3"),
        ({"qps": (40, 30)}, "rising"),
        ({"strengths": (0.5,)}, "one in 0..1 for each"),
        ({"strengths": (0, 0, 0, 0, 0, 1.5)}, "one in 0..1 for each"),
    ],
)
def test_impossible_options_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        build_preprocessor("Regions", options)
