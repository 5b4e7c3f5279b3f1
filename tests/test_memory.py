import platform
import subprocess
import sys

import pytest

# 40 MB ten times: how many pages the system mapped anew, once a few such blocks have been used.
COUNT = """
import resource
{first}
for _ in range(20):
    b"x" * 40_000_000
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    b"x" * 40_000_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
KEEP = "from mvlib.__main__ import keep_freed_memory; keep_freed_memory()"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_freed_memory_is_used_again_without_the_system():
    mapped = {
        first: int(subprocess.check_output([sys.executable, "-c", COUNT.format(first=first)], text=True))
        for first in ("", KEEP)
    }
    assert mapped[KEEP] < 100 < mapped[""]  # with huge pages 40 MB are 20 pages, ten times 200
