"""What is written of the measurements was measured: tables and numbers are those of the results in data/."""

import dataclasses
import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from mvlib.evaluation.report import bd_table, light_table
from mvlib.fidelity.agreement import table
from mvlib.fidelity.page import pixels, summary

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
MEASURED = (ROOT / "docs/results.md").read_text()


def test_the_table_of_baselines_is_the_measured_one():
    report = json.loads((ROOT / "data/results/image_baselines.json").read_text())
    assert bd_table(report, ["kl"]) in MEASURED
    assert report["command"] in MEASURED
    assert f"{report['n']} photographs" in MEASURED
    assert len(report["options"]["codecs"]) >= 5 and report["options"]["draws"] >= 1000


@pytest.mark.parametrize("name", ["clips", "clips_rows", "clips_seen", "clips_unseen", "clips_films"])
def test_the_tables_of_clips_are_the_measured_ones(name):
    report = json.loads((ROOT / f"data/results/{name}.json").read_text())
    assert bd_table(report, ["kl"]) in MEASURED
    assert report["command"] in MEASURED
    assert f"{report['n']:,} {'excerpts' if name == 'clips_films' else 'generated scenes'}" in MEASURED


def test_the_tables_of_right_answers_are_the_measured_ones():
    report = json.loads((ROOT / "data/results/clips.json").read_text())
    assert report["n"] >= 1000 and f"{report['sources']} backgrounds" in MEASURED
    assert bd_table(report, ["label"]) in MEASURED
    beside = json.loads((ROOT / "data/results/clips_against_blur.json").read_text())
    assert beside["options"]["against"] == "blur 0.8" and beside["n"] == report["n"]
    assert bd_table(beside) in MEASURED and beside["command"] in MEASURED


@pytest.mark.parametrize("name", ["rows_against", "seen_against"])
def test_the_tables_of_pairs_of_clips_are_the_measured_ones(name):
    report = json.loads((ROOT / f"data/results/clips_{name}.json").read_text())
    assert report["options"]["against"] == "CompactVideo"
    assert bd_table(report, ["kl", "label"]) in MEASURED and report["command"] in MEASURED


def test_the_table_of_tracking_is_the_measured_one():
    report = json.loads((ROOT / "data/results/clips_tracking.json").read_text())
    assert bd_table(report, ["ao"]) in MEASURED
    assert report["command"] in MEASURED and f"{report['n']} generated scenes" in MEASURED


ROWS = ["blur 0.8", "Compact", "Compact for several", "refined"]


def test_the_table_of_preprocessors_is_the_measured_one():
    report = json.loads((ROOT / "data/results/images.json").read_text())
    assert bd_table(report, ["kl"], conditions=ROWS) in MEASURED
    assert bd_table(report, ["top1"], conditions=ROWS, codecs=["x265", "x264"]) in MEASURED
    report["lightest_qp"] = [
        row for row in report["lightest_qp"] if row["condition"] in ROWS and row["codec"] != "avif"
    ]
    assert light_table(report, ["top1"]) in MEASURED
    assert report["command"] in MEASURED


@pytest.mark.parametrize("name", ["images_networks", "images_networks_against", "images_networks_codecs"])
def test_the_tables_of_networks_are_the_measured_ones(name):
    report = json.loads((ROOT / f"data/results/{name}.json").read_text())
    assert bd_table(report, ["kl"]) in MEASURED
    assert report["command"] in MEASURED and report["n"] == (48 if name.endswith("codecs") else 130)


def test_the_table_of_still_formats_is_the_measured_one():
    report = json.loads((ROOT / "data/results/images_stills.json").read_text())
    assert bd_table(report, ["kl"]) in MEASURED
    assert report["command"] in MEASURED and f"the first {report['n']} of the photographs" in MEASURED


def test_the_tables_of_detection_are_the_measured_ones():
    report = json.loads((ROOT / "data/results/detection_pasted.json").read_text())
    assert bd_table(report, ["divergence", "ap"]) in MEASURED
    assert bd_table(report, ["kl"]) in MEASURED
    assert report["command"] in MEASURED
    assert f"{report['n']} photographs with pasted" in MEASURED and f"{report['sources']} groups" in MEASURED


def test_the_table_of_detectors_on_films_is_the_measured_one():
    report = json.loads((ROOT / "data/results/clips_films_detection.json").read_text())
    assert bd_table(report, ["divergence"]) in MEASURED and report["command"] in MEASURED


def test_the_table_of_refined_films_is_the_measured_one():
    report = json.loads((ROOT / "data/results/films_refined.json").read_text())
    assert bd_table(report) in MEASURED and report["command"] in MEASURED
    assert report["options"]["material"] == "cameras" and report["sources"] == 7


def test_the_table_of_pedestrians_is_the_measured_one():
    report = json.loads((ROOT / "data/results/detection_pedestrians.json").read_text())
    assert bd_table(report, ["divergence", "ap"]) in MEASURED
    assert report["command"] in MEASURED
    assert f"{report['n']} frames" in MEASURED and f"{report['sources']} stretches" in MEASURED


@pytest.mark.parametrize(
    ("name", "looked_at"), [("images", "photographs of the test side"), ("clips", "scenes of the test side")]
)
def test_the_tables_of_ablations_are_the_measured_ones(name, looked_at):
    report = json.loads((ROOT / f"data/results/{name}_ablation.json").read_text())
    tries = (ROOT / "docs/tries.md").read_text()
    assert bd_table(report, ["kl"]) in tries
    assert report["command"] in tries and f"{report['n']} {looked_at}" in tries


def test_the_table_of_networks_trained_anew_is_the_measured_one():
    report = json.loads((ROOT / "data/results/clips_ablation_trained.json").read_text())
    tries = (ROOT / "docs/tries.md").read_text()
    assert report["options"]["against"] == "as trained"
    assert bd_table(report, ["kl"]) in tries and report["command"] in tries
    assert f"{report['n']} scenes of the test side" in tries


@pytest.mark.parametrize(("name", "side"), [("paired", "test"), ("val", "validation")])
def test_the_tables_of_what_refinement_can_leave_out_are_the_measured_ones(name, side):
    report = json.loads((ROOT / f"data/results/images_ablation_{name}.json").read_text())
    tries = (ROOT / "docs/tries.md").read_text()
    assert bd_table(report, ["kl"]) in tries and report["command"] in tries
    assert f"{report['n']} photographs of the {side} side" in tries
    assert report["options"]["against"] == "as shipped"


@pytest.mark.parametrize("page", ["README.md", "docs/results.md", "docs/tries.md"])
def test_everything_that_is_linked_is_there(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert ((ROOT / page).parent / target).exists(), target


def test_the_figure_of_the_first_page_shows_what_was_measured():
    page = runpy.run_path(str(ROOT / "docs/_first_page.py"))
    drawn = json.loads(Image.open(ROOT / "docs/savings.png").text["Description"])
    assert drawn == [dataclasses.asdict(row) for row in page["rows"]()]
    assert len(drawn) >= 20 and any(row["low"] > 0 for row in drawn)


def test_the_summary_is_what_was_measured():
    summary = MEASURED[MEASURED.index("## In short") : MEASURED.index("## What the cheap tricks")]
    numbers = re.findall(r"[+-]\d+\.\d \[[^]]+\]", summary)
    assert len(numbers) >= 10
    tables = MEASURED.replace(summary, "")
    assert [number for number in numbers if number not in tables] == []


def test_the_first_example_runs_as_it_stands(tmp_path):
    example = re.search(r"```python\n(.*?)```", README, re.S)[1]
    run = subprocess.run([sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True)
    bits = re.findall(r"(\d+) bits", run.stdout)
    assert run.returncode == 0 and len(bits) == 2 and bits[0] != bits[1], run.stderr


def test_every_notebook_is_on_the_map():
    for notebook in (ROOT / "notebooks").glob("[0-9]*.ipynb"):
        assert f"notebooks/{notebook.name}" in README, notebook.name


FIDELITY = {  # name on the page of results -> codec, gop
    "x265, all intra": ("x265", "intra"),
    "x264, all intra": ("x264", "intra"),
    "x265 as it comes, one picture": ("x265", "stock"),
    "x264 as it comes, one picture": ("x264", "stock"),
    "JPEG": ("jpeg", "stock"),
}


CLIPS = {
    "x265, I-P-P-P": ("x265", "ippp_clips"),
    "x265 as it comes": ("x265", "stock_clips"),
    "x264, I-P-P-P": ("x264", "ippp_clips"),
    "x264 as it comes": ("x264", "stock_clips"),
}


@pytest.mark.parametrize("rows", [FIDELITY, CLIPS], ids=["pictures", "clips"])
def test_the_tables_of_fidelity_are_the_measured_ones(rows):
    files = {name: ROOT / f"data/results/fidelity_{codec}_{gop}.json" for name, (codec, gop) in rows.items()}
    assert summary({name: json.loads(path.read_text()) for name, path in files.items()}) in MEASURED


def test_the_table_of_pixels_is_the_measured_one():
    names = {f"{codec}, all intra": f"fidelity_{codec}_intra.json" for codec in ("x265", "x264")}
    assert (
        pixels({n: json.loads((ROOT / "data/results" / file).read_text()) for n, file in names.items()})
        in MEASURED
    )


def test_the_table_of_agreement_is_the_measured_one():
    names = {f"{codec}, all intra": f"agreement_{codec}_intra.json" for codec in ("x265", "x264")}
    results = {name: json.loads((ROOT / "data/results" / file).read_text()) for name, file in names.items()}
    assert table(results) in MEASURED
    assert all(result["n"] == 160 for result in results.values())


@pytest.mark.parametrize(("file", "qps"), [("near", ["36", "38"]), ("train", ["37"])])
def test_what_is_said_of_the_agreement_at_qp_37_was_measured(file, qps):
    result = json.loads((ROOT / f"data/results/agreement_x265_intra_{file}.json").read_text())
    for qp in qps:
        row = result["qps"][qp]["all"]
        low, high = row["interval"]
        assert f"{row['gap']:+.1f} [{low:+.1f}, {high:+.1f}]" in MEASURED
