"""Deblocking smooths the edges that it should, leaves the rest, and is differentiable."""

import pytest
import torch

from mvlib.virtual.loopfilter import block_edges, deblock

STRENGTH = {"h265": 2.0, "h264": 3.0}


def steps(height: float) -> torch.Tensor:
    """A 32×32 plane with a vertical edge of that height at column 16."""
    plane = torch.full((1, 1, 32, 32), 100.0)
    plane[..., 16:] += height
    return plane


def edges(standard: str, column: int) -> tuple[torch.Tensor, torch.Tensor]:
    vertical = torch.zeros(1, 8, 8)
    vertical[..., column // 4] = STRENGTH[standard]
    return vertical, torch.zeros(1, 8, 8)


@pytest.mark.parametrize("standard", ["h264", "h265"])
@pytest.mark.parametrize("chroma", [False, True])
def test_small_steps_shrink_and_contours_stay(standard, chroma):
    qp = torch.tensor([37.0])
    small = deblock(steps(6), qp, *edges(standard, 16), standard, chroma)
    assert (small[..., 16] - small[..., 15]).max() < 5
    assert torch.equal(small[..., :12], steps(6)[..., :12])
    if not chroma or standard == "h264":
        assert torch.equal(deblock(steps(135), qp, *edges(standard, 16), standard, chroma), steps(135))


@pytest.mark.parametrize("standard", ["h264", "h265"])
def test_nothing_happens_without_edges_or_at_low_qp(standard):
    none = torch.zeros(1, 8, 8)
    assert torch.equal(deblock(steps(6), torch.tensor([37.0]), none, none, standard), steps(6))
    assert torch.equal(deblock(steps(6), torch.tensor([5.0]), *edges(standard, 16), standard), steps(6))


@pytest.mark.parametrize("standard", ["h264", "h265"])
def test_both_directions_are_the_same_filter(standard):
    torch.manual_seed(0)
    plane = 100 + 4 * torch.rand(1, 1, 32, 32)
    v, h = edges(standard, 8)
    qp = torch.tensor([40.0])
    turned = deblock(plane.transpose(2, 3), qp, h.transpose(1, 2), v.transpose(1, 2), standard).transpose(
        2, 3
    )
    assert torch.equal(deblock(plane, qp, v, h, standard), turned)


@pytest.mark.parametrize("standard", ["h264", "h265"])
def test_gradient_matches_finite_differences(standard):
    torch.manual_seed(0)
    plane = (100 + torch.rand(1, 1, 4, 16, dtype=torch.float64)).requires_grad_()
    vertical = torch.zeros(1, 1, 4, dtype=torch.float64)
    vertical[..., 2] = STRENGTH[standard]
    qp = torch.tensor([37.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda p: deblock(p, qp, vertical, torch.zeros_like(vertical), standard), plane
    )


def test_edges_are_where_blocks_begin():
    used = {8: torch.tensor([[True, True, False, False]]), 4: torch.zeros(1, 16, dtype=torch.bool)}
    used[4][0, 8:] = True
    vertical, horizontal = block_edges(used, 16, 16)
    assert vertical[0].int().tolist() == [[1, 0, 1, 0], [1, 0, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1]]
    assert horizontal[0].int().tolist() == [[1, 1, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]]
