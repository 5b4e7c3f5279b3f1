import json

import numpy as np
import pytest
import torch

from mvlib.training.batches import Steps
from mvlib.training.experiment import ImageTraining
from mvlib.training.loop import Trainer
from mvlib.training.objective import Objective
from mvlib.training.slope import Slope

QPS = np.array([22.0, 27, 32, 37, 42, 47])


def power_law(exponent):
    """A codec whose rate halves every six QPs, and whose KL grows as rate to the -``exponent``."""
    bpp = 2.0 ** (-(QPS - 37) / 6)
    return Slope(QPS, bpp, 0.3 * bpp**-exponent)


@pytest.mark.parametrize("exponent", [0.7, 1.0, 1.6])
def test_the_slope_of_a_power_law_is_its_derivative(exponent):
    # KL = 0.3 bpp^-e  =>  -d(bpp)/d(KL) = bpp^(e+1) / (0.3 e)
    qp = torch.tensor([24.0, 32.0, 40.5])
    bpp = 2.0 ** (-(qp - 37) / 6)
    torch.testing.assert_close(
        power_law(exponent)(qp), bpp ** (exponent + 1) / (0.3 * exponent), rtol=1e-4, atol=0
    )
    torch.testing.assert_close(power_law(exponent).bpp(qp), bpp, rtol=1e-4, atol=0)


def test_moving_along_the_codecs_own_curve_leaves_the_objective_flat():
    slope = power_law(1.2)
    qp = torch.tensor([35.0, 35.01])
    bpp = slope.bpp(qp)
    kl = 0.3 * bpp**-1.2
    weight = slope(torch.tensor([35.005]))
    cost = bpp + weight * kl
    assert abs(float(cost[1] - cost[0])) < 0.01 * float(bpp[0] - bpp[1])


def test_a_curve_that_cannot_be_one_is_refused():
    with pytest.raises(ValueError, match="rates fall"):
        Slope([22, 27], [1, 2], [0.1, 0.2])
    with pytest.raises(ValueError, match="KL must rise"):
        Slope([22, 27], [2, 1], [0.2, 0.1])
    with pytest.raises(ValueError, match=r"KL must be above 0 .*; got 0\.0 at QP 22"):
        Slope([22, 27], [2, 1], [0.0, 0.1])
    with pytest.raises(ValueError, match=r"bpp must be above 0 .*; got 0 at QP 27"):
        Slope([22, 27], [2, 0], [0.05, 0.1])


def test_a_training_at_qps_that_nobody_measured_is_refused(tmp_path):
    """The slope of QP 22 at QP 10, where the rate is three times as high, would weigh the task wrongly."""
    with pytest.raises(ValueError, match=r"measured at QP 22\.\.47, .* 10\.\.47") as refused:
        Trainer(ImageTraining(qp_low=10, workers=0, device="cpu"), tmp_path)
    assert "--qps '[7, 12, 17, 22, 27, 32, 37, 42, 47]'" in str(refused.value)
    with pytest.raises(ValueError, match=r"24\.\.51: .*47, 51\]'"):
        Trainer(ImageTraining(qp_high=51, workers=0, device="cpu"), tmp_path)
    Trainer(ImageTraining(qp_low=22, workers=0, device="cpu"), tmp_path)


def test_reading_says_which_command_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="mvlib evaluate image --split train"):
        Slope.read(tmp_path / "none.json", "x265", "efficientnet_lite0")
    path = tmp_path / "anchor.json"
    results = {"qp": [22, 27], "bpp": [2, 1], "kl:a": [0.1, 0.2], "divergence:d": [0.1, 0.3]}
    path.write_text(
        json.dumps({"curves": [{"codec": "x265", "condition": "codec alone", "results": results}]})
    )
    assert float(Slope.read(path, "x265", "a").bpp(torch.tensor([27.0]))) == pytest.approx(1)
    assert float(Slope.read(path, "x265", "d")(torch.tensor([24.0]))) > 0, (
        "a detector's divergence serves as well"
    )
    with pytest.raises(ValueError, match="no curve of x264"):
        Slope.read(path, "x264", "a")


def test_curves_of_another_gop_are_refused(tmp_path):
    """The QP of a stock encoder's I frame is three lower: its slope read for an intra codec was 1.4 times too high."""
    path = tmp_path / "anchor.json"
    results = {"qp": [22, 27], "bpp": [2, 1], "kl:a": [0.1, 0.2]}
    curve = {"codec": "x265", "condition": "codec alone", "results": results}
    path.write_text(json.dumps({"options": {"gop": "stock"}, "curves": [curve]}))
    Slope.read(path, "x265", "a", gop="stock")
    with pytest.raises(ValueError, match=r"'stock'}, not {'gop': 'intra'}.*--gop intra"):
        Slope.read(path, "x265", "a", gop="intra")


def test_the_virtual_codec_and_the_measured_curve_are_of_one_codec():
    """Untouched photographs cost, in the virtual codec, what the anchor says: a share of about 1."""
    training = ImageTraining(batch=8, workers=0)
    x, qp = Steps(training)[0]
    with torch.no_grad():
        parts = Objective(training)(x, x, qp, "x265")
    assert 0.8 < float(parts["rate"]) < 1.25


@pytest.mark.parametrize(
    "options",
    [
        {"route": "proxy"},
        {"qp_low": 40, "qp_high": 30},
        {"steps": 0},
        {"analysers": ()},
        {"ema": 1.0},
        {"ema": -0.1},
    ],
)
def test_impossible_trainings_are_refused(options):
    with pytest.raises(ValueError):
        ImageTraining(**options)
