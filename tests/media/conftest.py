"""Files of these tests are written by PyAV alone, without what mvlib does about an encoder's threads."""

import os

import pytest


@pytest.fixture(autouse=True)
def ordinary_priority():
    """Opened by root, libsvtav1 leaves a real-time process behind."""
    yield
    if hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) != os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
