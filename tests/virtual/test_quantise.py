"""Steps, dead zones and the roundings' limits."""

import pytest
import torch

from mvlib.virtual import quantise as q

INTEGERS_AND_HALVES = torch.arange(-5, 5.5, 0.5)


def test_step_doubles_every_six_and_is_one_at_four():
    steps = q.qstep(torch.tensor([0.0, 4, 10, 22, 27, 51]))
    assert steps.tolist() == pytest.approx([0.63, 1, 2, 8, 14.254, 228.07], rel=1e-3)


def test_hard_quantiser_at_integers_and_halves():
    """Half-to-even rounding would be wrong at every second half."""
    plain = [-5, -5, -4, -4, -3, -3, -2, -2, -1, -1, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    dead = [-5, -4, -4, -3, -3, -2, -2, -1, -1, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    assert q.hard(INTEGERS_AND_HALVES, 0.5).tolist() == plain
    assert q.hard(INTEGERS_AND_HALVES, 1 / 3).tolist() == dead
    edge = torch.tensor([0.666, 0.667, -0.667, 1.666, 1.667])
    assert q.hard(edge, 1 / 3).tolist() == [0, 1, -1, 1, 2]


@pytest.mark.parametrize("qp", [0.0, 51.0])
def test_quantising_at_both_ends_errs_by_less_than_a_step(qp):
    step = q.qstep(torch.tensor(qp))
    c = torch.linspace(-2000, 2000, 999)
    assert (q.hard(c / step, 1 / 3) * step - c).abs().max() <= 2 / 3 * step * 1.0001


def test_straight_through_has_hard_values_and_slope_one():
    u = INTEGERS_AND_HALVES.clone().requires_grad_()
    out = q.straight_through(u, 1 / 3)
    out.sum().backward()
    assert torch.equal(out.detach(), q.hard(INTEGERS_AND_HALVES, 1 / 3))
    assert torch.equal(u.grad, torch.ones_like(u))


def test_soft_rounding_tends_to_hard_and_to_the_identity():
    u = torch.linspace(-3, 3, 601) + 0.00123  # off the steps
    away = ((u.abs() + 1 / 3) % 1 - 0.5).abs() < 0.49
    assert torch.allclose(q.soft(1e-3)(u, 1 / 3)[away], q.hard(u, 1 / 3)[away], atol=1e-3)
    assert torch.allclose(q.soft(1e4)(u, 1 / 3), u, atol=1e-2)
    with pytest.raises(ValueError, match="temperature 0 must be above 0"):
        q.soft(0)


def test_soft_rounding_matches_finite_differences():
    u = torch.tensor([0.4, 0.9, 1.3, -2.2, 5.6], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: q.soft(0.3)(x, 1 / 3), u)


def test_noise_is_uniform_and_passes_the_gradient():
    torch.manual_seed(0)
    u = torch.zeros(20000, requires_grad=True)
    out = q.uniform_noise(u, 1 / 3)
    assert out.abs().max() <= 0.5 and out.var().item() == pytest.approx(1 / 12, rel=0.05)
    out.sum().backward()
    assert torch.equal(u.grad, torch.ones_like(u))


@pytest.mark.parametrize("standard", ["h264", "h265"])
def test_chroma_qp_table(standard):
    qp = torch.tensor([0.0, 29, 30, 35, 43, 51])
    last = {"h265": [37.0, 45.0], "h264": [37.0, 39.0]}[standard]
    assert q.chroma_qp(qp, standard).tolist() == [0, 29, 29, 33, *last]
    assert q.chroma_qp(torch.tensor([35.5]), standard).item() == pytest.approx(33.5)


def test_unknown_route_is_named():
    with pytest.raises(
        ValueError, match="route 'hard' is unknown; choose one of straight_through, noise, soft"
    ):
        q.rounding_of("hard", 0.2)
