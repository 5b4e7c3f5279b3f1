"""Block transforms are orthonormal and those of the standards, forward and backward."""

import numpy as np
import pytest
import torch
from scipy.fft import dctn

from mvlib.virtual import transform

KINDS = [("dct", 4), ("dct", 8), ("dct", 16), ("dct", 32), ("dst", 4), ("nested", 8), ("nested", 16)]


@pytest.mark.parametrize(("kind", "k"), KINDS)
def test_orthonormal_and_inverse(kind, k):
    full = transform.matrix(kind, k, like=torch.zeros((), dtype=torch.float64))
    assert torch.allclose(full @ full.T, torch.eye(k * k, dtype=torch.float64), atol=1e-12)
    rows = torch.randn(5, k * k, dtype=torch.float64)
    assert torch.allclose(transform.inverse(transform.forward(rows, kind), kind), rows, atol=1e-12)


@pytest.mark.parametrize("k", [4, 8, 16, 32])
def test_dct_is_scipys_forward_and_backward(k):
    rows = torch.randn(3, k * k, dtype=torch.float64, requires_grad=True)
    ours = transform.forward(rows)
    scipys = torch.from_numpy(dctn(rows.detach().reshape(3, k, k).numpy(), axes=(1, 2), norm="ortho"))
    assert torch.allclose(ours.reshape(3, k, k), scipys, atol=1e-12)
    weights = torch.randn(3, k * k, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((ours * weights).sum(), rows)
    assert torch.allclose(
        gradient, transform.inverse(weights), atol=1e-12
    )  # orthonormal: the transpose is the inverse


def test_dst_is_hevcs_integer_matrix_over_128():
    standard = np.array([[29, 55, 74, 84], [74, 74, 0, -74], [84, -29, -74, 55], [55, -84, 74, -29]])
    assert np.abs(transform.dst_basis(4) * 128 - standard).max() < 0.2


def test_blocks_are_in_raster_order_and_come_back():
    plane = torch.arange(2 * 8 * 12.0).reshape(2, 1, 8, 12)
    blocks = transform.to_blocks(plane, 4)
    assert blocks.shape == (2, 6, 16)
    assert torch.equal(blocks[1, 4].reshape(4, 4), plane[1, 0, 4:, 4:8])
    assert torch.equal(transform.from_blocks(blocks, 8, 12), plane)


@pytest.mark.parametrize("k", [8, 16])
def test_nested_transform_of_a_flat_block_is_one_dc_value(k):
    dc, ac = transform.split_nested(transform.forward(torch.full((1, k * k), 3.0), "nested"))
    assert dc[0, 0].item() == pytest.approx(3 * k)
    assert dc[0, 1:].abs().max() < 1e-5 and ac.abs().max() < 1e-5
    assert ac.shape == ((k // 4) ** 2, 16)
