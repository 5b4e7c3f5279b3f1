"""JupyterLab in a real browser: open the first notebook → run all cells → move the slider with a key → look."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = "00_start_here.ipynb"
REQUIRED = os.environ.get("MVLIB_REQUIRE_BROWSER") == "1"
# Chromium refuses to run as root (as in a container) with its sandbox, and phones home unless told not to.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# Not ours: JupyterLab asks for optional services and addresses outside, which are absent or unreachable here;
# the browser reports every such answer as "Failed to load resource".
NOT_OURS = ("Failed to load resource", "net::ERR_")

pytestmark = pytest.mark.browser


def _missing(what: str) -> None:
    if REQUIRED:
        pytest.fail(f"{what}, and MVLIB_REQUIRE_BROWSER=1 demands this test")
    pytest.skip(f"{what}; install it to move the slider in a real browser")


@pytest.fixture(scope="module")
def browser_path() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    _missing("no chromium, chromium-browser or google-chrome on PATH")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the first notebook in a JupyterLab that serves a copy of notebooks/."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    # A home of its own: neither the settings of the person who runs this, nor their open tabs.
    home = {
        "HOME": str(folder),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    command += [f"--IdentityProvider.token={token}", "--ServerApp.port_retries=0", "--ip=127.0.0.1"]
    command += [
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
    ]
    _silence_news(folder / "settings")
    log = (folder / "lab.log").open("w")
    data = {"MVLIB_DATA": str(ROOT / "data")}
    server = subprocess.Popen(
        command,
        cwd=folder / "notebooks",
        env={**os.environ, **home, **data},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        _wait_until_up(f"http://127.0.0.1:{port}/api?token={token}", server, folder / "lab.log")
        yield f"http://127.0.0.1:{port}/lab/tree/{NOTEBOOK}?token={token}&reset"
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def _silence_news(settings: Path) -> None:
    """No question about news over the page, and no request to addresses outside."""
    folder = settings / "@jupyterlab" / "apputils-extension"
    folder.mkdir(parents=True)
    (folder / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}'
    )


def _wait_until_up(address: str, server: subprocess.Popen, log: Path, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    pytest.fail(f"JupyterLab did not come up within {seconds} s:\n{log.read_text()[-2000:]}")


def test_a_key_press_moves_the_picture(browser_path: str, lab: str) -> None:
    try:
        import playwright.sync_api as sync_api
    except ImportError:
        _missing("playwright is not installed")
    errors: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=CHROMIUM_FLAGS)
        try:
            page = browser.new_page(viewport={"width": 1500, "height": 1100})
            page.on("pageerror", lambda error: errors.append(f"uncaught: {error}"))
            page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
            page.goto(lab, wait_until="domcontentloaded")
            handle = _run_all_cells(page)
            _check_moves(page, handle)
            _check_drag(page, handle)
            if shot := os.environ.get("MVLIB_SCREENSHOT"):
                _screenshot(page, shot)
        finally:
            browser.close()
    ours = [error for error in errors if not any(mark in error for mark in NOT_OURS)]
    assert not ours, "\n".join(ours)


# The menu's command drops the request, with no message, while the session still connects; hence the wait for it.
RUN_ALL = """async () => {
    const lab = window.jupyterapp;
    await lab.restored;
    const { context, sessionContext } = lab.shell.currentWidget;
    await context.ready;
    await sessionContext.ready;
    await sessionContext.session.kernel.info;
    await lab.commands.execute("notebook:run-all-cells");
}"""


def _run_all_cells(page):
    """Run the notebook and return the slider's handle, scrolled into view."""
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
    page.evaluate(RUN_ALL)
    handle = page.locator(".noUi-handle").first
    handle.wait_for(timeout=60_000)
    handle.scroll_into_view_if_needed()
    return handle


PICTURES = ".mvlib-title + img"


def _panel_state(page) -> tuple[str, list[str]]:
    """Caption and addresses of the three pictures of the first panel."""
    caption = page.locator(".mvlib-caption").first.inner_text()
    sources = [image.get_attribute("src") for image in page.locator(PICTURES).all()[:3]]
    return caption, sources


def _check_moves(page, handle, moves: int = 5) -> None:
    page.wait_for_selector(".mvlib-caption", timeout=60_000)
    page.wait_for_function(f"document.querySelectorAll('{PICTURES}').length >= 3", timeout=60_000)
    times = []
    handle.focus()
    for _ in range(moves):
        before, pictures = _panel_state(page)
        start = time.perf_counter()
        handle.press("ArrowRight")
        page.wait_for_function(
            "old => document.querySelector('.mvlib-caption').innerText !== old",
            arg=before,
            timeout=15_000,
        )
        page.wait_for_function(
            f"old => document.querySelectorAll('{PICTURES}')[1].src !== old",
            arg=pictures[1],
            timeout=15_000,
        )
        times.append(1000 * (time.perf_counter() - start))
        after, moved = _panel_state(page)
        assert _qp(after) == _qp(before) + 1, (before, after)
        assert moved[0] == pictures[0], "the original must stand still"
        assert moved[2] != pictures[2], "the difference must change with the decoded picture"
    print(f"\na move in the browser, key press to new picture: {', '.join(f'{t:.0f}' for t in times)} ms")


# At every frame that the browser draws: the QPs of caption, table, title and marker, whether all pictures are there,
# and the address of the decoded one.
WATCH = """() => {
    window.seen = [];
    const qp = text => Number(/QP (\\d+)/.exec(text)[1]);
    const look = () => {
        const panel = document.querySelector('.mvlib-caption').closest('.jp-OutputArea-output');
        const images = [...panel.querySelectorAll('.mvlib-title + img')];
        const title = [...panel.querySelectorAll('.mvlib-title')].find(b => b.innerText.startsWith('decoded, '));
        const marker = [...panel.querySelectorAll('svg text')].find(t => t.textContent.startsWith('QP '));
        const places = [panel.querySelector('.mvlib-caption'), panel.querySelector('th'), title, marker];
        const whole = images.every(image => image.complete && image.naturalWidth > 0);
        window.seen.push([...places.map(e => qp(e.textContent)), whole, images[1].src]);
        window.watching = requestAnimationFrame(look);
    };
    look();
}"""


def _check_drag(page, handle, seconds: float = 2) -> None:
    """Pictures follow a drag; what is shown together belongs together; the last position arrives."""
    for width in (1000, 1280, 1920, 1500):
        page.set_viewport_size({"width": width, "height": 1100})
        tracks = page.locator(".noUi-target").all()
        assert all(track.bounding_box()["width"] >= 200 for track in tracks), width
    handle.scroll_into_view_if_needed()
    track = page.locator(".noUi-target").first.bounding_box()
    page.evaluate(WATCH)
    y, end = track["y"] + track["height"] / 2, time.monotonic() + seconds
    place = handle.bounding_box()
    page.mouse.move(place["x"] + place["width"] / 2, y)
    page.mouse.down()
    steps = 0
    while time.monotonic() < end:
        share = abs((steps / 40) % 2 - 1)
        page.mouse.move(track["x"] + track["width"] * (0.1 + 0.8 * share), y)
        page.wait_for_timeout(16)
        steps += 1
    page.mouse.move(track["x"] + track["width"] * 0.5, y)
    page.mouse.up()
    drawn = page.evaluate("window.seen")
    page.wait_for_function("() => !document.querySelector('.mvlib-busy')", timeout=20_000)
    page.wait_for_timeout(500)
    seen = page.evaluate("cancelAnimationFrame(window.watching), window.seen")
    pictures = len({row[-1] for row in drawn})
    print(f"\na drag of {seconds} s: {pictures} pictures in {len(drawn)} frames of the browser")
    assert [row[:5] for row in seen if len(set(row[:4])) > 1 or not row[4]] == []
    readout = int(page.locator(".widget-readout").first.inner_text())
    assert seen[-1][:4] == [readout] * 4
    assert pictures > 1, "nothing moved before the handle was let go"


def _qp(caption: str) -> int:
    return int(caption.split(" at QP ")[1].split()[0].rstrip(":"))


def _screenshot(page, path: str) -> None:
    """The picture of the README: the panel after a person has tried some codecs."""
    codec = page.locator(".widget-dropdown select").nth(1)
    for name in ("jpeg", "x264", "avif", "x265"):
        codec.select_option(label=name)
        page.wait_for_timeout(5000)  # the curve, in the background
    page.locator(".jp-OutputArea-output", has=page.locator(".noUi-handle")).first.screenshot(path=path)
