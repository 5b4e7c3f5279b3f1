"""Every panel in JupyterLab in a real browser: hands move it, at three widths nothing is cut, no error is logged."""

import re
import time

import lab
import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.browser
PANELS = {
    "picture": "QPExplorer({name: example_pictures()[name] for name in ('castle', 'macaque')})",
    "clip": "ClipExplorer({scene.source[0]: scene for scene in (scenes[0], scenes[1])})",
    "playing": "playing = ClipExplorer({'scene': scenes[1]}, ('x264',)); playing.view.value = 'playing'; playing",
    "blocks": "blocks = BlockViewer({name: example_pictures()[name] for name in ('castle', 'macaque')}); "
    "blocks.column.value, blocks.row.value, blocks.numbers.value = 72, 88, True; blocks",
    "motion": "MotionViewer({'pan': scenes[2].frames[:4], 'other': scenes[1].frames[:4]})",
}
CELLS = [
    "from mvlib.widgets import *\n"
    "from mvlib.widgets.samples import example_pictures\n"
    "from mvlib.evaluation.experiment import Experiment\n"
    "from mvlib.evaluation.material import load_material\n"
    "scenes = load_material(Experiment('clips', limit=3, size=112, frames=16))",
    *PANELS.values(),
]
WIDTHS = (1000, 1280, 1920)
# JupyterLab asks for optional services and addresses outside, which are absent or unreachable here; the browser reports
# every such answer as "Failed to load resource".
NOT_OURS = ("Failed to load resource", "net::ERR_")
# What does not fit into its place: text beyond its element's edge, a letter of a chart outside of it, a thing beyond
# the panel's right edge; lettering below 12 pixels; and how wide the sliders are.
LOOK = """panel => {
    const edge = panel.getBoundingClientRect().right + 1, cut = [], sizes = [];
    for (const element of panel.querySelectorAll('*')) {
        const box = element.getBoundingClientRect(), style = getComputedStyle(element);
        if (!box.width || style.visibility === 'hidden' || element.closest('.mvlib-caption, option')) continue;
        const words = element.textContent.trim().slice(0, 40);
        if (box.right > edge) cut.push(`beyond the panel: ${element.tagName} ${words}`);
        if (!element.ownerSVGElement && element.scrollWidth > element.clientWidth + 1 && style.overflow === 'hidden')
            cut.push(`beyond its place: ${words}`);
        const text = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
        if (!text || element.tagName === 'STYLE') continue;
        const chart = element.ownerSVGElement;
        const scale = chart ? chart.getBoundingClientRect().width / chart.viewBox.baseVal.width : 1;
        sizes.push([scale * parseFloat(style.fontSize), words]);
        if (chart && box.right > chart.getBoundingClientRect().right + 1) cut.push(`out of its chart: ${words}`);
    }
    const sliders = [...panel.querySelectorAll('.noUi-target')].map(slider => slider.clientWidth);
    const films = [...panel.querySelectorAll('video')].map(film => film.clientWidth);
    return {cut, small: sizes.filter(size => size[0] < 11.9), sliders, films, width: panel.clientWidth};
}"""
# At every frame that the browser draws: the numbers that must agree, whether all pictures are there, and the address of
# the last one that changes.
WATCH = """([name, number]) => {
    window.seen = [];
    const panel = document.querySelectorAll('.mvlib-panel')[name], found = new RegExp(number);
    const look = () => {
        const places = [...panel.querySelectorAll('.mvlib-caption, th, td, .mvlib-title, svg text')];
        const matches = places.map(place => found.exec(place.textContent)).filter(Boolean);
        const numbers = matches.map(match => Number(match[1]));
        const images = [...panel.querySelectorAll('.mvlib-title + img')];
        const whole = images.every(image => image.complete && image.naturalWidth > 0);
        window.seen.push([numbers, whole, images.map(image => image.src.length + image.src.slice(-300)).join()]);
        window.watching = requestAnimationFrame(look);
    };
    look();
}"""


@pytest.fixture(scope="module")
def opened(chromium, tmp_path_factory):
    """The page of a notebook with all panels, and what the browser complained of."""
    errors: list[str] = []
    with lab.lab(tmp_path_factory.mktemp("lab"), CELLS) as address:
        page = chromium.new_page(viewport={"width": 1280, "height": 1100})
        page.on("pageerror", lambda error: errors.append(f"uncaught: {error}"))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        lab.run_all(page, address)
        page.wait_for_function(
            f"document.querySelectorAll('.mvlib-caption').length === {len(PANELS)}", timeout=120_000
        )
        yield page, errors
        page.close()


class Seen:
    """One panel of the page, as a hand and an eye have it."""

    def __init__(self, page, name: str) -> None:
        self.page, self.place = page, list(PANELS).index(name)
        self.root = page.locator(".mvlib-panel").nth(self.place)
        self.root.scroll_into_view_if_needed()
        self.settle()

    def settle(self) -> None:
        """Wait until nothing is under way, neither here nor on the way to the kernel."""
        quiet = f"!document.querySelectorAll('.mvlib-panel')[{self.place}].classList.contains('mvlib-busy')"
        for _ in range(2):
            self.page.wait_for_function(quiet, timeout=60_000)
            self.page.wait_for_timeout(150)

    @property
    def caption(self) -> str:
        return self.root.locator(".mvlib-caption").text_content()

    def control(self, label: str):
        """The widget with this label."""
        return self.root.locator(".widget-hbox > :not(.widget-hbox)").filter(
            has=self.page.locator("label", has_text=re.compile(f"^{label}$"))
        )

    def changes(self, before: str) -> str:
        """The caption, when it is another than ``before``."""
        self.page.wait_for_function(
            "([place, old]) => document.querySelectorAll('.mvlib-panel')[place]"
            ".querySelector('.mvlib-caption').textContent !== old",
            arg=[self.place, before],
            timeout=60_000,
        )
        return self.caption


@pytest.fixture
def panel(opened, request):
    opened[0].set_viewport_size({"width": 1280, "height": 1100})
    return Seen(opened[0], request.param)


every = pytest.mark.parametrize("panel", [name for name in PANELS if name != "playing"], indirect=True)


@pytest.mark.parametrize("panel", PANELS, indirect=True)
def test_nothing_is_cut_at_any_width(panel):
    for width in WIDTHS:
        panel.page.set_viewport_size({"width": width, "height": 1100})
        panel.page.wait_for_timeout(300)
        found = panel.root.evaluate(LOOK)
        assert found["cut"] == [] and found["small"] == [], width
        assert found["sliders"] and min(found["sliders"]) >= 200, width
        assert found["width"] == min(1180, found["width"]) and found["width"] > 0.8 * min(width - 180, 1180)
        assert all(film == pytest.approx(found["width"], abs=16) for film in found["films"]), width


@every
def test_keys_move_sliders(panel):
    handle = panel.control("QP").locator(".noUi-handle")
    qp = int(re.search(r"at QP (\d+)", panel.caption)[1])
    handle.focus()
    for key, step in (("ArrowRight", 1), ("ArrowLeft", -1), ("ArrowLeft", -1)):
        before = panel.caption
        handle.press(key)
        qp += step
        assert f"at QP {qp}" in panel.changes(before)
        panel.settle()


@pytest.mark.parametrize(
    ("panel", "label", "number"),
    [
        ("picture", "QP", r"QP (\d+)"),
        ("blocks", "QP", r"QP (\d+)"),
        ("clip", "Frame", r"frame (\d+)(?= is|$)"),
        ("motion", "Frame", r"^frame (\d+)"),
    ],
    indirect=["panel"],
)
def test_a_drag_shows_what_belongs_together(panel, label, number, seconds=2.0):
    page, slider = panel.page, panel.control(label)
    slider.scroll_into_view_if_needed()
    track = slider.locator(".noUi-target").bounding_box()
    handle = slider.locator(".noUi-handle").bounding_box()
    page.evaluate(WATCH, [panel.place, number])
    y, end, steps = track["y"] + track["height"] / 2, time.monotonic() + seconds, 0
    page.mouse.move(handle["x"] + handle["width"] / 2, y)
    page.mouse.down()
    while time.monotonic() < end:
        share = abs((steps / 40) % 2 - 1)
        page.mouse.move(track["x"] + track["width"] * (0.1 + 0.8 * share), y)
        page.wait_for_timeout(16)
        steps += 1
    drawn = page.evaluate("window.seen")
    page.mouse.move(track["x"] + track["width"] * 0.5, y)
    page.mouse.up()
    panel.settle()
    page.wait_for_timeout(300)
    seen = page.evaluate("cancelAnimationFrame(window.watching), window.seen")
    pictures = len({row[2] for row in drawn})
    print(
        f"\n{label} of {panel.place}, a drag of {seconds} s: {pictures} pictures in {len(drawn)} frames of the browser"
    )
    assert [row for row in seen if len(set(row[0])) != 1 or not row[1]] == []
    assert seen[-1][0][0] == int(slider.locator(".widget-readout").inner_text())
    assert pictures > 1, "nothing moved before the handle was let go"


@pytest.mark.parametrize("panel", ["picture", "clip", "blocks"], indirect=True)
def test_of_quick_changes_the_last_arrives(panel):
    chosen = panel.control("Codec").locator("select")
    names = chosen.locator("option").all_text_contents()
    for name in (*names, "x264", "x265", "x264"):
        chosen.select_option(label=name)
    panel.settle()
    assert panel.caption.startswith("x264 at QP")
    assert panel.root.locator("th").first.inner_text().startswith("x264 at QP")


@every
def test_a_file_of_your_own(panel, tmp_path):
    kind = "Picture" if panel.place in (0, 3) else "Clip"
    path = lab.ROOT / "data/clips/bigbuckbunny_0.mp4"
    if kind == "Picture":
        path = tmp_path / "own.png"
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 64), np.uint8)).save(path)
    before = panel.caption
    panel.control("Your file").locator("input").fill(str(path))
    panel.control("Your file").locator("input").press("Enter")
    assert panel.changes(before) and not panel.root.locator("[role=alert]:visible").count()
    panel.settle()
    assert path.name in panel.control(kind).locator("option").all_text_contents()
    before = panel.caption
    panel.control("Your file").locator("input").fill("nowhere.png")
    panel.control("Your file").locator("input").press("Enter")
    panel.root.locator("div[role=alert]", has_text="nowhere.png").wait_for(timeout=10_000)
    if kind == "Picture":
        with panel.page.expect_file_chooser() as chosen:
            panel.root.get_by_text("Upload").click()
        chosen.value.set_files(path)
        panel.root.locator("option", has_text=f"{path.name}′").wait_for(state="attached", timeout=10_000)


@pytest.mark.parametrize("panel", ["blocks"], indirect=True)
def test_a_click_on_the_picture_chooses_a_block(panel):
    before = panel.caption
    picture = panel.root.locator(".mvlib-title + img").first
    box = picture.bounding_box()
    picture.click(position={"x": 0.9 * box["width"], "y": 0.8 * box["height"]})
    after = panel.changes(before)
    width, height = picture.evaluate("image => [image.naturalWidth / 3, image.naturalHeight / 3]")
    read = [panel.control(name).locator(".widget-readout").inner_text() for name in ("Column", "Row")]
    assert [int(v) for v in read] == [pytest.approx(0.9 * width, abs=4), pytest.approx(0.8 * height, abs=4)]
    size, column, row = (
        int(v) for v in re.search(r"size: (\d+)×\d+, place: column (\d+), row (\d+)", after).groups()
    )
    assert column <= int(read[0]) < column + size and row <= int(read[1]) < row + size


@pytest.mark.parametrize("panel", PANELS, indirect=True)
def test_the_lecture_switch_fills_the_screen(panel):
    page = panel.page
    page.set_viewport_size({"width": 1920, "height": 1080})
    panel.root.get_by_text("Lecture").click()
    page.wait_for_function("document.fullscreenElement !== null", timeout=5000)
    page.wait_for_timeout(300)
    found = panel.root.evaluate(LOOK)
    page.evaluate("document.exitFullscreen()")
    page.wait_for_function("document.fullscreenElement === null", timeout=5000)
    assert found["width"] >= 1900 and found["cut"] == [] and found["small"] == []


def test_after_a_restart_the_panels_say_so_and_nothing_was_logged(opened):
    page, errors = opened
    assert [error for error in errors if not any(mark in error for mark in NOT_OURS)] == []
    assert page.locator(".mvlib-gone:visible").count() == 0
    page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.locator(".mvlib-gone").first.wait_for(state="visible", timeout=20_000)
    assert page.locator(".mvlib-gone:visible").all_inner_texts() == [
        "The kernel was restarted: run this cell again."
    ] * len(PANELS)
