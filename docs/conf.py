"""The site: the course as its notebooks were committed, the results, and a reference out of the docstrings.

    make docs        # or: sphinx-build -W --keep-going -n -c docs . build/docs

The source folder is the top of the repository, so that links between notebooks, data and pages hold as they are.
Nothing is fetched and no page needs another host: formulas are MathML, the theme brings its own scripts and fonts.
"""

import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "Coding for machines"
release = metadata.version("coding-for-machines")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "_reference",
    "_site",
]
root_doc = "docs/index"
include_patterns = ["docs/**", "notebooks/**", "data/README.md"]
exclude_patterns = ["**/.ipynb_checkpoints"]

# Notebooks
suppress_warnings = ["myst.header"]  # exercises are copied into the course, where they stand one level deeper
nb_execution_mode = "off"  # outputs are committed, and tests hold them to the code
nb_merge_streams = True
nb_render_markdown_format = "myst"  # tables too
nb_ipywidgets_js = {}  # scripts of another host; a panel needs a kernel anyhow
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
myst_update_mathjax = False
html_math_renderer = "mathml"

# Reference
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Attributes", "params_style")]  # words only: fields are described anyhow
napoleon_use_rtype = False  # what comes back is told in words, which are no type
autodoc_inherit_docstrings = False  # torch's own words on nn.Module.forward say nothing of ours
toc_object_entries_show_parents = "hide"
maximum_signature_line_length = 88
python_use_unqualified_type_names = True

nitpicky = True
nitpick_ignore_regex = [
    # Types of Python and of other projects stand on other sites, which a build without network does not ask.
    ("py:.*", r"(argparse|collections|concurrent|fractions|os|pathlib)\..*"),
    ("py:.*", r"(av|IPython|ipywidgets|matplotlib|np|numpy|PIL|t|timm|torch|torchvision)\..*"),
    ("py:class", r"Axes|Figure|Tensor"),
    ("py:class", r"mvlib\..*\.(Network|Options|Part)"),  # type variables
]

html_theme = "pydata_sphinx_theme"
html_title = "Coding for machines"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_sidebars = {"docs/results": [], "docs/tries": [], "data/README": []}
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
