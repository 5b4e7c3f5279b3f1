"""Fitting rates: weights that made the bits are found again, fitted log-odds cost fewer bits, what is absent is 0."""

import subprocess
import sys

import pytest
import torch

from mvlib.calibration.fit import aligned, errors, fit_groups, fit_weights
from mvlib.virtual.rate import GroupRate, Levels, block_bits


def test_weights_that_made_the_bits_are_found_again():
    g = torch.Generator().manual_seed(0)
    features = {name: 1000 * torch.rand(400, generator=g) for name in ("luma8.levels", "luma8.coded")}
    qp = torch.randint(20, 48, (400,), generator=g).float()
    bits = 500 + 1.3 * features["luma8.levels"] + 0.4 * features["luma8.coded"]
    rate = fit_weights(features, qp, bits, {}, header=600.0)
    assert rate.weights == pytest.approx({"luma8.levels": 1.3, "luma8.coded": 0.4}, rel=0.05)
    assert rate.header == pytest.approx(500, rel=0.05)
    found = errors(rate.bits(features, qp), bits, qp)
    assert found["median_relative_error"] < 0.005 and found["pearson_log"] > 0.9999
    assert found["spearman_least"] > 0.99


def test_fitted_log_odds_cost_fewer_bits_than_the_defaults():
    g = torch.Generator().manual_seed(1)
    falling = torch.exp(-torch.arange(16.0) / 3)
    values = (3 * falling * torch.randn(3000, 16, generator=g)).round()
    levels = Levels("luma4", values, values, torch.zeros(3000, dtype=torch.long))
    fitted = fit_groups([[levels]], grouped=True)["luma4"]
    cost = {rate: block_bits(levels, rate, True, False)[0].sum().item() for rate in (GroupRate(), fitted)}
    assert cost[fitted] < 0.98 * cost[GroupRate()]  # measured: 0.96


def test_too_few_levels_keep_the_defaults():
    levels = Levels("luma4", torch.ones(3, 16), torch.ones(3, 16), torch.zeros(3, dtype=torch.long))
    assert fit_groups([[levels]], grouped=False) == {"luma4": GroupRate()}


def test_a_feature_that_a_batch_lacks_is_zero_there():
    rows = [{"a": torch.ones(2)}, {"b": torch.ones(3)}]
    assert {n: [p.tolist() for p in parts] for n, parts in aligned(rows, [2, 3]).items()} == {
        "a": [[1, 1], [0, 0, 0]],
        "b": [[0, 0], [1, 1, 1]],
    }


@pytest.mark.parametrize("command", ["rates", "qp_tables"])
def test_the_documented_commands_are_there(command):
    done = subprocess.run(
        [sys.executable, "-m", "mvlib.calibration", command, "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "--workers" in done.stdout
