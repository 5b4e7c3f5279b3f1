"""How the package's modules lean on one another, read from their syntax: one direction, no circles."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Each line knows those below it only; of one line, none knows another.
LAYERS = (
    {"__main__"},
    {"commands"},
    {"widgets"},
    {"fidelity"},
    {"transcode"},
    {"evaluation"},
    {"plots"},  # draws what it is given, and so serves a report too
    {"refined"},  # preprocessors by any name
    {"training", "calibration"},
    {"datasets", "codecs", "virtual", "preprocess", "analysers"},
    {"media", "pool", "samples"},
)


def module_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_of(file): file for file in sorted((ROOT / "mvlib").rglob("*.py"))}


def imported(module: str) -> Iterator[str]:
    """Modules of the package that ``module`` imports, also inside functions; not those for type checkers alone."""
    file = FILES[module]
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    waiting = [ast.parse(file.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = (
                ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            )
            base = ".".join(filter(None, [above, node.module]))
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            while name and name not in FILES:  # a name inside a module
                name = name.rpartition(".")[0]
            if name and name != module:
                yield name


def part_of(module: str) -> str:
    """The package or module below mvlib that ``module`` is of."""
    return f"{module}.".split(".")[1]


LEANS = {module: set(imported(module)) for module in FILES}


def test_the_reading_finds_what_is_there():
    assert "mvlib.codecs.encoders" in LEANS["mvlib.codecs.codec"]
    assert "mvlib.errors" in LEANS["mvlib.media.files"]


def test_there_is_no_circle():
    # A package's own page shows what is in it; who imports a module of it runs that page too, which says nothing.
    below = {m: {n for n in leans if not m.startswith(f"{n}.")} for m, leans in LEANS.items()}
    try:
        TopologicalSorter(below).prepare()
    except CycleError as circle:
        raise AssertionError(f"a circle of imports: {' <- '.join(circle.args[1])}") from None


def test_imports_go_one_way():
    place = {package: i for i, layer in enumerate(LAYERS) for package in layer}
    for module, leans in LEANS.items():
        own = part_of(module)
        for other in (part_of(name) for name in leans if "." in name):
            if own in place and other in place and other != own:
                assert place[other] > place[own], f"{module} imports mvlib.{other}"


def test_no_two_classes_share_a_name():
    at: dict[str, list[str]] = {}
    for module, file in FILES.items():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef):
                at.setdefault(node.name, []).append(module)
    assert "RealCodec" in at and not {name: modules for name, modules in at.items() if len(modules) > 1}


def test_media_lies_below_all():
    for module in (m for m in FILES if m.startswith("mvlib.media")):
        assert LEANS[module] <= {
            *(m for m in FILES if m.startswith("mvlib.media")),
            "mvlib.errors",
            "mvlib._files",
        }
