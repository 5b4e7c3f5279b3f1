import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mvlib.preprocess import Compact, CompactConfig, detail_bands


def awake(seed: int = 0, **config) -> Compact:
    """A network that does something: the head, which starts at 0, gets random weights."""
    torch.manual_seed(seed)
    net = Compact(CompactConfig(**config)).eval()
    for layer in (net.head, net.head_by_qp):
        nn.init.normal_(layer.weight, std=0.5)
    return net


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (64, 48), (33, 100)])
@pytest.mark.parametrize("qp", [0, 37.5, 51])
def test_untrained_is_exactly_the_identity(size, qp):
    x = torch.rand(2, 3, *size)
    assert torch.equal(Compact()(x, qp), x)


def test_at_most_five_kmac_per_pixel():
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        Compact()(torch.rand(1, 3, 256, 256), 37)
    assert counter.get_total_flops() / 2 / 256**2 <= 5000


@pytest.mark.parametrize("size", [(16, 16), (61, 83)])
def test_a_constant_picture_has_no_border(size):
    """Each of the four places in a cell may move the grey by its own residual, the same everywhere."""
    y = awake()(torch.full((1, 3, *size), 0.4), 37)
    for row in (0, 1):
        for column in (0, 1):
            place = y[..., row::2, column::2]
            torch.testing.assert_close(place, place[..., :1, :1].expand_as(place), rtol=0, atol=2e-5)
    assert (y - 0.4).abs().max() > 1e-3


def test_what_is_far_away_does_not_matter():
    """A change in the right half leaves the far left untouched: no statistics over the picture."""
    net = awake()
    x = torch.rand(1, 3, 32, 512)
    other = x.clone()
    other[..., 400:] = torch.rand(1, 3, 32, 112)
    a, b = net(x, 37), net(other, 37)
    torch.testing.assert_close(a[..., :128], b[..., :128], rtol=0, atol=1e-6)
    assert (a[..., 450:] - b[..., 450:]).abs().max() > 0.01


def test_shifting_by_a_cell_shifts_the_result():
    net = awake(blocks=(1, 0, 1))
    x = torch.rand(1, 3, 208, 208)
    a, b = net(x, 37), net(x[..., 8:, 8:], 37)
    torch.testing.assert_close(a[..., 88:-80, 88:-80], b[..., 80:-80, 80:-80], rtol=0, atol=1e-5)


def test_the_change_is_bounded():
    net = awake(bands=0, residual_bound=0.05)
    for layer in (net.head, net.head_by_qp):
        nn.init.normal_(layer.weight, std=100)
    x = torch.rand(1, 3, 64, 64) * 0.2 + 0.4
    change = torch.einsum("ij,bjhw->bihw", net.to_ycc, net(x, 37) - x)
    assert 0.049 < change.abs().max() <= 0.05 + 1e-6


def test_qp_steers_every_stage():
    net = awake()
    net(torch.rand(1, 3, 64, 64), 37).sum().backward()
    films = [p.grad for name, p in net.named_parameters() if "film" in name or "embed" in name]
    assert len(films) >= 2 * (sum(net.config.blocks) + 2) and all((g != 0).any() for g in films)
    x = torch.rand(1, 3, 64, 64)
    assert (net(x, 22) - net(x, 47)).abs().mean() > 1e-3


def test_a_blind_network_does_the_same_at_every_qp_in_training_and_in_use():
    net, x = awake(qp_adaptive=False), torch.rand(1, 3, 32, 32)
    assert torch.equal(net(x, 20), net(x, 45)) and torch.equal(net.train()(x, 20), net.eval()(x, 45))
    assert not torch.equal(net(x, 20), x)


def test_batch_equals_loop():
    net = awake()
    x, qp = torch.rand(3, 3, 40, 56), torch.tensor([22.0, 37.0, 47.0])
    loop = torch.cat([net(x[i : i + 1], qp[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(net(x, qp), loop, rtol=1e-4, atol=1e-5)


def test_gradient_against_finite_differences():
    net = awake(widths=(4, 4), blocks=(1, 1), embedding=4).double()
    x = torch.rand(1, 3, 16, 16, dtype=torch.float64) * 0.4 + 0.3
    direction = torch.randn_like(x)
    x.requires_grad_()
    (slope,) = torch.autograd.grad((net(x, 37.0) ** 2).sum(), x)
    step = 1e-6
    up, down = ((net(x.detach() + s * step * direction, 37.0) ** 2).sum() for s in (1, -1))
    assert ((up - down) / (2 * step)).item() == pytest.approx((slope * direction).sum().item(), rel=1e-5)


def test_it_learns_a_blur_that_depends_on_qp():
    """A target inside its reach: no finest band at QP 45, the picture as it is at QP 20."""
    torch.manual_seed(0)
    net = Compact(CompactConfig(widths=(8, 16), blocks=(1, 1)))
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    qp, keep = torch.tensor([20.0, 20.0, 45.0, 45.0]), torch.tensor([1.0, 1.0, 0.0, 0.0])
    losses = []
    for _ in range(80):
        x = torch.rand(4, 3, 32, 32)
        target = x - (1 - keep)[:, None, None, None] * detail_bands(x, 1)[0]
        losses.append((net(x, qp) - target).square().mean())
        optimiser.zero_grad()
        losses[-1].backward()
        optimiser.step()
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize(
    "config", [{"widths": (8,), "blocks": (1, 1)}, {"kernel": 4}, {"bands": 4}, {"widths": (), "blocks": ()}]
)
def test_bad_configurations(config):
    with pytest.raises(ValueError, match="give"):
        CompactConfig(**config)
