"""Freed memory → kept for the next tensor: pages that go back to the system must be cleared again when they return."""

import ctypes
import platform

# Of glibc's malloc.h: blocks from which size on are mapped from the system, and how much may stay free at the top.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT = 2**30


def keep_freed_memory() -> None:
    """Let this process keep up to a gibibyte of freed memory, where the C library is glibc; elsewhere nothing changes.

    By default every tensor above 32 MiB is mapped anew and unmapped at once. An evaluation of clips spent a quarter of
    its time on the system's clearing of such pages (10 of 39 s of CPU; 1 of 28 s with this). ``mvlib encode`` of 720p
    became 2.5 times as fast, and took 3.2 GiB in place of 2.4, however long the film
    (``benchmarks/bench_encode.py --only length``).
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, _KEPT)
        libc.mallopt(_TRIM_THRESHOLD, _KEPT)
