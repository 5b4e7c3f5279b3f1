"""What is written of measurements: numbers that are not known, intervals that there are not, tables that say so."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from test_averages import precision

from mvlib.errors import InputError
from mvlib.evaluation import CurveError, Report
from mvlib.evaluation.averages import Drawn
from mvlib.evaluation.bootstrap import Interval, bootstrap_bd_rate, bootstrap_difference, weightings
from mvlib.evaluation.experiment import ANCHOR, Experiment
from mvlib.evaluation.markdown import bd_table, curve_table, light_table, quality_table, savings_table
from mvlib.evaluation.matching import Matches
from mvlib.evaluation.material import Material
from mvlib.evaluation.measurements import Measurements
from mvlib.evaluation.report import make_report, save_json

EXPERIMENT = Experiment(codecs=("x264",), conditions=(ANCHOR, "blur 0.8"), qps=(30, 37, 44), draws=40)
SOURCES = [f"photo {i}" for i in range(6)]


def measured(label=None, saving: float = 0.8, loss: float = 1.0):
    """Six pictures at three QPs: for a share of the bits the same quality, or a share of the KL."""
    rate = np.linspace(1, 2, 6)[:, None] * [0.8, 0.4, 0.2]
    kl = np.linspace(0.5, 1.5, 6)[:, None] * [0.01, 0.1, 1.0]
    rows = {ANCHOR: rate, "blur 0.8": saving * rate}
    scores = {} if label is None else {("a", "label"): label}
    return {
        ("x264", name): Measurements(
            bpp, {"psnr-rgb": 40 - bpp}, {("a", "kl"): kl if name == ANCHOR else loss * kl} | scores
        )
        for name, bpp in rows.items()
    }


def report(results, sources=SOURCES):
    material = Material("made up", "nothing", len(sources), lambda i: None)
    return make_report(EXPERIMENT, results, sources, "the command", material)


def saved(report, path):
    """``report`` as a reader gets it who takes JSON by its letter."""

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    save_json(report, path / "report.json")
    return json.loads((path / "report.json").read_text(), parse_constant=refuse)


def test_rows_are_compared_with_the_one_that_is_named():
    material = Material("made up", "nothing", 6, lambda i: None)
    experiment = replace(EXPERIMENT, conditions=("blur 0.8", ANCHOR), against="blur 0.8")
    (gain,) = make_report(experiment, measured(), SOURCES, "the command", material)["bd_rates"]
    assert gain["condition"] == ANCHOR and gain["bd_rate"] == pytest.approx(25, abs=1e-3)
    with pytest.raises(ValueError, match="which is no row; there are codec alone"):
        replace(EXPERIMENT, against="blur 0.5")


def test_finer_points_may_be_shown_without_counting():
    """At QP 30 the blur costs bits, at 37 and 44 it saves a fifth."""
    material, results = Material("made up", "nothing", 6, lambda i: None), measured()
    results["x264", "blur 0.8"].bpp[:, 0] *= 2
    experiment = replace(EXPERIMENT, bd_from=37)
    found = make_report(experiment, results, SOURCES, "the command", material)
    (gain,) = found["bd_rates"]
    assert gain["bd_rate"] == pytest.approx(-20, abs=1e-3) and gain["high"] == pytest.approx(-20, abs=1e-3)
    assert found["curves"][0]["results"]["qp"] == [30, 37, 44]
    (all_of_them,) = report(results)["bd_rates"]
    assert all_of_them["bd_rate"] > -15
    with pytest.raises(
        ValueError, match=r"bd_from is 38; of the QPs \[30, 37, 44\] two at least must be as high"
    ):
        replace(EXPERIMENT, bd_from=38)


def test_the_gain_at_equal_rate_stands_beside_the_bd_rate(tmp_path):
    """A row that keeps a tenth of the KL at all rates is better by 10 dB."""
    results = measured(saving=1, loss=0.1)
    found = Report(saved(report(results), tmp_path))
    assert found.bd_quality("x264", "blur 0.8", "a") == pytest.approx((10, 10, 10), abs=1e-3)
    (gain,) = found.result["bd_rates"]
    assert gain["rate_overlap"] == pytest.approx(1, abs=1e-3) and gain["quality_failed"] == 0
    assert "| x264 | blur 0.8 | +10.000 [+10.000, +10.000] |" in quality_table(found.result)
    finer = replace(EXPERIMENT, bd_from=37)
    results["x264", "blur 0.8"].scores["a", "kl"][:, 0] = (
        9.0  # dropped from the curve, as from that of the BD-rate
    )
    material = Material("made up", "nothing", 6, lambda i: None)
    (gain,) = make_report(finer, results, SOURCES, "the command", material)["bd_rates"]
    assert gain["bd_quality"] == pytest.approx(10, abs=1e-3)


def test_curves_may_share_rates_alone_or_qualities_alone():
    found = Report(report(measured(saving=1, loss=0.001)))
    assert found.bd_quality("x264", "blur 0.8", "a")[0] == pytest.approx(30, abs=1e-3)
    with pytest.raises(CurveError, match="no quality"):
        found.bd_rate("x264", "blur 0.8", "a")
    found = Report(report(measured(saving=0.01)))
    assert found.bd_rate("x264", "blur 0.8", "a")[0] == pytest.approx(-99)
    with pytest.raises(CurveError, match="share no rate"):
        found.bd_quality("x264", "blur 0.8", "a")
    assert "| x264 | blur 0.8 | – |" in quality_table(found.result)


def test_an_older_result_without_the_gain_at_equal_rate_is_read():
    old = report(measured())
    for gain in old["bd_rates"]:
        for key in ("bd_quality", "quality_low", "quality_high", "quality_failed", "rate_overlap"):
            del gain[key]
    assert Report(old).bd_rate("x264", "blur 0.8", "a")[0] == pytest.approx(-20, abs=1e-3)
    assert "| x264 | blur 0.8 | – |" in quality_table(old)
    with pytest.raises(InputError, match=r"without BD-quality; Report\.recomputed\(\) computes it"):
        Report(old).bd_quality("x264", "blur 0.8", "a")
    again = Report(old, measured(), SOURCES).recomputed(workers=1)
    assert again.bd_quality("x264", "blur 0.8", "a")[0] > 0


def test_the_usual_qps_begin_where_analysers_are_right_and_bd_rates_at_22():
    pictures, clips = Experiment(), Experiment("clips")
    assert (pictures.qps, pictures.bd_from) == ((17, 22, 27, 32, 37, 42, 47), 22)
    assert (clips.qps, clips.bd_from) == ((22, 30, 35, 40, 45, 50), 22)
    assert Experiment(qps=(12, 17, 27)).bd_from == 0, "all QPs that are given count"
    assert Experiment(qps=(12, 17, 27), bd_from=17).bd_from == 17
    assert Experiment(bd_from=0).bd_from == 0 and Experiment(**vars(pictures)) == pictures


def test_savings_stand_in_the_order_of_analysers_and_levels():
    names = {"codec": "x264", "low": -3, "high": -1, "failed": 0, "saving": -2}
    of = [("blur", "b", 0.3), ("blur", "a", 0.3), ("net", "b", 0.05), ("net", "a", 0.3)]
    rows = [names | {"condition": c, "analyser": a, "quality": "kl", "at": at} for c, a, at in of]
    lines = savings_table({"savings": rows}).split("\n")
    assert lines[0] == "| codec | condition | b, kl 0.05 | b, kl 0.3 | a, kl 0.3 |"
    assert lines[2] == "| x264 | blur | – | -2.0 [-3.0, -1.0] | -2.0 [-3.0, -1.0] |"
    assert savings_table({"savings": rows}, conditions=["net"]).count("\n") == 2


def test_one_source_gives_numbers_without_an_interval(tmp_path):
    found = saved(report(measured(), ["film"] * 6), tmp_path)
    (gain,) = found["bd_rates"]
    assert gain["bd_rate"] == pytest.approx(-20, abs=1e-3) and gain["low"] is gain["high"] is None
    assert "(-20.0 [no interval])" in bd_table(found)
    assert found["curves"][0]["low"] == {}


def test_labels_of_one_source_only_end_nothing(tmp_path):
    label = np.full((6, 3), np.nan)
    label[:2] = [[1, 1, 0], [1, 0, 0]]
    found = saved(report(measured(label), ["film", "film", *SOURCES[2:]]), tmp_path)
    assert found["labelled"] == 2
    gain = next(g for g in found["bd_rates"] if g["quality"] == "label")
    (light,) = found["lightest_qp"]
    assert gain["low"] is None and light["difference"] == 0 and light["low"] is None
    assert "(+0.0 [no interval])" in light_table(found)


def test_an_interval_of_no_draw_shows_nothing(tmp_path):
    gain = {"codec": "x264", "condition": "blur 0.8", "analyser": "a", "quality": "kl"}
    of_none = Interval(-5.0, None, None, 0.9, 1.0)
    found = saved({"bd_rates": [gain | of_none.as_dict()]}, tmp_path)
    assert found["bd_rates"][0]["low"] is None and str(of_none) == "-5.0 [no interval]"
    assert "| (-5.0 [no interval] (100% of draws failed)) |" in bd_table(found)


@pytest.mark.parametrize(
    ("overlap", "failed", "cell"),
    [
        (0.498, 0.0, "| -5.0 [-6.0, -4.0] |"),  # half, to a percent
        (0.29, 0.0, "| -5.0 [-6.0, -4.0] (29% overlap) |"),
        (0.29, 0.2, "| (-5.0 [-6.0, -4.0] (20% of draws failed, 29% overlap)) |"),
        (0.6, 0.05, "| -5.0 [-6.0, -4.0] |"),
    ],
)
def test_curves_that_hardly_overlap_are_named(overlap, failed, cell):
    names = {"codec": "x264", "condition": "blur 0.8", "analyser": "a", "quality": "kl"}
    found = Interval(-5.0, -6.0, -4.0, overlap, failed).as_dict()
    assert cell in bd_table({"bd_rates": [names | found]})


def test_a_column_or_row_that_is_not_there_is_named_with_those_that_are():
    names = {"codec": "x264", "condition": "blur 0.8", "analyser": "a", "quality": "kl"}
    of_one = {"bd_rates": [names | Interval(-5.0, -6.0, -4.0, 1.0, 0.0).as_dict()], "lightest_qp": []}
    assert "-5.0" in bd_table(of_one, ["kl"], codecs=["x264"])
    with pytest.raises(ValueError, match="no quality 'kld', only kl"):
        bd_table(of_one, ["kld"])
    with pytest.raises(ValueError, match="no codec 'x265', only x264"):
        bd_table(of_one, codecs=["x264", "x265"])
    assert light_table(of_one, ["top1"]).startswith("| codec | condition |"), "nothing was compared"


def test_draws_that_all_fail_leave_no_interval():
    """Together the curves are the same; of either source alone they share no quality."""
    rate, rise = np.tile([4.0, 2.0, 1.0], (2, 1)), np.array([2.0, 1.0, 0.0])
    anchor, test = (rate, np.stack([rise, rise + 10])), (rate, np.stack([rise + 10, rise]))
    found = [bootstrap_bd_rate(anchor, test, ["a", "b"], draws=2, seed=seed) for seed in range(20)]
    assert {f.bd_rate for f in found} == {0} and {f.failed for f in found} == {0, 0.5, 1}
    assert all((f.low is None) == (f.high is None) == (f.failed == 1) for f in found)


def test_what_nobody_knows_is_null_in_a_curve(tmp_path):
    label = np.full((6, 3), np.nan)
    label[:, :2] = [1, 0]
    found = saved(report(measured(label)), tmp_path)
    assert found["curves"][0]["results"]["label:a"] == [1, 0, None]
    assert found["curves"][0]["low"]["label:a"] == [1, 0, None]
    assert "| 1.000 | 0.000 | – |" in curve_table(found, "label:a")
    (nothing,) = bootstrap_difference(label[:, 2:], label[:, 2:], SOURCES, draws=10)
    assert set(nothing.as_dict().values()) == {None}


def test_precision_is_taken_once_for_all_who_ask(monkeypatch):
    """In each draw, for the curve, the gain and the harm of its row; the numbers are those of the bootstrap alone."""
    rate, scores = np.tile([0.8, 0.4, 0.2], (30, 1)), [precision(), precision(missed=0.4)]
    rows = (ANCHOR, "blur 0.8")
    results = {
        ("x264", row): Measurements(bpp, {"psnr-rgb": 40 - bpp}, {("a", "ap"): score})
        for row, bpp, score in zip(rows, (rate, 0.8 * rate), scores, strict=True)
    }
    sources = [str(i) for i in range(30)]
    alone = bootstrap_bd_rate((rate, scores[0]), (0.8 * rate, scores[1]), sources, draws=40)
    point = bootstrap_difference(*scores, sources, draws=40)[0]

    computed = Counter()
    whole = Matches.average_precision

    def counted(matches, weights):
        computed[id(matches)] += 1
        return whole(matches, weights)

    monkeypatch.setattr("mvlib.pool.cores", lambda: 1)  # in this process
    monkeypatch.setattr(Matches, "average_precision", counted)
    found = report(results, sources)
    assert len(computed) == 6 and set(computed.values()) == {1}
    names = ("bd_rate", "low", "high", "failed")
    assert [found["bd_rates"][0][n] for n in names] == [alone.as_dict()[n] for n in names]
    assert point.as_dict().items() <= found["lightest_qp"][0].items()
    drawn = Drawn.once(scores[0], weightings(sources, 40))
    with pytest.raises(ValueError, match="other weights"):
        drawn.means(weightings(sources, 40, seed=1))
