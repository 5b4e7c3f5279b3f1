"""One browser and one JupyterLab for all tests of a run: to start them takes longer than most tests."""

import os

import lab
import pytest


@pytest.fixture(scope="session")
def chromium():
    """Chromium, as playwright's; skips without one, or fails where MVLIB_REQUIRE_BROWSER=1 demands these tests."""
    try:
        with lab.chromium() as browser:
            yield browser
    except lab.Missing as missing:
        if os.environ.get("MVLIB_REQUIRE_BROWSER") == "1":
            pytest.fail(f"{missing}, and MVLIB_REQUIRE_BROWSER=1 demands this test")
        pytest.skip(f"{missing}; install it for the tests in a real browser")
