"""The command line: ``python -m mvlib COMMAND`` → the package → JSON and a table.

Every option of a command is a parameter of its function in ``commands``; ``--help`` at each level lists them.
``--config FILE`` takes them from a YAML or TOML file. Exit status: 0; 2 where what was typed or given is wrong; 1 for
trouble with the machine (a full disk), in one line, and for our own faults, with their traceback, which ``--debug``
shows of everything; 130 after Ctrl-C, 143 after SIGTERM.
"""

import ctypes
import os
import platform
import signal
import sys
import traceback
from argparse import ArgumentError
from typing import Any

import jsonargparse

from mvlib import __version__
from mvlib._arguments import expand
from mvlib._interruption import Terminated, heeding_sigterm
from mvlib.commands.compare import compare, listed
from mvlib.commands.encode import encode
from mvlib.commands.evaluate import evaluate_image, evaluate_video, report
from mvlib.commands.fidelity import agreement, fidelity
from mvlib.commands.train import train_actions, train_image, train_update, train_video
from mvlib.errors import UserError

COMMANDS: Any = {  # names to functions, or to more of them
    "encode": encode,
    "compare": compare,
    "evaluate": {"_help": "Measure on real bitstreams.", "image": evaluate_image, "video": evaluate_video},
    "report": report,
    "fidelity": fidelity,
    "agreement": agreement,
    "train": {
        "_help": "Train a preprocessor through the virtual codec, or a recogniser.",
        "image": train_image,
        "video": train_video,
        "actions": train_actions,
        "update": train_update,
    },
}
DEBUG = "--debug"
# Of glibc's malloc.h: blocks from which size on are mapped from the system, and how much may stay free at the top.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT = 2**30


def main() -> None:
    """Entry point of ``python -m mvlib`` and of the ``mvlib`` script."""
    keep_freed_memory()
    typed = sys.argv[1:]
    try:
        with heeding_sigterm():
            _run([argument for argument in typed if argument != DEBUG])
    except (Exception, KeyboardInterrupt) as error:
        status, line = _outcome(error)
        if line is None:
            raise
        end = SystemExit(" ".join(["mvlib:", *line.split("\n")]))  # says why to who calls main() from Python
        end.code = status
        if DEBUG in typed:
            traceback.print_exception(error)
        elif line:
            print(end, file=sys.stderr)
        raise end from None


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


def _run(arguments: list[str]) -> None:
    jsonargparse.set_parsing_settings(docstring_parse_attribute_docstrings=True)
    try:
        jsonargparse.auto_cli(
            COMMANDS,
            prog="mvlib",
            args=listed(expand(COMMANDS, arguments)),
            version=__version__,
            exit_on_error=False,
            epilog=f"{DEBUG}, anywhere: show the traceback of every error.",
        )
    finally:
        try:
            sys.stdout.flush()
        except OSError:  # a full disk, or a reader that went away: Python shall not try again when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise


def _outcome(error: BaseException) -> tuple[int, str | None]:
    """Exit status and line for what ended a command; no line where the traceback is what helps."""
    if isinstance(error, KeyboardInterrupt):
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))  # who is in a hurry ends what still winds up
        # An object that was stopped while it was made may fail where it is deleted: no news to who stopped it.
        sys.unraisablehook = lambda _: None
        return 143 if isinstance(error, Terminated) else 130, str(error) or "stopped"
    if isinstance(error, BrokenPipeError):  # as `| head` does
        return 141, ""
    if isinstance(error, ArgumentError):
        return 2, f"{' '.join(str(error).split()).rstrip('.')}; --help lists what there is"
    if isinstance(error, UserError):
        machine = isinstance(error, OSError | RuntimeError) and not isinstance(error, FileNotFoundError)
        return 1 if machine else 2, str(error)
    if isinstance(error, OSError):
        return 1, str(error) or type(error).__name__
    if isinstance(error, MemoryError):
        return 1, f"too little memory ({error or 'without details'}); give fewer or smaller pictures or clips"
    return 1, None


if __name__ == "__main__":
    main()
