"""Ctrl-C: what runs is stopped at once, what is finished is kept, and one line says how to go on.

A ``KeyboardInterrupt`` that leaves the package has that line as its message.
"""

import ctypes
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any


@contextmanager
def stopping(words: str) -> Iterator[None]:
    """Give a ``KeyboardInterrupt`` of the block ``words`` as its message, unless it has one."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise type(stop)(*(stop.args or (words,))) from None


@contextmanager
def whole() -> Iterator[None]:
    """A block that Ctrl-C and SIGTERM end only behind its last line; a second one ends it where it is.

    In a thread that no signals reach it changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {s: h for s in (signal.SIGINT, signal.SIGTERM) if callable(h := signal.getsignal(s))}
    come: list[tuple] = []

    def later(number: int, frame: Any) -> None:
        if come:
            before[number](number, frame)
        come.append((number, frame))

    for number in before:
        signal.signal(number, later)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number, frame in come[:1]:
        before[number](number, frame)


@contextmanager
def deaf_children() -> Iterator[None]:
    """Processes that are started in the block don't hear Ctrl-C: it is for their parent, which then ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Ahead:
    """A thread that works ahead of the one that waits for it, and is stopped in the middle when that one is.

    As a context: at its end all work is done, or it is stopped if the block fails.
    """

    def __init__(self) -> None:
        self._thread, self._begun = ThreadPoolExecutor(1, "ahead"), []
        self._lock = threading.Lock()
        self._working: int | None = None

    def __enter__(self) -> "Ahead":
        return self

    def __exit__(self, error: type | None, *_: object) -> None:
        if error is not None:
            self.stop()
        self._thread.shutdown()

    def begin(self, function: Callable, *args: Any) -> Future:
        """``function(*args)`` behind what was begun before."""
        self._begun = [f for f in self._begun if not f.done()] + [
            self._thread.submit(self._work, function, *args)
        ]
        return self._begun[-1]

    def stop(self) -> None:
        """End what runs with a ``KeyboardInterrupt`` in its thread, between two of its Python instructions."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        while left := [f for f in self._begun if not f.done()]:
            with self._lock:
                if self._working is not None:
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(
                        ctypes.c_ulong(self._working), ctypes.py_object(KeyboardInterrupt)
                    )
            wait(left, 1)

    def _work(self, function: Callable, *args: Any) -> Any:
        with self._lock:
            self._working = threading.get_ident()
        try:
            return function(*args)
        finally:
            with self._lock:
                self._working = None
