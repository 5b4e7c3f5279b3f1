"""One writer at a time: a lock beside what is written, held by the system for as long as the process lives."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from mvlib._files import writing
from mvlib.errors import InputError


@contextmanager
def alone(path: str | os.PathLike, what: str) -> Iterator[None]:
    """Hold ``path``, a file that may not be there yet, against other processes while the block runs.

    The lock ends with the process, however that ends; two small hidden files beside ``path`` belong to it.

    Args:
        what: what holds it, for the message that another process gives: "training".
    Raises:
        InputError: another one holds it; the message says which.
        FileError: the folder cannot be written to.
    """
    from filelock import FileLock, Timeout  # late: what only reads has no use for it

    path = Path(path)
    holder = path.with_name(f".{path.name}.holder")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(f".{path.name}.lock"))
        try:
            lock.acquire(timeout=1)  # who has just taken it has said so by then
        except Timeout:
            raise InputError(
                f"{path} is being written by {_read(holder)}: wait until it ends, stop it, or choose another place"
            ) from None
    try:
        with writing(path):
            holder.write_text(
                f"another {what} (process {os.getpid()} on {socket.gethostname()}, "
                f"since {datetime.now():%Y-%m-%d %H:%M:%S})",
                encoding="utf-8",
            )
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _read(holder: Path) -> str:
    try:
        return holder.read_text(encoding="utf-8")
    except OSError:
        return "another process"
