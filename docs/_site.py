"""Small things that make the site readable: formulas without scripts, pictures of panels, numbers, a front door."""

import re
from pathlib import Path, PurePath

import nbformat
from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.addnodes import pending_xref

WIDGET = "application/vnd.jupyter.widget-view+json"
PANEL = "A panel to play with in JupyterLab; on a page it is a picture:\n\n![{name}](/docs/{file})"
FRONT_DOOR = """<!doctype html>
<meta charset="utf-8">
<title>{title}</title>
<meta http-equiv="refresh" content="0; url={url}">
"""


def visit_math(self, node):
    """A formula in the line, as MathML, which browsers draw themselves."""
    self.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def visit_math_block(self, node):
    """A formula on a line of its own."""
    self.body.append(f'<div class="math">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise nodes.SkipNode


def show_panels(app, docname, source):
    """A panel needs a kernel: below it stands its picture (docs/qp_explorer.png of ``QPExplorer``), where none does."""
    if not docname.startswith("notebooks/"):
        return
    notebook = nbformat.reads(source[0], as_version=4)
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        for output in cell.get("outputs", []):
            if WIDGET in output.get("data", {}):
                name = output.data["text/plain"].partition("(")[0]
                file = re.sub(r"\B(?=[A-Z][a-z])", "_", name).lower() + ".png"
                if file not in source[0]:
                    cells.append(nbformat.v4.new_markdown_cell(PANEL.format(name=name, file=file)))
    notebook.cells = cells
    source[0] = nbformat.writes(notebook)


def unlink_folders(app, doctree):
    """A link to a folder leads somewhere on a code host, and nowhere here: its words stay."""
    here = Path(app.env.doc2path(app.env.docname)).parent
    for link in list(doctree.findall(pending_xref)):
        if link["reftype"] == "myst" and (here / link["reftarget"]).is_dir():
            link.replace_self(link.children)


def number_notebooks(app, doctree):
    """The text speaks of notebook 08: its number stands before its title wherever it is listed."""
    name = PurePath(app.env.docname)
    number = name.stem.split("_")[0]
    if name.parts[0] == "notebooks" and number.isdigit():
        listed = app.env.tocs[app.env.docname].next_node(nodes.reference)
        for title in (app.env.titles[app.env.docname], listed):
            title.insert(0, nodes.Text(f"{number} · "))


def open_front_door(app, exception):
    """index.html at the top, since pages lie in the folders that their sources lie in."""
    if exception is None and app.builder.format == "html":
        url = app.builder.get_target_uri(app.config.root_doc)
        (app.outdir / "index.html").write_text(FRONT_DOOR.format(title=app.config.html_title, url=url))


def setup(app):
    """Called by Sphinx, which has it as an extension."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    app.connect("source-read", show_panels)
    app.connect("doctree-read", unlink_folders)
    app.connect("doctree-read", number_notebooks, priority=900)
    app.connect("build-finished", open_front_door)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
