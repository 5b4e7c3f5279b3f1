"""Ctrl-C: what runs is stopped at once, what is finished is kept, and one line says how to go on.

A ``KeyboardInterrupt`` that leaves the package has that line as its message.
"""

import ctypes
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from typing import Any


@contextmanager
def stopping(words: str) -> Iterator[None]:
    """Give a ``KeyboardInterrupt`` of the block ``words`` as its message, unless it has one."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise type(stop)(*(stop.args or (words,))) from None


class Terminated(KeyboardInterrupt):
    """SIGTERM, as a batch system sends it before it kills."""


@contextmanager
def heeding_sigterm() -> Iterator[None]:
    """SIGTERM stops the block as Ctrl-C does, in place of ending the process without a word."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(*_: Any) -> None:
    raise Terminated


@contextmanager
def whole() -> Iterator[None]:
    """A block that Ctrl-C and SIGTERM end only behind its last line; a second one ends it where it is.

    In a thread that no signals reach it changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {
        s: h for s in (signal.SIGINT, signal.SIGTERM) if callable(h := signal.getsignal(s))
    }
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
    """Processes that are started in the block don't hear Ctrl-C and SIGTERM: their parent ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Ahead(AbstractContextManager["Ahead"]):
    """Threads that work ahead of the one that waits for them, and are stopped in the middle when that one is.

    As a context: at its end all work is done, or it is stopped if the block fails.
    """

    def __init__(self, threads: int = 1) -> None:
        self._threads, self._lock = ThreadPoolExecutor(threads, "ahead"), threading.Lock()
        self._begun: list[Future] = []
        self._working: set[int] = set()

    def __exit__(self, error: type | None, *_: object) -> None:
        if error is not None:
            self.stop()
        self._threads.shutdown()

    def begin(self, function: Callable, *args: Any) -> Future:
        """``function(*args)`` behind what was begun before."""
        self._begun = [f for f in self._begun if not f.done()]
        self._begun.append(self._threads.submit(self._work, function, *args))
        return self._begun[-1]

    def stop(self) -> None:
        """End what runs with a ``KeyboardInterrupt`` in its thread, between two of its Python instructions."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        while left := [f for f in self._begun if not f.done()]:
            with self._lock:
                for thread in self._working:
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(
                        ctypes.c_ulong(thread), ctypes.py_object(KeyboardInterrupt)
                    )
            wait(left, 1)

    def _work(self, function: Callable, *args: Any) -> Any:
        with self._lock:
            self._working.add(threading.get_ident())
        try:
            return function(*args)
        finally:
            with self._lock:
                self._working.discard(threading.get_ident())


def result_of(work: Future) -> Any:
    """The result of ``work``, waited for so that Ctrl-C, and the stop of a thread of ``Ahead``, end the wait.

    A signal that the system gives to another thread does not end a wait without a limit in the main one.
    """
    while not work.done():
        wait([work], 0.2)
    return work.result()
