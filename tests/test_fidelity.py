"""What the fidelity report counts: signs of edits, the encoder against itself, agreement as paired gaps."""

import numpy as np
import pytest
import torch

from mvlib.fidelity.agreement import Agreement, measure, paired_gap, table
from mvlib.fidelity.signs import Change, agreeing, edits, sign_test, tremble


def change(virtual, real, twin=0.0, item=0, edit="blur", qp=27):
    return Change(item, qp, edit, virtual, real, twin)


def test_only_edits_that_fall_far_enough_are_asked_about():
    rows = [change(-0.01, -0.02), change(-0.004, 0.1), change(0.02, 0.1), change(-0.005, 0.01, item=1)]
    result = agreeing(rows)
    assert result["n"] == 2 and result["share"] == 0.5
    assert result["mean_change"] == pytest.approx({"virtual": -0.0075, "real": -0.005})
    assert result["interval"] == [
        0,
        1,
    ]  # two items, one right and one wrong: a draw may hold one of them alone


def test_the_encoder_against_itself_is_asked_about_what_its_twin_says():
    rows = [change(0.1, -0.02, twin=-0.01), change(-0.1, 0.02, twin=-0.01), change(-0.1, -0.1, twin=0.0)]
    assert agreeing(rows, "twin")["share"] == 0.5 and agreeing(rows, "twin")["n"] == 2
    assert agreeing(rows)["share"] == 0.5 and agreeing(rows)["interval"] is None  # one item has no interval


def test_nothing_fell():
    assert agreeing([change(0.1, 0.1)]) == {"n": 0, "share": None, "interval": None, "mean_change": {}}


def test_edits_and_qps_are_counted_apart_and_rows_are_kept():
    rows = [change(-0.1, -0.1), change(-0.1, 0.1, edit="noise"), change(-0.1, 0.1, qp=37, item=1)]
    result = sign_test(rows)
    assert result["all"]["share"] == pytest.approx(1 / 3)
    assert {name: row["share"] for name, row in result["edits"].items()} == {"blur": 0.5, "noise": 0.0}
    assert {qp: row["share"] for qp, row in result["qps"].items()} == {"27": 0.5, "37": 0.0}
    assert [Change(*row) for row in result["rows"]] == rows


def test_a_tremble_moves_one_sample_in_fifty_by_one_level():
    items = [np.full((2, 64, 64, 3), value, np.uint8) for value in (0, 128)]
    low, middle = tremble(items, 0)
    assert low.max() == 1 and (low == 1).mean() == pytest.approx(
        0.01, abs=0.003
    )  # the other half is cut off at 0
    moved = middle.astype(int) - 128
    assert set(np.unique(moved)) == {-1, 0, 1} and (moved != 0).mean() == pytest.approx(0.02, abs=0.004)
    assert (tremble(items, 0)[1] == middle).all() and (tremble(items, 1)[1] != middle).any()


def test_edits_are_small_and_the_gradient_steps_have_the_stated_size():
    g = torch.Generator().manual_seed(0)
    clip = torch.rand(2, 3, 3, 32, 32, generator=g) * 0.5 + 0.25
    slope = torch.randn(clip.shape, generator=g)
    found = list(edits(clip, slope, g))
    assert [name for name, _ in found].count("gradient") == 3 and len(found) == 13
    assert all((changed - clip).abs().max() < 0.2 for _, changed in found)
    steps = [255 * (c - clip).square().mean((1, 2, 3, 4)).sqrt() for name, c in found if name == "gradient"]
    for step, levels in zip(steps, (0.5, 1, 2), strict=True):
        assert step.tolist() == pytest.approx([levels, levels], rel=1e-4)


def test_the_gap_is_paired_and_its_interval_draws_sources():
    real = np.array([1, 1, 0, 0, 1, 1, 0, 0], bool)
    virtual = np.array([1, 1, 1, 0, 1, 1, 1, 0], bool)
    sources = list("aabbaabb")
    row = paired_gap(virtual, real, sources)
    assert row["real"] == 0.5 and row["virtual"] == 0.75 and row["gap"] == 25
    assert row["interval"] == [0, 50]  # of two sources, one has no gap and the other 50 points
    assert paired_gap(real, real, sources)["interval"] == [0, 0]


@pytest.mark.slow
def test_agreement_is_measured_with_the_real_networks_and_encoder():
    setup = Agreement(
        "x264", splits=("val",), size=96, crops=1, qps=(20, 51), analysers=("efficientnet_lite0",)
    )
    result = measure(setup, workers=1)
    assert result["n"] == 30 and set(result["qps"]) == {"20", "51"}
    fine, coarse = (result["qps"][qp]["efficientnet_lite0"] for qp in ("20", "51"))
    assert fine["real"] > 0.7 and fine["virtual"] > 0.7 and coarse["real"] < 0.5 and coarse["virtual"] < 0.5
    assert result["qps"]["20"]["all"] == fine  # one network: pooling changes nothing
    assert table({"x264": result}).count("\n") == 2 and "| x264 | 30 × 1 |" in table({"x264": result})
