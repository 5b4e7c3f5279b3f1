"""Another program by its command line: template → arguments → process → its files; no shell in between."""

import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from string import Formatter

from mvlib.errors import CommandFailed, InputError, InputTypeError, MissingFile

_LINES = 8  # of a failed program's last words
_VERSION_TIMEOUT = 20.0
_PREFIX, _LOCK = "mvlib-run-", "lock"
_YOUNG = 10.0  # seconds


class Program:
    """A command line with placeholders.

    Args:
        command: as typed in a shell (quotes and backslashes are understood, nothing else of a shell), or a list of
            arguments. An argument, or what follows its ``=``, that names a file is given with its full path, since
            the program runs in a temporary folder.
        role: what it does, for messages.
        needs: placeholders that must be in it. may: others that may.

    Raises:
        ValueError: placeholders are unknown, missing or malformed.
        FileNotFoundError: there is no such program.
    """

    def __init__(
        self, command: str | Sequence[str], role: str, needs: Iterable[str], may: Iterable[str]
    ) -> None:
        self.role = role
        self.arguments = _arguments(command, role)
        self.fields = _fields(self.arguments, role)
        known = [*needs, *may]
        for name in self.fields:
            if name not in known:
                raise InputError(
                    f"placeholder {{{name}}} of the {role} command is unknown; there are "
                    f"{', '.join(f'{{{k}}}' for k in known)} (braces themselves are {{{{ and }}}})"
                )
        for name in needs:
            if name not in self.fields:
                raise InputError(f"the {role} command has no {{{name}}}: {shlex.join(self.arguments)}")
        program = _plain(self.arguments[0])
        found = shutil.which(program)
        if found is None:
            raise MissingFile(
                f"there is no program {program!r} (the {role} command); install it, or give its full path"
            )
        self.path = str(Path(found).absolute())
        rest = [_with_full_path(argument) for argument in self.arguments[1:]]
        self.arguments = [self.path, *(argument for argument, _ in rest)]
        self.files = [file for _, file in rest if file]

    def __call__(self, output: Path, timeout: float | None, **values: object) -> None:
        """Run it with the placeholders' values, in the folder of ``output``, the file that it must write.

        Raises:
            CommandFailed: it ended with an error, took more than ``timeout`` seconds, or wrote nothing.
        """
        try:
            arguments = [self.path, *(argument.format(**values) for argument in self.arguments[1:])]
        except ValueError as error:  # a format such as {qp:d}
            raise InputError(f"the {self.role} command cannot be filled in with {values}: {error}") from error
        log = output.parent / "log"
        try:
            code = run_program(arguments, output.parent, log, timeout)
        except OSError as error:
            raise CommandFailed(f"{self.path} (the {self.role} command) cannot be run: {error}") from error
        if code:
            why = f"took more than {timeout:g} s" if code == _TOO_LONG else f"ended with exit code {code}"
            words = log.read_text(errors="replace").splitlines()
            last = (
                "\n".join([line.strip() for line in words if line.strip()][-_LINES:]) or "(it wrote nothing)"
            )
            raise CommandFailed(f"the {self.role} {why}: {shlex.join(arguments)}\n{last}")
        if not output.is_file() or not output.stat().st_size:
            raise CommandFailed(f"the {self.role} wrote nothing, without an error: {shlex.join(arguments)}")

    @property
    def fingerprint(self) -> str:
        """A short name for the program as it is here: its bytes, what it says its version is, files named to it."""
        digests = [_program_digest(self.path, *_stamp(self.path))]
        digests += [_file_digest(file, *_stamp(file)) for file in self.files]
        return hashlib.sha256(" ".join(digests).encode()).hexdigest()[:16]


def _arguments(command: str | Sequence[str], role: str) -> list[str]:
    try:
        arguments = shlex.split(command) if isinstance(command, str) else list(command)
    except ValueError as error:
        raise InputError(f"the {role} command {command!r} cannot be split: {error}") from error
    except TypeError:
        arguments = None
    if arguments is None or not all(isinstance(argument, str) for argument in arguments):
        raise InputTypeError(f"the {role} command must be text or a list of texts, not {command!r}")
    if not arguments:
        raise InputError(f"the {role} command is empty")
    return arguments


def _fields(arguments: list[str], role: str) -> list[str]:
    try:
        return [name for a in arguments for _, name, _, _ in Formatter().parse(a) if name is not None]
    except ValueError as error:
        raise InputError(
            f"the {role} command has a brace too many or too few: {error}; braces themselves are {{{{ and }}}}"
        ) from error


def _plain(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")


def _with_full_path(argument: str) -> tuple[str, str | None]:
    """The argument, and the file that it names: a bare word is one only if it has a dot or a separator."""
    before, equals, name = argument.rpartition("=")
    name = _plain(name)
    if name.startswith("-") or not set(name) & set("./\\") or not Path(name).is_file():
        return argument, None
    full = str(Path(name).absolute())
    return before + equals + full.replace("{", "{{").replace("}", "}}"), full


_EVER = 1e9  # seconds
_TOO_LONG = -1000  # no signal has that number


def run_program(arguments: list[str], folder: Path, log: Path, timeout: float | None) -> int:
    with log.open("wb") as words:
        process = subprocess.Popen(
            [*_die_with_parent(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,  # so that its own children can be ended with it
        )
        try:
            # With a limit Python waits in small steps, between which a thread can be told to stop.
            return process.wait(_EVER if timeout is None else timeout)
        except subprocess.TimeoutExpired:
            return _TOO_LONG
        finally:
            if process.poll() is None:  # Ctrl-C too
                if hasattr(os, "killpg"):
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
                process.wait()


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that goes away with the block; a killed process's, with the next one's first."""
    from filelock import FileLock  # late: what runs no program has no use for it

    _sweep(tempfile.gettempdir())
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name, FileLock(Path(name) / _LOCK):
        yield Path(name)


@lru_cache
def _sweep(top: str) -> None:
    from filelock import FileLock, Timeout

    for folder in Path(top).glob(f"{_PREFIX}*"):
        # The system lets go of a dead process's lock; a folder just made may not have its lock yet.
        with suppress(OSError, Timeout):
            if time.time() - folder.stat().st_mtime > _YOUNG:
                with FileLock(folder / _LOCK, blocking=False):
                    shutil.rmtree(folder)


@lru_cache(maxsize=1)
def _die_with_parent() -> tuple[str, ...]:
    """On Linux an encoder ends with the worker that started it, however that ends."""
    through = (shutil.which("setpriv") or "", "--pdeathsig", "KILL", "--")
    knows = through[0] and not subprocess.run([*through, "true"], capture_output=True).returncode
    return through if knows else ()


def _stamp(path: str) -> tuple[int, int]:
    stat = os.stat(path)
    return stat.st_mtime_ns, stat.st_size


@lru_cache
def _file_digest(path: str, changed: int, size: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache
def _program_digest(path: str, changed: int, size: int) -> str:
    with temporary_folder() as folder:
        log = folder / "log"
        run_program([path, "--version"], folder, log, _VERSION_TIMEOUT)
        version = log.read_bytes()
    return _file_digest(path, changed, size) + hashlib.sha256(version).hexdigest()
