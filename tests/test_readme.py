"""The first page shows what was measured: its tables are those of the results in data/, not somebody's copy."""

import json
import re
from pathlib import Path

from mvlib.evaluation.report import bd_table

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def test_the_table_of_baselines_is_the_measured_one():
    report = json.loads((ROOT / "data/results/image_baselines.json").read_text())
    assert bd_table(report, ["kl"]) in README
    assert report["command"] in README
    assert f"{report['n']} photographs" in README
    assert len(report["options"]["codecs"]) >= 5 and report["options"]["draws"] >= 1000


def test_everything_that_is_linked_is_there():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_notebook_is_on_the_map():
    for notebook in (ROOT / "notebooks").glob("[0-9]*.ipynb"):
        assert f"notebooks/{notebook.name}" in README, notebook.name
