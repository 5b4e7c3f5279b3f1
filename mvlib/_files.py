"""Files that are whole or not there: write to a temporary name in the same folder → rename; a digest tells damage.

A temporary name holds the machine and the process that writes it: what a killed process left is swept by the next one
that writes into the folder, and what a living one is writing stays. Where there shall be one writer at a time, it holds
a lock beside what is written, which the system lets go of when the process ends.
"""

import atexit
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cache
from pathlib import Path

from mvlib.errors import FileError, InputError, UserError

_DIGEST = 16  # bytes
_OLD = 7 * 24 * 3600
"""Seconds after which a temporary file is no one's, whatever its name says: a process number may be given anew."""
_TEMPORARY = re.compile(r"\..*-([0-9a-f]{8})-(\d+)-[^-.]{8}(\.[^.]*)?")
_HINTS = {
    errno.ENOSPC: "the disk is full; make room, or choose another place",
    errno.EDQUOT: "the disk quota is used up; make room, or choose another place",
    errno.EROFS: "the disk is read-only; choose another place",
    errno.EACCES: "no permission; choose another place, or change the permissions",
    errno.EPERM: "no permission; choose another place, or change the permissions",
    errno.EFBIG: "the file grew beyond what is allowed here (`ulimit -f`)",
}
swept: set[Path] = set()
_being_written: dict[str, Path] = {}


@contextmanager
def replace_when_done(path: str | os.PathLike, durable: bool = False) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends, and vanishes if it fails.

    The parent folder is made if need be. Where ``path`` is a link, the file that it leads to is replaced; permissions
    are those of the file that was there, or what the umask leaves. A process killed inside the block leaves ``path`` as
    it was; ``durable`` waits for the disk before the old file goes, so that a power cut does no harm either.

    Raises:
        FileError: the disk is full, the folder is read-only, or the like; the message names ``path``.
    """
    path = Path(path)
    temporary = None
    with writing(path):
        try:
            target = Path(os.path.realpath(path))
            temporary = _temporary(target)
            yield temporary
            if target.exists():
                shutil.copymode(target, temporary)
            if durable:
                with temporary.open("rb") as written:
                    os.fsync(written.fileno())
            os.replace(temporary, target)
            del _being_written[temporary.name]
        except BaseException:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
            raise


@contextmanager
def writing(path: str | os.PathLike) -> Iterator[None]:
    """What goes wrong on ``path`` or beside it while it is written becomes a ``FileError`` that says so in a line."""
    path = Path(path)
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        # FFmpeg puts "file:" before a name.
        named = path if error.filename is None else os.fsdecode(error.filename).removeprefix("file:")
        named, here = Path(named).absolute(), path.absolute()
        folders = here.parent, Path(os.path.realpath(path)).parent
        if named.parent not in folders and not here.is_relative_to(named):
            raise  # of another file, which the block reads
        raise cannot("written", path, error) from error


def cannot(verb: str, path: str | os.PathLike, error: OSError) -> FileError:
    """The error that says why ``path`` cannot be read or written."""
    return FileError(f"{path} cannot be {verb}: {_HINTS.get(error.errno or 0, error.strerror or str(error))}")


def _temporary(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    # A long name must not become too long.
    name = f".{path.stem[:40]}-{this_machine()}-{os.getpid()}-{secrets.token_hex(4)}{path.suffix}"
    _being_written[name] = path.parent / name
    # Permissions less the umask, unlike those that tempfile gives.
    os.close(os.open(path.parent / name, os.O_CREAT | os.O_EXCL, 0o666))
    return path.parent / name


@atexit.register
def _clear() -> None:
    """Remove what did not become whole once more: an interruption may come while it is removed."""
    for name, path in _being_written.items():
        if f"-{os.getpid()}-" in name:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove temporary files of killed processes from ``folder``, once in the life of this process."""
    if folder in swept:
        return
    swept.add(folder)
    with os.scandir(folder) as entries:
        left = [
            Path(e.path) for e in entries if (m := _TEMPORARY.fullmatch(e.name)) and _is_left(e, *m.groups())
        ]
    for path in left:
        with suppress(OSError):  # another process may be sweeping too
            path.unlink()


def _is_left(entry: os.DirEntry, machine: str, process: str, _suffix: str | None) -> bool:
    with suppress(FileNotFoundError):
        if machine == this_machine() and not _alive(int(process), entry.name):
            return True
        return time.time() - entry.stat().st_mtime > _OLD
    return False


def _alive(process: int, name: str) -> bool:
    if process == os.getpid():
        # Else of an earlier process of that number: in containers they start at 1.
        return name in _being_written
    if os.name == "nt":
        return True  # there os.kill(process, 0) would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@cache
def this_machine() -> str:
    """Short name of where process numbers mean the same: the host, and in containers the container."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return hashlib.blake2b(f"{socket.gethostname()} {space}".encode(), digest_size=4).hexdigest()


def write_json(path: str | os.PathLike, value: object) -> Path:
    """Write ``value`` as JSON, whole or not at all; the path."""
    with replace_when_done(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    return Path(path)


def write_sealed(path: str | os.PathLike, body: bytes | memoryview, durable: bool = False) -> None:
    """Write ``body`` and a digest behind it, whole or not at all; see ``read_sealed``."""
    with replace_when_done(path, durable) as temporary, temporary.open("wb") as file:
        file.write(body)
        file.write(_digest(body))


def read_sealed(path: str | os.PathLike) -> bytes:
    """What ``write_sealed`` was given.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: it is damaged, or of another make.
    """
    data = memoryview(Path(path).read_bytes())
    body = data[:-_DIGEST]
    if len(data) < _DIGEST or _digest(body) != data[-_DIGEST:]:
        raise InputError(
            f"{path} is damaged, or not of this program: its {len(data)} bytes don't match their digest"
        )
    return bytes(body)


def _digest(body: bytes | memoryview) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST).digest()


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
            lock.acquire(timeout=1)  # by then the holder's file is written
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
