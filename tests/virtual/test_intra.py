"""Neighbours, prediction rules and the choice of blocks, against the standards' own wording."""

import pytest
import torch

from mvlib.virtual import partition, transform
from mvlib.virtual.intra import code_plane
from mvlib.virtual.neighbours import neighbour_index
from mvlib.virtual.predictors import prediction_matrices
from mvlib.virtual.quantise import hard, qstep
from mvlib.virtual.settings import SETTINGS


def surroundings(picture: torch.Tensor, k: int) -> torch.Tensor:
    """The 4k+1 neighbours of the block whose first sample is picture[1, 1]."""
    return torch.cat([picture[1 : 2 * k + 1, 0].flip(0), picture[:1, 0], picture[0, 1 : 2 * k + 1]])


@pytest.mark.parametrize(
    ("standard", "k", "modes"), [("h265", 16, 35), ("h265", 32, 35), ("h264", 8, 9), ("h264", 16, 4)]
)
def test_every_mode_keeps_a_flat_area(standard, k, modes):
    rows = prediction_matrices(standard, k, tuple(range(modes))).sum(-1)
    assert torch.allclose(rows, torch.ones_like(rows), atol=1e-5)


# Pictures that do not change along a direction are predicted exactly by that direction's mode.
STRIPES = [
    ("h265", 8, 26, lambda y, x: x),
    ("h265", 8, 10, lambda y, x: y),
    ("h265", 8, 18, lambda y, x: x - y),
    ("h265", 8, 34, lambda y, x: x + y),
    ("h265", 8, 2, lambda y, x: x + y),
    ("h265", 8, 22, lambda y, x: x - 13 / 32 * y),
    ("h264", 4, 0, lambda y, x: x),
    ("h264", 4, 3, lambda y, x: x + y),
    ("h264", 4, 4, lambda y, x: x - y),
    ("h264", 4, 5, lambda y, x: 2 * x - y),
    ("h264", 4, 6, lambda y, x: 2 * y - x),
    ("h264", 4, 7, lambda y, x: 2 * x + y),
    ("h264", 16, 3, lambda y, x: 3 * x - 2 * y),
]


@pytest.mark.parametrize(("standard", "k", "mode", "ramp"), STRIPES)
def test_directions_continue_their_stripes(standard, k, mode, ramp):
    y, x = torch.meshgrid(torch.arange(2 * k + 1.0), torch.arange(2 * k + 1.0), indexing="ij")
    picture = ramp(y, x) / 4
    # Chroma's rules: no smoothing at the corner and no edge filter, which bend a ramp's ends.
    matrix = prediction_matrices(standard, k, (mode,), luma=standard == "h264")[0]
    got = (matrix @ surroundings(picture, k)).reshape(k, k)
    inner = slice(0, k // 2) if standard == "h264" else slice(0, k)
    assert (got[inner, inner] - picture[1 : k + 1, 1 : k + 1][inner, inner]).abs().max() < 0.3


def test_neighbours_follow_the_coding_order():
    index = neighbour_index(16, 16, 8, 16)
    assert (index[0] == 256).all()  # nothing is coded yet: 128
    second = index[1]  # upper right: left column is there, below it not yet; no row above
    assert second[:8].eq(7 * 16 + 7).all() and second[15] == 7 and second[16:].eq(7).all()
    third = index[2]  # lower left: above and above right are there
    assert third[17:].tolist() == [7 * 16 + x for x in range(16)]
    fourth = index[3]  # lower right: above right is outside, below left not coded
    assert fourth[17:].tolist() == [7 * 16 + min(8 + x, 15) for x in range(16)]


def test_chosen_sizes_cover_the_plane_once_and_cost_least():
    torch.manual_seed(0)
    costs = {k: torch.rand(2, (64 // k) ** 2) * k * k for k in (4, 8, 16, 32)}
    used = partition.choose_sizes(costs, 64, 64, free_tree=True)
    cover = sum(
        m.reshape(2, 64 // k, 64 // k).repeat_interleave(k, 1).repeat_interleave(k, 2).int()
        for k, m in used.items()
    )
    assert cover.eq(1).all()
    total = sum((costs[k] * m).sum(1) for k, m in used.items())
    assert all((total <= costs[k].sum(1) + 1e-4).all() for k in costs)
    shared = partition.choose_sizes({k: costs[k] for k in (4, 8, 16)}, 64, 64, free_tree=False)
    assert shared[4].sum() * 16 + shared[8].sum() * 64 + shared[16].sum() * 256 == 2 * 64 * 64


@pytest.mark.parametrize("name", ["x264", "x265"])
def test_decoding_repeats_what_the_encoder_had(name):
    """Prediction plus dequantised levels, done again from the levels alone, is the decoded plane."""
    torch.manual_seed(0)
    settings = SETTINGS[name]
    plane = torch.nn.functional.avg_pool2d(torch.rand(1, 1, 68, 68) * 255, 5, 1)
    qp = torch.tensor([30.0])
    step = qstep(qp)
    tried = {k: partition.size_costs(plane, plane, qp, step, settings, k) for k in settings.luma_sizes}
    used = partition.choose_sizes({k: c for k, (c, _) in tried.items()}, 64, 64, settings.free_tree)
    modes = {k: m for k, (_, m) in tried.items()}
    chosen = partition.collect(used, modes, {k: len(m) for k, m in settings.luma_modes.items()})
    decoded, _ = code_plane(plane, plane, chosen, step, hard, settings)
    error = (decoded - plane).abs()
    assert error.max() < 6 * step.item()
    # Orthonormal: the squared error is that of the levels, at most (1 - offset) of a step for each coefficient.
    assert error.square().mean().sqrt() < (1 - settings.intra_offset) * step.item()


def test_low_frequencies_of_a_large_block_are_its_first_rows_and_columns():
    ramp = torch.linspace(0, 1, 32).repeat(32, 1).reshape(1, -1)
    low, _ = partition.mode_spectra("h265", 32, "dct", (0, 1), True)
    kept = transform.forward(ramp)[:, low]
    assert kept.shape == (1, 64)
    assert kept.square().sum() > 0.999 * ramp.square().sum()
