"""How nbval starts kernels here: through sockets in files, and again where one did not answer.

Now and then a kernel lives but never answers, and all cells of its notebook fail.  Why is not known; one way is ruled
out here: on TCP a kernel is told ports that were free a moment ago, and another one may have taken them.
"""

import functools
import socket
import tempfile
from pathlib import Path

import nbval.kernel
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
