"""Constant gains: what they leave alone, take off, and do between the QPs that they are fitted at."""

import pytest
import torch

from mvlib.preprocess import Filter, FilterConfig, detail_bands


def test_untrained_it_leaves_pictures_alone_and_its_gradient_reaches_every_gain():
    net, x = Filter(FilterConfig(qps=(30, 40))), torch.rand(2, 3, 24, 31)
    assert torch.equal(net(x, torch.tensor([22.0, 37.0])), x)
    net.process(x, torch.tensor([33.0, 37.0])).square().sum().backward()
    assert (net.gains.grad != 0).all()


def test_gains_of_one_blur_and_lie_on_straight_lines_between_their_qps():
    net = Filter(FilterConfig(qps=(20, 30, 40), bands=2))
    with torch.no_grad():
        net.gains[2] = 20.0  # tanh makes 1 of it: both bands go, of luma and of chroma
        net.gains[0, 0, 1] = 0.5
    x = torch.rand(1, 3, 32, 32) * 0.5 + 0.25
    torch.testing.assert_close(net(x, 40), x - sum(detail_bands(x, 2)), atol=1e-4, rtol=0)
    assert torch.equal(net(x, 51), net(x, 40)) and torch.equal(net(x, 30), x)
    found = net.before_tanh(torch.tensor([10.0, 20.0, 25.0, 29.0]))[:, 0, 1]
    torch.testing.assert_close(found, torch.tensor([0.5, 0.5, 0.25, 0.05]))


@pytest.mark.parametrize(
    ("options", "says"),
    [({"qps": (30,)}, "two or more"), ({"qps": (30, 30)}, "rising"), ({"bands": 4}, "give 1..3")],
)
def test_impossible_options_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        FilterConfig(**options)
