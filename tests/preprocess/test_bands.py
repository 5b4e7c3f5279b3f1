import pytest
import torch

from mvlib.preprocess import detail_bands


@pytest.mark.parametrize("count", [0, 1, 3])
def test_bands_of_a_constant_are_zero_to_the_border(count):
    bands = detail_bands(torch.full((1, 3, 16, 19), 0.3), count)
    assert len(bands) == count and all(b.abs().max() < 1e-6 for b in bands)


def test_an_impulse_gives_the_binomial_filter():
    x = torch.zeros(1, 1, 17, 17, dtype=torch.float64)
    x[..., 8, 8] = 1
    blurred = x - detail_bands(x, 1)[0]
    tap = torch.tensor([0.25, 0.5, 0.25], dtype=torch.float64)
    torch.testing.assert_close(blurred[0, 0, 7:10, 7:10], tap[:, None] * tap)


@pytest.mark.parametrize("count, deviation", [(1, 0.71), (2, 1.58), (3, 3.24)])
def test_reach_of_the_blurs(count, deviation):
    x = torch.zeros(1, 1, 65, 65, dtype=torch.float64)
    x[..., 32, 32] = 1
    blurred = x - sum(detail_bands(x, count))
    at = torch.arange(65, dtype=torch.float64) - 32
    assert blurred.sum().item() == pytest.approx(1)
    assert (blurred[0, 0].sum(0) * at**2).sum().sqrt().item() == pytest.approx(deviation, abs=0.005)
