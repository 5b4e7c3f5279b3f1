"""The reference's pages, written out of the package: each module's ``__all__``, or else what it defines.

A thing is described once, under the shortest of its public names: ``mvlib.RealCodec``, not
``mvlib.codecs.codec.RealCodec``. Its other names lead there. Modules are found, none is listed by hand.
"""

import inspect
import pkgutil
import shutil
from functools import cache
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from types import ModuleType

from docutils.utils import get_source_line
from sphinx.addnodes import pending_xref

PACKAGE = "mvlib"
FOLDER = Path(__file__).with_name("reference")


def _public(name: str) -> bool:
    return not any(part.startswith("_") for part in name.split("."))


@cache
def _modules() -> list[str]:
    """All public modules, those of the shortest names first."""
    root = import_module(PACKAGE)
    found = [PACKAGE, *(m.name for m in pkgutil.walk_packages(root.__path__, f"{PACKAGE}."))]
    return sorted(filter(_public, found), key=lambda name: (name.count("."), name))


def _kind(value: object) -> str:
    """Which of Sphinx's directives describes ``value``."""
    if inspect.isclass(value):
        return "exception" if issubclass(value, BaseException) else "class"
    return "function" if inspect.isfunction(inspect.unwrap(value)) else "data"


def _offered(module: ModuleType) -> list[str]:
    """The names that ``module`` offers, in its own order."""
    names = getattr(module, "__all__", None)
    if names is None:
        names = [n for n, v in vars(module).items() if _kind(v) != "data" and v.__module__ == module.__name__]
    return list(filter(_public, names))


@cache
def _names() -> tuple[dict[tuple[str, str], str], dict[str, dict[str, object]]]:
    """(module of definition, name there) -> public name; and module -> the public names of what it offers, and that."""
    public, offers = {}, {}
    for name in _modules():
        module, offers[name] = import_module(name), {}
        for short in _offered(module):
            value = getattr(module, short)
            key = (name, short) if _kind(value) == "data" else (value.__module__, value.__qualname__)
            full = f"{name}.{short}"
            if full in _modules():  # a function under its module's own name
                full = ".".join(key)
            offers[name][public.setdefault(key, full)] = value
    return public, offers


def _first_sentence(value: object) -> str:
    paragraph = (inspect.getdoc(value) or "").split("\n\n")[0].replace("\n", " ")
    return paragraph.split(". ")[0].rstrip(".:") + "."


def _table(title: str, rows: list[tuple[str, str, str]]) -> list[str]:
    if not rows:
        return []
    lines = [f".. rubric:: {title}", "", ".. list-table::", "   :class: summary", "   :widths: 30 70", ""]
    for role, name, text in rows:
        lines += [f"   * - :py:{role}:`~{name}`", f"     - {text}"]
    return [*lines, ""]


def _entry(name: str, value: object) -> list[str]:
    kind = _kind(value)
    if kind == "data":
        text = ", ".join(map(repr, value)) if isinstance(value, dict | tuple | list) else repr(value)
        return [f".. py:data:: {name}", "", f"   ``{text}``", ""]
    members = ["   :members:", "   :special-members: __call__"] if inspect.isclass(value) else []
    return [f".. auto{kind}:: {name}", *members, ""]


def _page(name: str) -> str:
    """The page of a module: what it is, the modules in it, the names that it offers, and those described here."""
    inside = [m for m in _modules() if m.rpartition(".")[0] == name]
    offered = _names()[1][name]
    things = [("obj", full, _first_sentence(v)) for full, v in offered.items() if _kind(v) != "data"]
    lines = [name, "=" * len(name), "", f".. automodule:: {name}", ""]
    lines += _table("Names", things)
    lines += _table("Modules", [("mod", m, _first_sentence(import_module(m))) for m in inside])
    if inside:
        lines += [
            ".. toctree::",
            "   :hidden:",
            "",
            *(f"   {m.rpartition('.')[2]} <{m}>" for m in inside),
            "",
        ]
    for full, value in offered.items():
        if full.rpartition(".")[0] == name:
            lines += _entry(full, value)
    return "\n".join(lines)


def write(app) -> None:
    """Write the pages anew, so that none is left of a module that has gone."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    for name in _modules():
        (FOLDER / f"{name}.rst").write_text(_page(name))


def _public_name(target: str) -> str | None:
    """The public name of ``target``, which may be a member (``mvlib.codecs.codec.RealCodec.encoder``)."""
    public, _ = _names()
    parts = target.split(".")
    for end in range(len(parts), 0, -1):
        for cut in range(end):
            name = public.get((".".join(parts[:cut]), ".".join(parts[cut:end])))
            if name:
                return ".".join([name, *parts[end:]])
    return None


def resolve(app, env, node, content):
    """The page for a reference by a thing's other names; private types have none and stay plain text."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    if target.startswith(f"{PACKAGE}.") and not _public(target):
        return content
    name = _public_name(target)
    if name is None or name == target:
        return None
    domain = env.get_domain("py")
    return domain.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], name, node, content)


def _shared(one: str, other: str) -> int:
    """How many parts two dotted names begin with alike."""
    pairs = zip(one.split("."), other.split("."), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def qualify(app, doctree) -> None:
    """Give bare names in docstrings their full ones: of things with one name, the one in the nearest package."""
    for node in doctree.findall(pending_xref):
        if node.get("refdomain") != "py" or node["reftype"] not in ("class", "exc", "func"):
            continue
        near = str(get_source_line(node)[0]).rpartition("docstring of ")[2] or node.get("py:module") or ""
        same = [n for n in set(_names()[0].values()) if n.rpartition(".")[2] == node["reftarget"]]
        shared = {n: _shared(n, near) for n in same}
        nearest = [n for n in same if shared[n] == max(shared.values())]
        if len(nearest) == 1:
            node["reftarget"] = nearest[0]


def drop_factories(app, what, name, value, options, signature, returned):
    """A default that is made anew for each object has no expression: dots stand for it."""
    return signature and signature.replace("<factory>", "..."), returned


def keep_first_line(app, what, name, value, options, lines) -> None:
    """Napoleon takes an attribute's words before a colon for its type: an empty comment on the first line stops it."""
    if what in ("attribute", "property"):
        lines[:0] = ["..", ""]


def mark_code(app, what, name, value, options, lines) -> None:
    """What is indented in a module's words is code or a formula."""
    if what == "module":
        for i in range(len(lines) - 1, 1, -1):
            starts = lines[i].startswith("    ") and not lines[i - 1] and not lines[i - 2].startswith("    ")
            if starts and not lines[i - 2].endswith("::"):
                lines[i:i] = ["::", ""]


def setup(app):
    """Called by Sphinx, which has it as an extension."""
    app.connect("autodoc-process-docstring", keep_first_line, priority=100)
    app.connect("autodoc-process-docstring", mark_code)
    app.connect("builder-inited", write, priority=100)
    app.connect("autodoc-process-signature", drop_factories)
    app.connect("doctree-read", qualify)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
