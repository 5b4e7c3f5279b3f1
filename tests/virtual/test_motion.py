"""Motion search and compensation: translations found exactly, gradients to the reference, borders, vector bits."""

import numpy as np
import pytest
import torch

from mvlib.virtual.interpolate import (
    CELL,
    chroma_phases,
    fetch,
    luma_phases,
)
from mvlib.virtual.motion import exp_golomb_bits, neighbour_median, search
from mvlib.virtual.transform import from_cells, to_cells

SIZE = 96


def wave_field(shift_x: float, shift_y: float, size: int = SIZE) -> torch.Tensor:
    """A sum of slow waves (1, 1, size, size) around 128, which moves by any fraction of a sample exactly."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:size, :size].astype(float)
    out = np.zeros((size, size))
    for _ in range(40):
        u, v = rng.uniform(-0.9, 0.9, 2)  # radians a sample: well below pi
        out += rng.uniform(0.5, 1) * np.cos(u * (x + shift_x) + v * (y + shift_y) + rng.uniform(0, 6.28))
    return torch.from_numpy(128 + 10 * out).float()[None, None]


def inner(field: torch.Tensor, k: int) -> torch.Tensor:
    """Vectors of the blocks whose match lies inside the picture."""
    edge = -(-32 // k)
    return field[:, edge:-edge, edge:-edge].reshape(-1, 2)


@pytest.mark.parametrize("kind", ["hevc", "h264"])
@pytest.mark.parametrize("x, y", [(0, 0), (12, -20), (-28, 8), (2, 0), (-6, 10), (0, -2), (5, 3), (-1, 7)])
def test_translation_in_quarter_samples_is_found_exactly(kind, x, y):
    reference, current = wave_field(0, 0), wave_field(x / 4, y / 4)
    found = search(current, luma_phases(reference, kind), torch.tensor([1.0]), blocks=(8, 16, 32))
    for k in (8, 16):
        assert (inner(found[k], k) == torch.tensor([x, y])).all(), f"block {k}"
    assert (found[32][:, 1, 1] == torch.tensor([x, y])).all()


@pytest.mark.parametrize("x, y", [(22, -14), (-30, 29)])
def test_large_translation_is_found_through_the_pyramid(x, y):
    torch.manual_seed(0)
    small = torch.rand(1, 1, 72, 72) * 255
    scene = torch.nn.functional.interpolate(small, scale_factor=4, mode="bicubic").clamp(0, 255)
    reference = scene[..., 48:240, 48:240]
    current = scene[..., 48 + y : 240 + y, 48 + x : 240 + x]
    found = search(current, luma_phases(reference), torch.tensor([2.0]))
    assert (inner(found[16], 16) == torch.tensor([4 * x, 4 * y])).all()


def test_search_spends_no_bits_on_noise():
    torch.manual_seed(1)
    flat = torch.full((1, 1, 64, 64), 100.0)
    noisy = flat + torch.randn_like(flat)
    found = search(noisy, luma_phases(flat), torch.tensor([50.0]))
    assert all((v == 0).all() for v in found.values())


def test_search_rejects_a_picture_that_is_not_padded():
    with pytest.raises(ValueError, match="multiple of the largest block, 32"):
        search(torch.zeros(1, 1, 40, 64), luma_phases(torch.zeros(1, 1, 40, 64)), torch.ones(1))


def test_batch_equals_one_by_one():
    a, b = wave_field(0, 0), wave_field(1.5, -3)
    reference, current = torch.cat([a, b]), torch.cat([b, a])
    lam = torch.tensor([1.0, 40.0])
    together = search(current, luma_phases(reference), lam)
    for i in range(2):
        alone = search(current[i : i + 1], luma_phases(reference[i : i + 1]), lam[i : i + 1])
        for k, field in alone.items():
            assert torch.equal(field[0], together[k][i])


@pytest.mark.parametrize("kind", ["hevc", "h264"])
def test_zero_vectors_give_the_reference_itself(kind):
    picture = torch.rand(2, 1, 32, 48) * 255
    still = torch.zeros(2, 4, 6, 2, dtype=torch.long)
    assert torch.equal(from_cells(fetch(luma_phases(picture, kind), still)), picture)
    chroma = torch.rand(2, 2, 16, 24)
    assert torch.equal(from_cells(fetch(chroma_phases(chroma, kind), still, CELL // 2)), chroma)


@pytest.mark.parametrize("kind", ["hevc", "h264"])
@pytest.mark.parametrize("x, y", [(2, 0), (0, 2), (2, 2), (1, 0), (3, 1), (-5, 6), (1, 3)])
def test_fractions_of_a_sample_follow_a_smooth_picture(kind, x, y):
    reference, moved = wave_field(0, 0), wave_field(x / 4, y / 4)
    vectors = torch.tensor([x, y]).expand(1, SIZE // 8, SIZE // 8, 2)
    got = from_cells(fetch(luma_phases(reference, kind), vectors))
    error = (got - moved)[..., 16:-16, 16:-16].square().mean().sqrt()
    assert error < 0.02 * moved.std()  # the standards' short filters leave 0.4 to 1.7 %


@pytest.mark.parametrize("kind, tolerance", [("hevc", 0.02), ("h264", 0.06)])
def test_chroma_reads_the_same_vector_in_eighths(kind, tolerance):
    reference, moved = wave_field(0, 0, 48), wave_field(5 / 8, -3 / 8, 48)
    vectors = torch.tensor([5, -3]).expand(1, 12, 12, 2)
    got = from_cells(fetch(chroma_phases(reference, kind), vectors, 4))
    error = (got - moved)[..., 8:-8, 8:-8].abs().mean()
    assert error < tolerance * moved.std()


def test_vectors_far_outside_read_the_repeated_border():
    picture = torch.rand(1, 1, 32, 32)
    left = torch.tensor([-4 * 1000, 0]).expand(1, 4, 4, 2)
    assert torch.allclose(
        from_cells(fetch(luma_phases(picture), left)), picture[..., :1].expand_as(picture), atol=1e-5
    )
    corner = torch.tensor([4 * 77 + 1, 4 * 50 + 3]).expand(1, 4, 4, 2)
    got = from_cells(fetch(luma_phases(picture), corner))
    assert torch.allclose(got, picture[..., -1:, -1:].expand_as(got), atol=1e-5)


@pytest.mark.parametrize("kind", ["hevc", "h264"])
@pytest.mark.parametrize("make, block", [(luma_phases, 8), (chroma_phases, 4)])
def test_gradient_to_the_reference_is_the_finite_difference(kind, make, block):
    torch.manual_seed(2)
    reference = torch.rand(1, 1, 2 * block, 2 * block, dtype=torch.float64, requires_grad=True)
    vectors = torch.randint(-40, 40, (1, 2, 2, 2))
    assert torch.autograd.gradcheck(lambda r: fetch(make(r, kind), vectors, block), reference)


def test_unknown_interpolation_names_the_choice():
    with pytest.raises(ValueError, match=r"'av1' is unknown; choose one of hevc, h264"):
        luma_phases(torch.zeros(1, 1, 8, 8), "av1")


def test_exp_golomb_table():
    assert exp_golomb_bits(torch.tensor([[0], [1], [-1], [2], [-3], [4], [-7], [8]])).tolist() == [
        1,
        3,
        3,
        5,
        5,
        7,
        7,
        9,
    ]
    assert exp_golomb_bits(torch.tensor([3, -3])).item() == 10


def test_median_prediction_by_hand():
    field = torch.tensor([[[1, 0], [5, 0], [2, 0]], [[9, 0], [4, 0], [3, 0]]])[None]
    assert neighbour_median(field)[0, ..., 0].tolist() == [[0, 1, 5], [1, 5, 2]]


def test_blocks_round_trip():
    plane = torch.rand(2, 3, 16, 24)
    assert torch.equal(from_cells(to_cells(plane, CELL)), plane)
