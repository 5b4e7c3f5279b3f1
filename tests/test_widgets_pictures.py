"""The pictures of panels in the docs show the controls that the panels have."""

import json
import runpy
from collections.abc import Iterator
from pathlib import Path

import ipywidgets as ipw
import numpy as np
import pytest
from PIL import Image

from mvlib.widgets import BlockViewer, ClipExplorer, MotionViewer, QPExplorer

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = runpy.run_path(str(DOCS / "_panels.py"))
PANELS = {
    "qp_explorer": QPExplorer,
    "block_viewer": BlockViewer,
    "motion_viewer": MotionViewer,
    "clip_explorer": ClipExplorer,
}


def controls(row: ipw.HBox) -> Iterator[ipw.Widget]:
    for child in row.children:
        yield from controls(child) if isinstance(child, ipw.HBox) else [child]


def test_every_panel_has_its_picture():
    assert set(PANELS) == set(PAGE["PANELS"])


@pytest.mark.parametrize("name", PANELS)
def test_a_picture_shows_the_controls_of_its_panel(name):
    shape = (32, 32, 3) if PANELS[name].kind == "picture" else (3, 32, 32, 3)
    panel = PANELS[name]({"mine": np.zeros(shape, np.uint8)})
    panel.close()
    there = [control for row in panel.children if isinstance(row, ipw.HBox) for control in controls(row)]
    options = [[str(o[0] if isinstance(o, tuple) else o) for o in getattr(c, "options", ())] for c in there]
    listed = zip((control.description for control in there), options, strict=True)
    shown = json.loads(Image.open(DOCS / f"{name}.png").text["Description"])
    assert shown == PAGE["without_samples"](list(listed)), f"take it again: python docs/_panels.py {name}"
