"""A wheel, built and installed into an empty folder, does what the README shows where there is no checkout."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]


def run(command: list, folder: Path, **environment: str) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MVLIB_", "PYTHONPATH"))}
    ended = subprocess.run(command, cwd=folder, env=kept | environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The folder that the wheel was installed into; built in a copy, or build/ of an earlier one would come in."""
    copy, wheels, site = (tmp_path_factory.mktemp(name) for name in ("copy", "wheels", "site"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "mvlib", copy / "mvlib", ignore=shutil.ignore_patterns("__pycache__"))
    offline = ["--no-index", "--no-deps"]
    run([*PIP, "wheel", *offline, "--no-build-isolation", "--wheel-dir", wheels, copy], copy)
    run([*PIP, "install", *offline, "--target", site, *wheels.glob("*.whl")], copy)
    return site


def test_the_wheel_holds_all_of_the_package(site):
    """Whatever lies under mvlib and isn't made by Python is there for code to read it."""
    here = {p.relative_to(ROOT) for p in (ROOT / "mvlib").rglob("*") if p.is_file() and p.suffix != ".pyc"}
    there = {p.relative_to(site) for p in (site / "mvlib").rglob("*") if p.is_file() and p.suffix != ".pyc"}
    assert there == here
    assert (site / "mvlib" / "py.typed").is_file()


def test_the_wheel_takes_parts_of_ones_own(site, tmp_path):
    """A script with a preprocessor, an analyser and a codec of its own, in a folder of its own."""
    script = shutil.copy(ROOT / "tests" / "contract_script.py", tmp_path)
    said = run([sys.executable, script, str(site)], tmp_path, PYTHONPATH=str(site), OMP_NUM_THREADS="1")
    assert "| fast x264 | quieter |" in said and "all of it works" in said


def test_the_wheel_does_what_the_readme_shows(site, tmp_path):
    """With the wheel's folder before all others; the script refuses another mvlib."""
    script = shutil.copy(ROOT / "tests" / "wheel_script.py", tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    said = run([sys.executable, script, str(site)], elsewhere, PYTHONPATH=str(site), OMP_NUM_THREADS="1")
    assert "all of it works" in said
