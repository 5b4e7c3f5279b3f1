"""What is written of the measurements was measured: tables and numbers are those of the results in data/."""

import dataclasses
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
MEASURED = (ROOT / "docs/results.md").read_text()


@pytest.fixture(scope="module")
def pages():
    """The command that fills the pages, ``docs/_pages.py``."""
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        yield importlib.import_module("_pages")
    finally:
        sys.path.remove(str(ROOT / "docs"))


def test_the_table_of_the_readme_is_the_measured_one(pages):
    assert "<!-- headline -->" in README and pages.fill(README) == README
    assert pages.fill(README.replace("-18 %", "-81 %")) == README


@pytest.mark.parametrize("name", ["results.md", "tries.md"])
def test_the_tables_are_the_measured_ones(pages, name):
    page = (ROOT / "docs" / name).read_text()
    assert pages.fill(page) == page
    assert len(re.findall("<!-- (bd|light|savings|people|fidelity|agreement) ", page)) >= 5
    wrong = re.sub(r"(?m)^\| (x26[45]) \| (.*)$", r"| \1 | another \2", page)
    assert pages.fill(wrong) == page


@pytest.mark.parametrize("name", ["results.md", "tries.md"])
def test_every_table_of_a_report_stands_beside_its_command(name):
    page = (ROOT / "docs" / name).read_text()
    for report in set(re.findall(r"<!-- (?:bd|light|savings|people) (\w+)", page)):
        assert json.loads((ROOT / f"data/results/{report}.json").read_text())["command"] in page, report


@pytest.mark.parametrize(
    ("report", "words"),
    [
        ("image_baselines", "{n} photographs of the test side"),
        ("images_stills", "the first {n} of the photographs"),
        ("detection_pasted", "{n} photographs with pasted"),
        ("detection_pasted", "{sources} groups"),
        ("detection_pedestrians", "{n} frames"),
        ("detection_pedestrians", "{sources} stretches"),
        ("clips", "{n} generated scenes"),
        ("clips", "{sources} backgrounds"),
        ("clips_controls", "The first {n} of the scenes"),
        ("clips_tracking", "The first {n} generated scenes"),
        ("clips_unseen", "The same {n} generated scenes"),
        ("clips_films", "{n} excerpts"),
    ],
)
def test_how_much_was_looked_at_is_said(report, words):
    assert words.format(**json.loads((ROOT / f"data/results/{report}.json").read_text())) in MEASURED


@pytest.mark.parametrize("page", ["README.md", "docs/results.md", "docs/tries.md"])
def test_everything_that_is_linked_is_there(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert ((ROOT / page).parent / target).exists(), target


def test_the_figures_show_what_was_measured(pages):
    for name, groups in pages.FIGURES.items():
        drawn = json.loads(Image.open(ROOT / f"docs/{name}.png").text["Description"])
        assert drawn == [dataclasses.asdict(row) for row in pages.rows(groups)], name
        assert len(drawn) >= 10


def test_the_first_example_runs_as_it_stands(tmp_path):
    example = re.search(r"```python\n(.*?)```", README, re.S)[1]
    run = subprocess.run([sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True)
    bits = re.findall(r"(\d+) bits", run.stdout)
    assert run.returncode == 0 and len(bits) == 2 and bits[0] != bits[1], run.stderr


def test_every_notebook_is_on_the_map():
    for notebook in (ROOT / "notebooks").glob("[0-9]*.ipynb"):
        assert f"notebooks/{notebook.name}" in README, notebook.name


@pytest.mark.parametrize(("file", "qps"), [("near", ["36", "38"]), ("train", ["37"])])
def test_what_is_said_of_the_agreement_at_qp_37_was_measured(file, qps):
    result = json.loads((ROOT / f"data/results/agreement_x265_intra_{file}.json").read_text())
    for qp in qps:
        row = result["qps"][qp]["all"]
        low, high = row["interval"]
        assert f"{row['gap']:+.1f} [{low:+.1f}, {high:+.1f}]" in MEASURED


def test_the_table_of_pixels_is_the_measured_one():
    names = {f"{codec}, all intra": f"fidelity_{codec}_intra.json" for codec in ("x265", "x264")}
    read = {n: json.loads((ROOT / "data/results" / file).read_text()) for n, file in names.items()}
    assert importlib.import_module("mvlib.fidelity.page").pixels(read) in MEASURED
