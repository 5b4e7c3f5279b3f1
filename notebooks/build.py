"""Keep the notebooks executed and their exercises in step: solutions → exercises in the course → executed outputs.

    python notebooks/build.py sync        # copy the exercises out of notebooks/solutions into the course, blanked
    python notebooks/build.py execute     # run all notebooks in place (or those named)

Exercises have one master, the notebook of the same name in ``solutions/``. A cell tagged ``exercise`` there is
copied behind the course notebook's cell tagged ``exercises``; what stands between ``### solution`` and ``### end``
becomes a gap. Cells without the tag (imports, data) belong to the solution alone.
"""

import os
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
SOLUTION = re.compile(r"^([ \t]*)### solution\n.*?### end[ \t]*$", re.M | re.S)


def tags(cell) -> list[str]:
    """The tags of a notebook cell."""
    return cell.metadata.get("tags", [])


def blanked(source: str) -> str:
    """The learner's version of an exercise cell: every solution replaced by a gap at the same indentation."""
    return SOLUTION.sub(r"\1...  # your code here", source)


def exercises_of(solution) -> list:
    """The exercise cells of a solution notebook as the learner gets them, without outputs."""
    cells = []
    for cell in solution.cells:
        if "exercise" in tags(cell):
            copy = nbformat.from_dict(cell)
            copy.source = blanked(cell.source)
            if copy.cell_type == "code":
                copy.outputs, copy.execution_count = [], None
            copy.id = f"{cell.id}-gap"
            cells.append(copy)
    return cells


def synced(course, solution):
    """``course`` with its exercise cells replaced by those of ``solution``."""
    kept = [cell for cell in course.cells if "exercise" not in tags(cell)]
    (start,) = (i for i, cell in enumerate(kept) if "exercises" in tags(cell))
    course.cells = kept[: start + 1] + exercises_of(solution) + kept[start + 1 :]
    return course


def sync() -> None:
    """Bring the exercises of every course notebook that has a solution up to date."""
    for path in sorted((HERE / "solutions").glob("*.ipynb")):
        course, solution = (nbformat.read(p, as_version=4) for p in (HERE / path.name, path))
        wanted = [cell.source for cell in exercises_of(solution)]
        if wanted == [cell.source for cell in course.cells if "exercise" in tags(cell)]:
            continue  # in step already: its outputs stay
        nbformat.write(synced(course, solution), HERE / path.name)
        print(f"{path.name}: {len(wanted)} exercise cells, to be executed again")


def execute(names: list[str]) -> None:
    """Run notebooks in place, in order, and keep their outputs; an untagged error stops."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    paths = [Path(n) for n in names] or sorted(HERE.glob("*.ipynb")) + sorted(HERE.glob("solutions/*.ipynb"))
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        client = NotebookClient(
            notebook, timeout=900, record_timing=False, resources={"metadata": {"path": str(path.parent)}}
        )
        client.execute()
        client.nb.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
        for cell in client.nb.cells:
            cell.metadata.pop("execution", None)
        nbformat.write(client.nb, path)
        print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}

if __name__ == "__main__":
    if sys.argv[1:2] == ["sync"]:
        sync()
    elif sys.argv[1:2] == ["execute"]:
        execute(sys.argv[2:])
    else:
        sys.exit(__doc__)
