"""The protocol end to end, small: real encoders, real photographs, a real network, and the command that runs it."""

import json
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest

from mvlib.evaluation.experiment import ANCHOR, Experiment
from mvlib.evaluation.material import Material
from mvlib.evaluation.protocol import measure
from mvlib.evaluation.report import bd_table, make_report
from mvlib.evaluation.scales import kl_in_db

SMALL = Experiment(
    codecs=("x264",),
    conditions=(ANCHOR, "blur 0.8"),
    analysers=("efficientnet_lite0",),
    qps=(32, 40, 48),
    limit=8,
    draws=40,
)


@pytest.fixture(scope="module")
def measured():
    return measure(SMALL, progress=False)


def test_rate_falls_and_the_network_loses_sight_as_qp_rises(measured):
    results, sources = measured
    alone = results["x264", ANCHOR]
    assert alone.bpp.shape == (8, 3) == alone.scores["efficientnet_lite0", "kl"].shape
    assert (np.diff(alone.bpp.mean(0)) < 0).all() and (np.diff(alone.fidelity["psnr-rgb"].mean(0)) < 0).all()
    assert (np.diff(alone.scores["efficientnet_lite0", "kl"].mean(0)) > 0).all()
    assert len(sources) == 8


def test_a_blur_saves_bits_at_every_qp_and_costs_psnr(measured):
    results, _ = measured
    alone, blurred = results["x264", ANCHOR], results["x264", "blur 0.8"]
    assert (blurred.bpp.mean(0) < alone.bpp.mean(0)).all()
    assert blurred.fidelity["psnr-rgb"].mean(0)[0] < alone.fidelity["psnr-rgb"].mean(0)[0] - 0.5


def test_the_report_holds_what_is_needed_to_make_it_again(measured):
    report = json.loads(json.dumps(make_report(SMALL, *measured, "the command")))
    assert report["n"] == 8 and report["command"] == "the command"
    assert report["options"]["qps"] == [32, 40, 48]
    assert {"torch", "av", "encoder x264"} <= set(report["versions"])
    assert report["versions"]["mvlib"] == version("coding-for-machines")
    (gain,) = (g for g in report["bd_rates"] if g["quality"] == "kl")
    assert gain["low"] <= gain["bd_rate"] <= gain["high"] and 0 < gain["overlap"] <= 1
    curve = next(c["results"] for c in report["curves"] if c["condition"] == ANCHOR)
    assert curve["bpp"] == pytest.approx(measured[0]["x264", ANCHOR].bpp.mean(0), abs=1e-5)
    row = report["curves"][0]
    for key, low in row["low"].items():
        assert (np.array(low) < row["results"][key]).all() and (
            row["results"][key] < np.array(row["high"][key])
        ).all()
    assert "kl:efficientnet_lite0" in row["low"]
    assert "blur 0.8" in bd_table(report)


def test_kl_in_db_rises_as_kl_falls_and_survives_zero():
    np.testing.assert_allclose(kl_in_db(np.array([1.0, 0.1])), [0, 10])
    assert np.isfinite(kl_in_db(np.zeros(1))).all()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"conditions": ("blur 0.5",)}, "codec alone"),
        ({"conditions": (ANCHOR, "sharpen")}, "sharpen"),
        ({"qps": (30,)}, "two QPs"),
        ({"qps": (37, 60)}, "0 to 51; got 60"),
        ({"qps": (37, 37, 40)}, "qps hold 37 more than once"),
        ({"qps": ()}, "no qps"),
        ({"codecs": ()}, "no codecs"),
        ({"codecs": ("x264", "x264")}, "codecs hold x264 more than once"),
        ({"analysers": ()}, "no analysers"),
        ({"analysers": ("nanodet", "nanodet")}, "analysers hold nanodet more than once"),
        ({"draws": 0}, "draws is 0"),
        ({"limit": 1}, "at least 2"),
    ],
)
def test_impossible_experiments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Experiment(**options)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"codecs": ("x264", "x267")}, "x267"),
        ({"preset": "quick"}, "quick"),
        ({"preprocessors": ("gone/preprocessor.safetensors",)}, "gone"),
    ],
)
def test_what_is_misspelt_is_named_before_a_picture_is_read(options, message):
    def read(_):
        raise AssertionError("a picture was read")

    with pytest.raises((ValueError, FileNotFoundError), match=message):
        measure(Experiment(**options), False, material=Material("", "", 9, read))


def command(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "mvlib", *arguments], capture_output=True, text=True, **options
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("encode", "nowhere.png", "out.mp4"), "nowhere.png"),
        (("evaluate", "image", "--conditions", "[codec alone, sharpen]"), "sharpen"),
        (("evaluate", "image", "--qp", "3"), "qp"),
    ],
)
def test_mistakes_on_the_command_line_end_in_a_sentence(arguments, message):
    out = command(*arguments)
    assert out.returncode != 0 and message in out.stderr and "Traceback" not in out.stderr
