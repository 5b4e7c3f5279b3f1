"""How nbval runs notebooks here: kernels that answer, and numbers that hold on other processors.

A decimal number may differ by 1 in its last printed digit: processors sum in another order, and a value near the edge
of a rounding falls on the other side of it, however few digits are printed.  A percentage may differ by 2, and by 1 %
of itself: most are shares of blocks or bits of a coded clip, where one decision that tips takes others with it.
Counts, and the words between, must be the same.

Kernels talk through sockets in files, and are started again where one did not answer.
Now and then a kernel lives but never answers, and all cells of its notebook fail.  Why is not known; one way is ruled
out here: on TCP a kernel is told ports that were free a moment ago, and another one may have taken them.
"""

import functools
import re
import socket
import tempfile
from pathlib import Path

import nbval.kernel
import nbval.plugin
from jupyter_client.manager import KernelManager

TRIES = 3


class _FileKernelManager(KernelManager):
    """A kernel manager whose kernels listen on Unix sockets, where the platform has them."""

    def __init__(self, **options):
        super().__init__(**options)
        if hasattr(socket, "AF_UNIX"):
            self._folder = tempfile.TemporaryDirectory(prefix="nbval-")  # goes with the manager
            self.transport, self.ip = "ipc", str(Path(self._folder.name) / "kernel")


def _stubborn(start):
    @functools.wraps(start)
    def start_again(*args, **kwargs):
        for attempt in range(TRIES):
            try:
                return start(*args, **kwargs)
            except RuntimeError:
                if attempt + 1 == TRIES:
                    raise

    return start_again


nbval.kernel.KernelManager = _FileKernelManager
nbval.kernel.start_new_kernel = _stubborn(nbval.kernel.start_new_kernel)


NUMBER = re.compile(r"[+\-−]?\d[\d,]*(?:\.\d+)?(?:\s?%)?")


def alike(shown: str, wanted: str) -> bool:
    """Whether two texts are the same but for blanks, and the last digits of decimal numbers and percentages."""
    texts = [NUMBER.sub(" 0 ", text).split() for text in (shown, wanted)]
    numbers = zip(NUMBER.findall(shown), NUMBER.findall(wanted), strict=False)
    return texts[0] == texts[1] and all(_near(a, b) for a, b in numbers)


def _near(a: str, b: str) -> bool:
    decimals = {len(x.rstrip(" %").partition(".")[2]) for x in (a, b)}
    percent = {"%" in x for x in (a, b)}
    if len(decimals) == 2 or len(percent) == 2 or (decimals == {0} and percent == {False}):
        return a == b
    x, y = (float(x.rstrip(" %").replace(",", "").replace("−", "-")) for x in (a, b))
    digit = 10 ** -decimals.pop()
    return abs(x - y) < (2.5 * digit + 0.01 * abs(y) if percent == {True} else 1.5 * digit)


def _forgiving(compare):
    @functools.wraps(compare)
    def compared(self, test, ref, skip_compare=None):
        for shown, wanted in zip(test, ref, strict=False):
            for a, b in ((shown, wanted), (shown.get("data", {}), wanted.get("data", {}))):
                for key in {"text", "text/plain", "text/markdown"} & a.keys() & b.keys():
                    if alike(self.sanitize(a[key]), self.sanitize(b[key])):
                        a[key] = b[key]
        return compare(self, test, ref, skip_compare)

    return compared


nbval.plugin.IPyNbCell.compare_outputs = _forgiving(nbval.plugin.IPyNbCell.compare_outputs)
