"""The patterns that notebooks are compared through hide versions and times, and nothing that was measured."""

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
