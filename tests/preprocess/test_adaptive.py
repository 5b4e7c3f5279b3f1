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
    with pytest.raises(ValueError, match="this AdaptiveFilter has no efficientnet_lite0 to look with"):
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
