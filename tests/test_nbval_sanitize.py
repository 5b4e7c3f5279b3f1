"""The patterns that notebooks are compared through hide versions and times, and nothing that was measured."""

import importlib.util
import re
from pathlib import Path

import pytest
from nbval.plugin import get_sanitize_patterns

from mvlib.environment import package_versions

PATTERNS = get_sanitize_patterns((Path(__file__).parent / "nbval_sanitize.cfg").read_text())


def sanitised(text: str) -> str:
    for pattern, replacement in dict(PATTERNS).items():
        text = re.sub(pattern, replacement, text)
    return text


def test_versions_and_times_are_replaced():
    assert sanitised(f"a\n{package_versions()}\nb\n") == "a\nVERSIONS\nb\n"
    assert sanitised("torch 2.9.0+cu128, torchvision 0.24.0+cu128") == "VERSIONS"
    for took in ("12.3 s", "40 ms", "3 min"):
        assert sanitised(f"coded 12 pictures in {took}\n").split() == [
            "coded",
            "12",
            "pictures",
            "in",
            "TIME",
        ]


@pytest.mark.parametrize(
    "line",
    [
        "x265 at QP 37: 61,176 bits, 0.797 bpp, PSNR 24.95 dB; “coral reef” 55 % → 66 %, KL 0.194 nats",
        "BD-rate -14.2 % [-20.1, -8.0]",
        "each frame in 12 s of video costs 3.2 bits",
        "torch",
        "-2.1 dB in 3 steps",
    ],
)
def test_measured_numbers_stay(line):
    assert sanitised(line) == line


spec = importlib.util.spec_from_file_location(
    "notebook_conftest", Path(__file__).resolve().parents[1] / "notebooks" / "conftest.py"
)
conftest = importlib.util.module_from_spec(spec)
spec.loader.exec_module(conftest)


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        ("saves   4.4% at QP 37", "saves 4.3% at QP 37"),
        ("      +296 %       -4.4 dB", "      +299 %       -4.4 dB"),
        ("bits within 10 %, correlation 0.82", "bits within 8 %, correlation 0.83"),
        ("bits  -9.9 %, PSNR -0.0", "bits -10.0 %, PSNR +0.0"),
        ("BD-rate −14.2 % [-20.1, -8.0]", "BD-rate −14.3 % [-20.0, -8.1]"),
    ],
)
def test_the_last_digit_of_what_is_measured_may_differ(shown, wanted):
    assert conftest.alike(shown, wanted) and conftest.alike(wanted, shown)


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        ("saves 4.4% at QP 37", "saves 4.0% at QP 37"),
        ("PSNR 24.95 dB", "PSNR 24.97 dB"),
        ("takes 50 %", "takes 50"),
        ("saves 4.4% at QP 37", "saves 4.4% at QP 38"),
        ("x265 at QP 37: 61,176 bits", "x265 at QP 37: 61,177 bits"),
        ("saves 4.4%", "costs 4.4%"),
        ("bits -1.2 %", "bits +1.2 %"),
        ("0.25 nats", "0.3 nats"),
        ("55 % → 66 %", "55 % → 70 %"),
        ("1.5 bpp, 2.5 bpp", "1.5 bpp"),
        ("frames 1 2 3", "frames 1 2"),
    ],
)
def test_everything_else_must_be_the_same(shown, wanted):
    assert not conftest.alike(shown, wanted) and not conftest.alike(wanted, shown)
