"""The filter that looks: where it starts, where its gains change, and how it is kept."""

import pytest
import torch
from torch.nn import functional as F

import mvlib
from mvlib.preprocess import (
    AdaptiveFilter,
    AdaptiveFilterConfig,
    Filter,
    build_preprocessor,
    load_preprocessor,
    save_preprocessor,
)
from mvlib.preprocess.adaptive import CONTRASTS, contrast_maps
from mvlib.training.experiment import ImageTraining
from mvlib.training.network import starting_network, with_trunk

SMALL = {"channels": (3, 3, 3), "width": 4}


def halves(x):
    """In place of a trunk: 0 at the left, 1 at the right."""
    right = torch.linspace(-1, 1, x.shape[-1]).gt(0).float().expand_as(x)
    return [F.avg_pool2d(right, stride) for stride in (8, 16, 32)]


def trained() -> AdaptiveFilter:
    """One whose head says the more, the more it sees."""
    torch.manual_seed(0)
    net = AdaptiveFilter(AdaptiveFilterConfig(**SMALL)).attach(halves).eval()
    for name, parameter in net.named_parameters():
        torch.nn.init.zeros_(parameter)
        if name in ("lateral.0.weight", "out.weight"):
            torch.nn.init.constant_(parameter, 0.1)
    return net


def test_it_starts_as_the_filter_that_it_is_given():
    net = with_trunk(
        starting_network(ImageTraining(architecture="AdaptiveFilter", start="filter_soft"))
    ).eval()
    x, qp = torch.rand(3, 3, 64, 96), torch.tensor([22.0, 35.5, 47.0])
    torch.testing.assert_close(net(x, qp), load_preprocessor("filter_soft")(x, qp), atol=1e-6, rtol=0)
    assert not torch.equal(net(x, qp), x)


def test_gains_change_where_the_trunk_sees_something_else():
    net, x = trained(), torch.rand(1, 3, 64, 256)
    change = (net(x, 37) - x).abs().mean((0, 1, 2))
    assert change[:96].max() < 1e-6 < 1e-3 < change[160:].min()


def test_each_picture_has_the_gains_of_its_qp_and_place():
    net, x = trained(), torch.rand(2, 3, 64, 96)
    torch.nn.init.constant_(net.by_qp[-1, 0], 1.0)  # at QP 47 the features count twice
    apart = torch.cat([net(x[:1], 22), net(x[1:], 47)])
    torch.testing.assert_close(net(x, torch.tensor([22.0, 47.0])), apart, atol=1e-6, rtol=0)
    weak, strong = ((net(x, qp) - x)[..., -16:].abs().mean() for qp in (22, 47))
    assert strong > 1.2 * weak


def test_it_is_kept_without_its_trunk_and_loaded_with_it(tmp_path):
    net = with_trunk(AdaptiveFilter())
    torch.nn.init.normal_(net.out.weight, std=0.05)
    assert sum(p.numel() for p in net.parameters()) < 90_000
    path = save_preprocessor(net, tmp_path / "s.safetensors", dtype=torch.float32)
    x = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(mvlib.load_preprocessor(path)(x, 37), net.eval()(x, 37))
    with pytest.raises(ValueError, match="this AdaptiveFilter has no efficientnet_lite0 trunk"):
        load_preprocessor(path)(x, 37)


@pytest.mark.parametrize(
    ("options", "says"),
    [({"channels": (40, 112)}, "each stride"), ({"bands": 4}, "give 1..3"), ({"qps": (40, 30)}, "rising")],
)
def test_impossible_options_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        build_preprocessor("AdaptiveFilter", options)


def test_a_filter_of_other_gains_sets_the_gains(tmp_path):
    path = save_preprocessor(
        Filter(mvlib.preprocess.FilterConfig(qps=(30, 40), bands=2)), tmp_path / "f.safetensors"
    )
    net = starting_network(ImageTraining(architecture="AdaptiveFilter", start=path))
    assert net.config.qps == (30, 40) and net.out.out_channels == 4
    with pytest.raises(ValueError, match="sets bands: leave that out"):
        starting_network(ImageTraining(architecture="AdaptiveFilter", start=path, network={"bands": 3}))


def test_contrast_maps_measure_level_and_texture():
    """Left a grey of 0.3, right stripes of one pixel: 0.4 and 0.6 of luma."""
    x = torch.full((1, 3, 64, 128), 0.3)
    x[..., 64:] = torch.tensor([0.4, 0.6]).repeat(32)
    maps = contrast_maps(x)
    assert [tuple(m.shape) for m in maps] == [
        (1, CONTRASTS, 8, 16),
        (1, CONTRASTS, 4, 8),
        (1, CONTRASTS, 2, 4),
    ]
    for level in maps:
        left, right = level[0, :, :, 0].mean(1), level[0, :, :, -1].mean(1)
        assert left[0].item() == pytest.approx((0.3 - 0.5) * 4, abs=1e-4) and abs(right[0].item()) < 1e-4
        assert left[1:3].abs().max() < 1e-4, "a grey has no colour"
        # A binomial blur takes all off stripes of one pixel, so the finest band has their whole energy, 0.1 squared.
        assert right[3].item() == pytest.approx(torch.tensor(0.01).log().item() / 2 + 4, abs=0.06), (
            "at the border less"
        )
        assert left[3].item() == pytest.approx(torch.tensor(1e-6).log().item() / 2 + 4, abs=0.02)
        assert right[6] < right[3] - 1, "coarser bands have nothing of them"


def test_without_a_trunk_gains_follow_the_local_contrast(tmp_path):
    net = build_preprocessor("AdaptiveFilter", {"trunk": "", "width": 4}).eval()
    assert net.config.inputs == (CONTRASTS,) * 3
    torch.manual_seed(0)
    for name, parameter in net.named_parameters():
        torch.nn.init.zeros_(parameter)
        if name == "lateral.0.weight":
            parameter.data[:, 3] = 1.0  # the finest band of luma
        if name == "out.weight":
            torch.nn.init.constant_(parameter, 0.1)
    x = 0.5 + torch.linspace(0, 0.3, 256) * (torch.rand(1, 1, 64, 256) - 0.5).expand(-1, 3, -1, -1)
    gains = net.decide(x, torch.tensor([37.0]))[0, 0, 0].mean(0)
    assert gains[224:].mean() > gains[112:144].mean() > gains[:32].mean() + 0.05
    path = save_preprocessor(net, tmp_path / "c.safetensors", dtype=torch.float32)
    torch.testing.assert_close(load_preprocessor(path)(x, 37), net(x, 37))
    assert with_trunk(net).trunk is None
    assert net(x[..., :20, :20], 37).shape == (1, 3, 20, 20), "the smallest picture, of one place at 1/32"
