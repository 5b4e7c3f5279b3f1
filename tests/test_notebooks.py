"""What strict nbval does not see: that outputs are there at all, and that notebooks stay light and clean."""

import importlib.util
import json
import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
PATHS = sorted(NOTEBOOKS.rglob("[0-9]*.ipynb"))
PATHS = [p for p in PATHS if ".ipynb_checkpoints" not in p.parts]
spec = importlib.util.spec_from_file_location("notebook_build", NOTEBOOKS / "build.py")
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)


def code_cells(notebook):
    return [c for c in notebook["cells"] if c["cell_type"] == "code" and "".join(c["source"]).strip()]


def test_there_are_notebooks():
    assert PATHS[0].name == "00_start_here.ipynb"


@pytest.mark.parametrize("path", PATHS, ids=lambda p: str(p.relative_to(NOTEBOOKS)))
def test_hygiene(path):
    text = path.read_text()
    notebook = json.loads(text)
    cells = code_cells(notebook)
    # A null count makes nbval skip the cell: a stripped notebook passes with nothing compared.
    assert [c["execution_count"] for c in cells] == list(range(1, len(cells) + 1))
    outputs = [(o, c["metadata"].get("tags", [])) for c in cells for o in c["outputs"]]
    assert not [o for o, _ in outputs if o.get("name") == "stderr"]
    assert not [o for o, t in outputs if o["output_type"] == "error" and "raises-exception" not in t]
    assert not re.search(r"[\"'\s(]/(home|root|tmp|work|Users)/", text), "an absolute path"
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert len(text) < 1_000_000


@pytest.mark.parametrize("path", PATHS, ids=lambda p: str(p.relative_to(NOTEBOOKS)))
def test_few_cells_escape_comparison_and_each_says_why(path):
    cells = code_cells(json.loads(path.read_text()))
    loose = {"nbval-skip", "nbval-ignore-output"}
    escaped = [c for c in cells if loose & set(c["metadata"].get("tags", []))]
    assert len(escaped) <= 1 + len(cells) // 10
    assert all(c["metadata"].get("reason") for c in escaped), (
        'say why in the cell\'s metadata: {"reason": "…"}'
    )


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("solutions/*.ipynb")), ids=lambda p: p.name)
def test_exercises_are_the_blanked_solutions(path):
    course, solution = (nbformat.read(p, as_version=4) for p in (NOTEBOOKS / path.name, path))
    wanted = [c.source for c in build.exercises_of(solution)]
    assert wanted and wanted == [c.source for c in course.cells if "exercise" in build.tags(c)]


def test_a_gap_keeps_the_indentation_and_hides_the_answer():
    cell = "def f(x):\n    ### solution\n    y = x + 1\n    return y\n    ### end\n\nf(1)"
    assert build.blanked(cell) == "def f(x):\n    ...  # your code here\n\nf(1)"


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("solutions/*.ipynb")), ids=lambda p: p.name)
def test_solutions_solve_and_gaps_do_not(path):
    """Every self-check passes in the solution, and none in the exercise as the learner gets it."""
    text = {p: "".join(o.get("text", "") if isinstance(o.get("text"), str) else "".join(o.get("text", []))
                       for c in code_cells(json.loads(p.read_text())) if "exercise" in c["metadata"].get("tags", [])
                       for o in c["outputs"]) for p in (path, NOTEBOOKS / path.name)}  # fmt: skip
    assert "✓" in text[path] and "○" not in text[path]
    assert "○" in text[NOTEBOOKS / path.name] and "✓" not in text[NOTEBOOKS / path.name]
