import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mvlib.preprocess import NPP, NPPConfig, paper_lambda
from mvlib.preprocess.npp import PAPER_QP_LAMBDA


def test_size_is_the_papers():
    """9.42 M parameters beside 39 k in the gain nets, 203.7 kMAC per pixel."""
    net = NPP().eval()
    gains = sum(p.numel() for name, p in net.named_parameters() if "gain" in name)
    assert gains == 39_302
    assert sum(p.numel() for p in net.parameters()) - gains == pytest.approx(9.42e6, abs=5e3)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        net(torch.rand(1, 3, 256, 256), 37)
    assert counter.get_total_flops() / 2 / 256**2 == pytest.approx(203.7e3, abs=50)


def test_lambda_meets_the_pairs_of_the_paper():
    qp, value = torch.tensor(PAPER_QP_LAMBDA, dtype=torch.float64).unbind(1)
    torch.testing.assert_close(paper_lambda(qp), value)
    # Log-linear in between: halfway from (34, 2) to (37, 1) is the square root of 2.
    torch.testing.assert_close(paper_lambda(torch.tensor([35.5])), torch.tensor([2**0.5]))
    torch.testing.assert_close(paper_lambda(torch.tensor([0.0, 51.0])), torch.tensor([16.0, 0.25]))


def test_lambda_falls_with_qp():
    assert (paper_lambda(torch.linspace(25, 44, 200)).diff() < 0).all()


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_skip_starts_as_the_identity(norm):
    x = torch.rand(2, 3, 40, 56)
    assert torch.equal(NPP(NPPConfig(skip=True, norm=norm)).eval()(x, 37), x)


def test_skip_can_darken_after_a_step():
    """Without the last ReLUs the residual has both signs."""
    torch.manual_seed(0)
    net = NPP(NPPConfig(skip=True, norm="group"))
    x = torch.rand(1, 3, 64, 64) * 0.5 + 0.25
    optimiser = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(3):
        loss = net(x, 37).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert (net(x, 37) < x).float().mean() > 0.9


def test_every_parameter_of_the_gain_nets_learns():
    torch.manual_seed(0)
    net = NPP(NPPConfig(norm="group"))
    net(torch.rand(2, 3, 64, 64), torch.tensor([27.0, 44.0])).square().mean().backward()
    last_bias = [p.grad for name, p in net.named_parameters() if "gain" in name and name.endswith("2.bias")]
    assert len(last_bias) == 8
    # The two of the pixel branch may sit behind a dead ReLU of the paper's own.
    assert all((g != 0).float().mean() > 0.9 for g in last_bias if len(g) > 3)


def test_batch_equals_loop_with_group_norm():
    torch.manual_seed(0)
    net = NPP(NPPConfig(norm="group"))
    x, qp = torch.rand(2, 3, 64, 64), torch.tensor([27.0, 44.0])
    with torch.inference_mode():
        loop = torch.cat([net(x[i : i + 1], qp[i : i + 1]) for i in range(2)])
        torch.testing.assert_close(net(x, qp), loop, rtol=1e-4, atol=1e-5)


def test_unknown_norm():
    with pytest.raises(ValueError, match="norm is 'layer'"):
        NPP(NPPConfig(norm="layer"))
