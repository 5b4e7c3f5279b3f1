"""Bits of levels: contexts, gradients, exact JPEG codes."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from mvlib.virtual import rate, scan
from mvlib.virtual.rate import GroupRate, Levels
from mvlib.virtual.scan import optimal_length


def levels_of(scaled: torch.Tensor) -> Levels:
    return Levels("luma8", torch.round(scaled.detach()), scaled, torch.zeros(len(scaled), dtype=torch.long))


def test_scan_orders_begin_as_in_the_standards():
    zigzag = scan.scan_rank(4, False).reshape(4, 4).long()
    assert zigzag.tolist() == [[0, 1, 5, 6], [2, 4, 7, 12], [3, 8, 11, 13], [9, 10, 14, 15]]
    diagonal = scan.scan_rank(8, True).reshape(8, 8).long()
    assert diagonal[:4, :4].tolist() == [[0, 2, 5, 9], [1, 4, 8, 12], [3, 7, 11, 14], [6, 10, 13, 15]]
    assert diagonal[4, 0] == 16 and diagonal[0, 4] == 32 and diagonal[7, 7] == 63


def test_context_looks_at_higher_frequencies_only():
    m = torch.zeros(1, 64)
    m[0, 9] = 3  # row 1, column 1
    context = rate.level_context(m).reshape(8, 8)
    assert context[0, 0] > 0 and context[0, 1] > 0 and context[1, 0] > 0
    assert context[1, 1] == 0 and context[2:].sum() == 0


def test_probabilities_of_all_magnitudes_add_up_to_one():
    """The two flags and the sign are a proper code: 2^-bits of 0, ±1 and (±2 and above) sum to 1."""
    context = torch.rand(1, 64)
    zero, one, two = (
        rate.level_bits(torch.full((1, 64), float(m)), context, 8, GroupRate()) for m in (0, 1, 2)
    )
    total = 2**-zero + 2 * 2**-one + 2 * 2**-two
    assert torch.allclose(total, torch.ones_like(total), atol=1e-5)


def test_zero_blocks_and_what_lies_beyond_the_last_level_cost_nothing():
    empty = rate.block_bits(levels_of(torch.zeros(3, 64)), GroupRate(), True, False)
    assert all(t.abs().sum() == 0 for t in empty)
    first = torch.zeros(1, 64)
    first[0, 0] = 1
    bits, coded, last = rate.block_bits(levels_of(first), GroupRate(), True, False)
    alone = rate.level_bits(first, rate.level_context(first), 8, GroupRate())[0, 0]
    assert bits.item() == pytest.approx(alone.item()) and coded.item() == 1 and last.item() == 0


def test_slope_points_to_zero_and_is_never_flat_away_from_it():
    scaled = torch.tensor([-3.2, -0.4, -0.05, 0.05, 0.4, 0.9, 5.3]).requires_grad_()
    blocks = torch.zeros(7, 64).index_put((torch.arange(7), torch.full((7,), 3)), scaled)
    bits, _, _ = rate.block_bits(levels_of(blocks), GroupRate(), True, False)
    (slope,) = torch.autograd.grad(bits.sum(), scaled)
    assert torch.equal(torch.sign(slope), torch.sign(scaled.detach()))
    assert slope[4] > slope[3] > 0


def test_smooth_slope_is_the_slope_of_the_smooth_formula():
    scaled = (torch.rand(2, 64, dtype=torch.float64) * 3).requires_grad_()

    def smooth(u):
        m = rate.smooth_magnitude(u)
        return rate.level_bits(m, rate.level_context(m), 8, GroupRate()).sum()

    assert torch.autograd.gradcheck(smooth, scaled)
    bits, _, _ = rate.block_bits(levels_of(scaled), GroupRate(), True, False)
    (ours,) = torch.autograd.grad(bits.sum(), scaled)
    (formula,) = torch.autograd.grad(smooth(scaled), scaled)
    assert torch.allclose(ours, formula)


def test_smooth_is_that_of_the_rounded_levels():
    scaled = torch.tensor([[2.0] + [0.0] * 62 + [0.6]], dtype=torch.float64).requires_grad_()
    item = Levels("luma8", scaled * 1.1, scaled, torch.zeros(1, dtype=torch.long))
    (slope,) = torch.autograd.grad(rate.block_bits(item, GroupRate(), True, True)[0].sum(), scaled)
    held = (scaled.detach() * 1.1).requires_grad_()
    each = rate.level_bits(held.abs(), rate.level_context(held.abs()), 8, GroupRate()).sum()
    assert torch.allclose(slope, 1.1 * torch.autograd.grad(each, held)[0])


def test_optimal_code_of_known_frequencies():
    assert optimal_length([5.0, 5.0]) == pytest.approx(
        15, abs=1e-3
    )  # 1 + 2 bits: the code of all ones stays free
    assert optimal_length([8, 4, 2, 1]) == pytest.approx(8 + 8 + 6 + 4, abs=1e-3)


@pytest.mark.parametrize("quality", [5, 50, 95])
def test_jpeg_bits_are_the_file_s(quality):
    from mvlib.virtual import VirtualCodec

    rng = np.random.default_rng(0)
    smooth = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)).resize((96, 80), Image.BICUBIC)
    file = io.BytesIO()
    smooth.save(file, "JPEG", quality=quality, optimize=True)
    picture = torch.from_numpy(np.array(smooth)).permute(2, 0, 1)[None] / 255
    out = VirtualCodec.like("jpeg")(picture[:, None], quality=quality)
    assert out.bits.item() == pytest.approx(8 * file.tell(), rel=0.03)
    real = np.asarray(Image.open(file)).astype(float)
    assert np.abs(out.frames[0, 0].permute(1, 2, 0).numpy() * 255 - real).mean() < 1.2
