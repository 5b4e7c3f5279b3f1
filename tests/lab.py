"""JupyterLab in a real browser: cells → a notebook that a server of its own serves → Chromium's page of it.

Used by the tests of panels and by ``docs/_panels.py``, which makes their pictures.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).resolve().parents[1]
# Chromium refuses to run as root (as in a container) with its sandbox, and phones home unless told not to.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
]
# The menu's command drops the request, with no message, while the session still connects; hence the wait for it.
_RUN_ALL = """async () => {
    const lab = window.jupyterapp;
    await lab.restored;
    const { context, sessionContext } = lab.shell.currentWidget;
    await context.ready;
    await sessionContext.ready;
    await sessionContext.session.kernel.info;
    lab.shell.collapseLeft();
    await lab.commands.execute("notebook:run-all-cells");
}"""


class Missing(RuntimeError):
    """There is no browser here, or nothing that drives it."""


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser of playwright's; raises ``Missing``."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        raise Missing(f"none of {', '.join(names)} is on PATH")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise Missing("playwright is not installed") from None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def lab(folder: Path, cells: Sequence[str]) -> Iterator[str]:
    """The address of a notebook of these cells, in a JupyterLab that works in ``folder``."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "panels.ipynb")
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
        "MVLIB_DATA": str(ROOT / "data"),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    command += [f"--IdentityProvider.token={token}", "--ServerApp.port_retries=0", "--ip=127.0.0.1"]
    command += ["--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"]
    _set(folder / "settings", "apputils", "notification", '{"fetchNews": "false", "checkForUpdates": false}')
    _set(folder / "settings", "notebook", "tracker", '{"windowingMode": "none"}')  # all cells are in the page
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=os.environ | home, stdout=log, stderr=log)
        try:
            _wait_until_up(f"http://127.0.0.1:{port}/api?token={token}", server, folder / "lab.log")
            yield f"http://127.0.0.1:{port}/lab/tree/panels.ipynb?token={token}&reset"
        finally:
            server.terminate()
            server.wait(20)


def _set(settings: Path, extension: str, name: str, text: str) -> None:
    file = settings / "@jupyterlab" / f"{extension}-extension" / f"{name}.jupyterlab-settings"
    file.parent.mkdir(parents=True)
    file.write_text(text)


def _wait_until_up(address: str, server: subprocess.Popen, log: Path, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise RuntimeError(f"JupyterLab did not come up within {seconds} s:\n{log.read_text()[-2000:]}")


def run_all(page: Any, address: str) -> None:
    """Open the notebook at ``address`` and let all its cells begin."""
    page.goto(address, wait_until="domcontentloaded")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
    page.evaluate(_RUN_ALL)
