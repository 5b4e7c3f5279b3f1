"""Measurements on disk: what is computed from the file is what was computed when it was written."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_averages import precision

from mvlib.__main__ import main
from mvlib.evaluation import Report, measurements
from mvlib.evaluation.experiment import ANCHOR, Experiment
from mvlib.evaluation.material import Material
from mvlib.evaluation.measurements import Measurements
from mvlib.evaluation.report import make_report
from mvlib.samples import Crossed

RESULTS = Path(__file__).resolve().parents[2] / "data/results"
EXPERIMENT = Experiment(codecs=("x264",), conditions=(ANCHOR, "blur 0.8"), qps=(30, 37, 44), draws=40)
MATERIAL = Material("made up", "nothing", 30, lambda i: None)


def measured():
    """Thirty pictures at three QPs; what is known of ten of them only, and average precision."""
    random = np.random.default_rng(0)
    rows = {}
    for row, share in ((ANCHOR, 1.0), ("blur 0.8", 0.8), ("blur 0.5", 0.9)):
        bpp = share * random.uniform(1, 2, (30, 1)) * [0.8, 0.4, 0.2]
        kl = random.uniform(0.5, 1.5, (30, 1)) * [0.01, 0.1, 1.0]
        label = np.where(
            np.arange(30)[:, None] < 10, (random.random((30, 3)) < [0.9, 0.6, 0.2]).astype(float), np.nan
        )
        scores = {
            ("a", "kl"): kl,
            ("d", "ap"): precision(missed=1 - share),
            ("a", "label"): label,
            ("a", "own"): 1 - kl,
        }
        fidelity = {"psnr-rgb": 40 - 10 * kl, "psnr-y": 41 - 10 * kl, "ms-ssim": np.full((30, 3), np.nan)}
        rows["x264", row] = Measurements(bpp, fidelity, scores, {("a", "own"): "accuracy"})
    return rows


SOURCES = [f"photo {i % 17}" for i in range(30)]


@pytest.fixture(scope="module")
def report():
    experiment = Experiment(**(vars(EXPERIMENT) | {"conditions": (ANCHOR, "blur 0.8", "blur 0.5")}))
    found = measured()
    return Report(make_report(experiment, found, SOURCES, "the command", MATERIAL), found, SOURCES)


def plain(result):
    return json.loads(json.dumps(result, default=str))


def test_all_numbers_come_again_from_the_file(report, tmp_path):
    report.save(tmp_path / "x.json")
    found = Report.load(tmp_path / "x.json")
    assert plain(found.to_dict()) == plain(report.to_dict())
    assert plain(found.recomputed().to_dict()) == plain(report.to_dict())
    assert list(found.sources) == SOURCES
    assert {g["quality"] for g in found.to_dict()["bd_rates"]} == {"kl", "ap", "label", "own"}


def test_another_row_may_be_the_anchor(report):
    (first, second) = (report.recomputed(against=a).to_dict() for a in (ANCHOR, "blur 0.5"))
    assert {g["condition"] for g in second["bd_rates"]} == {ANCHOR, "blur 0.8"}
    assert first["curves"] == second["curves"]
    experiment = Experiment(
        **(vars(EXPERIMENT) | {"conditions": (ANCHOR, "blur 0.8", "blur 0.5"), "against": "blur 0.5"})
    )
    direct = make_report(experiment, measured(), SOURCES, "", MATERIAL)
    assert plain(direct["bd_rates"]) == plain(second["bd_rates"])
    with pytest.raises(ValueError, match=r"no row 'blur', only codec alone, blur 0\.8, blur 0\.5"):
        report.recomputed(against="blur")


def test_the_same_numbers_give_the_same_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        measurements.save(tmp_path / name, measured(), SOURCES)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_two_sources_of_an_item_are_kept(tmp_path):
    both = [Crossed((f"film {i % 3}", f"actor {i % 7}")) for i in range(30)]
    measurements.save(tmp_path / "a.npz", measured(), both)
    assert measurements.load(tmp_path / "a.npz")[1] == both


def test_a_compact_precision_is_the_same_for_every_weighting():
    whole = precision(missed=0.3)
    weights = np.random.default_rng(1).integers(0, 4, (20, 30)).astype(float)
    np.testing.assert_array_equal(whole.compact().means(weights), whole.means(weights))
    assert sum(len(m.score) for m in whole.compact().matches) < sum(len(m.score) for m in whole.matches)


def test_files_that_are_none_are_named(report, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"x\.json does not exist"):
        Report.load(tmp_path / "x.json")
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(ValueError, match="not the result of an evaluation"):
        Report.load(tmp_path / "x.json")
    report.save(tmp_path / "x.json")
    measurements.save(tmp_path / "x.npz", measured(), SOURCES[::-1])
    with pytest.raises(ValueError, match="other measurements"):
        Report.load(tmp_path / "x.json")
    (tmp_path / "x.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is damaged"):
        Report.load(tmp_path / "x.json")
    (tmp_path / "x.npz").unlink()
    assert Report.load(tmp_path / "x.json").measured is None
    with pytest.raises(ValueError, match="has no measurements"):
        Report(report.to_dict()).recomputed()


MEASURED = sorted(RESULTS.glob("*.npz"))


@pytest.mark.parametrize("file", MEASURED, ids=lambda file: file.stem)
def test_the_committed_results_are_those_of_their_measurements(file):
    """Curves, and with fewer draws than committed, which take long, the BD-rates of all pictures."""
    report = Report.load(file.with_suffix(".json"))
    again, result = report.recomputed(draws=2).to_dict(), report.to_dict()
    assert set(report.measured) == {(c["codec"], c["condition"]) for c in result["curves"]}
    old, new = (measured_rows(found["curves"], report) for found in (result, again))
    assert [(c["codec"], c["condition"]) for c in old] == [(c["codec"], c["condition"]) for c in new]
    for before, after in zip(old, new, strict=True):
        assert before["results"].keys() == after["results"].keys()
        for key, values in before["results"].items():
            assert values == pytest.approx(after["results"][key], abs=2e-5), key
    names = ("codec", "condition", "analyser", "quality", "bd_rate", "overlap", "error")
    for key in ("bd_rates", "fidelity"):
        old, new = (measured_rows(found[key], report) for found in (result, again))
        for before, after in zip(old, new, strict=True):
            assert {k: before.get(k) for k in names} == pytest.approx(
                {k: after.get(k) for k in names}, abs=2e-3
            )


def measured_rows(rows, report):
    return [row for row in rows if (row["codec"], row["condition"]) in report.measured]


@pytest.mark.skipif(not MEASURED, reason="no measurements are committed")
def test_an_interval_of_a_committed_result_comes_again():
    """Of one codec, row and score; all of them take minutes."""
    report, of = Report.load(RESULTS / "images.json"), ("efficientnet_lite0", "kl")
    few = {
        ("x265", row): replace(m := report.measured["x265", row], scores={of: m.scores[of]}, fidelity={})
        for row in (ANCHOR, "blur 0.5")
    }
    for new in Report(report.to_dict(), few, report.sources).recomputed().to_dict()["bd_rates"]:
        (old,) = (
            g
            for g in report.to_dict()["bd_rates"]
            if all(g[k] == new[k] for k in ("codec", "condition", "analyser", "quality"))
        )
        for key in ("bd_rate", "low", "high", "failed", "below_zero"):
            assert old[key] == pytest.approx(new[key], abs=2e-3), (new, key)


def test_every_result_has_its_measurements():
    evaluated = {file.stem for file in RESULTS.glob("*.json") if "bd_rates" in json.loads(file.read_text())}
    assert len(evaluated) > 40 and evaluated == {file.stem for file in MEASURED}


def test_all_measurements_are_small():
    assert sum(file.stat().st_size for file in MEASURED) <= 4_000_000


def test_the_command_prints_the_tables_of_a_file(report, tmp_path, monkeypatch, capsys):
    report.save(tmp_path / "x.json")
    typed = ["mvlib", "report", str(tmp_path / "x.json"), "--against=blur 0.5", "--draws=5", "--workers=1"]
    monkeypatch.setattr(
        sys, "argv", [*typed, "--columns=[kl]", "--curve=kl:a", f"--out={tmp_path / 'y.json'}"]
    )
    main()
    printed = capsys.readouterr().out
    assert "| codec | condition | a, kl |" in printed and "| x264 | codec alone |" in printed
    for title in (
        "at one quality",
        "Quality at equal rate",
        "at equal luma PSNR",
        "by a monotone fit",
        "P(BD-rate < 0)",
        "\nkl:a\n",
    ):
        assert title in printed
    assert Report.load(tmp_path / "y.json").to_dict()["options"]["against"] == "blur 0.5"
    monkeypatch.setattr(sys, "argv", [*typed[:3], "--against=nothing"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2 and "no row 'nothing', only codec alone" in capsys.readouterr().err
