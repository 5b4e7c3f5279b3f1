"""The pictures of the panels in README, docs and notebooks: real panels in a real browser → docs/NAME.png.

    python docs/_panels.py

It needs Chromium and the extra "browser". The controls that the browser shows are kept in each file, so that a test can
tell when a panel has others.
"""

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from PIL.PngImagePlugin import PngInfo

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent / "tests"))

import lab  # noqa: E402

# What is done to a panel before its picture is taken.
PANELS = {
    "qp_explorer": """panel = QPExplorer()
panel.qp.value, panel.preprocessor.value, panel.others.value = 40, "contrast", True
for panel.codec.value in ("jpeg", "x264", "avif", "x265"):
    panel.settle(everything=True)""",
    "block_viewer": """panel = BlockViewer()
panel.qp.value, panel.column.value, panel.row.value, panel.numbers.value = 32, 72, 88, True""",
    "motion_viewer": """panel = MotionViewer()
panel.clip.value, panel.qp.value, panel.frame.value = "cup_1", 32, 3""",
    "clip_explorer": """panel = ClipExplorer()
panel.clip.value, panel.preprocessor.value, panel.qp.value, panel.frame.value = "approach", "video", 44, 12""",
}
# Of each control in each row, what stands before it and what it offers; the samples to choose from are left out.
_CONTROLS = """panel => [...panel.querySelectorAll('.widget-hbox > :not(.widget-hbox)')].map(control => [
    [control.querySelector('label'), control]
        .map(element => element ? element.textContent.replace(/\\u200b| \\(\\d+\\)$/g, '').trim() : '').find(Boolean),
    [...control.querySelectorAll('option')].map(option => option.textContent.replaceAll('\\u00a0', ' '))])"""


def without_samples(controls: Sequence[tuple[str, Sequence[str]]]) -> list[list]:
    """Name and options of controls, without those of the first, which are anybody's pictures or clips."""
    return [[name, list(options) if i else []] for i, (name, options) in enumerate(controls)]


def take(names: Sequence[str]) -> None:
    """Write the pictures of these panels."""
    cells = [f"from mvlib.widgets import *\n{PANELS[name]}\npanel.settle()\npanel" for name in names]
    with TemporaryDirectory() as folder, lab.chromium() as browser, lab.lab(Path(folder), cells) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 2000})
        lab.run_all(page, address)
        done = ".mvlib-panel:not(.mvlib-busy) .mvlib-caption"
        page.wait_for_function(
            f"document.querySelectorAll('{done}').length === {len(names)}", timeout=600_000
        )
        page.wait_for_timeout(500)
        for name, panel in zip(names, page.locator(".mvlib-panel").all(), strict=True):
            picture = Image.open(io.BytesIO(panel.screenshot())).convert("RGB").quantize(256, kmeans=2)
            kept = PngInfo()
            kept.add_text("Description", json.dumps(without_samples(panel.evaluate(_CONTROLS))))
            picture.save(DOCS / f"{name}.png", optimize=True, pnginfo=kept)


if __name__ == "__main__":
    take(sys.argv[1:] or list(PANELS))
