"""Many clips on all cores: jobs → pipes → worker processes → results in order.

The workers are plain child processes that run ``python -m mvlib.pool.worker`` and talk through their standard
streams. ``multiprocessing`` would import the caller's main script again in every worker: that breaks from a
notebook or standard input, needs a guard in every script, and pulls torch into processes that only encode. These
start in a fraction of a second, stay for the next call, and end when the pipe to them closes, however the parent
ends.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mvlib._interruption import Ahead, result_of
from mvlib.errors import InputError, ResourceError, UserError

_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])
idle: list[Worker] = []
_lock = threading.Lock()
LESS = "the system probably ran out of memory; give fewer workers, or smaller pictures or clips"


class Worker:
    """A child process that runs one job at a time."""

    def __init__(self) -> None:
        path = os.pathsep.join(filter(None, [_PACKAGE_ROOT, os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "mvlib.pool.worker"],  # -P: no module from the current folder
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pipesize=1 << 20,  # a picture in one go; only Linux heeds it
            env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            # Ctrl-C is for the parent, which then ends its workers.
            start_new_session=True,
        )
        assert self.process.stdin is not None and self.process.stdout is not None  # they are pipes
        self._jobs, self._results = self.process.stdin, self.process.stdout

    def call(self, function: Callable, args: tuple) -> object:
        """Run ``function(*args)`` in the child.

        Raises:
            UserError: what the function raised.
            RuntimeError: it raised something else, whose traceback is the message; or the child ended.
        """
        try:
            pickle.dump((function, args), self._jobs, protocol=5)
            self._jobs.flush()
            done, result = pickle.load(self._results)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)  # how it ended is told only if it isn't killed here
            self.stop()
            raise _ended(self.process.returncode) from error
        except BaseException:  # half a job may be in the pipe
            self.stop()
            raise
        if not done:
            raise result if isinstance(result, UserError) else RuntimeError(result)
        return result

    def alive(self) -> bool:
        """Whether the child can take another job."""
        return self.process.poll() is None

    def stop(self) -> None:
        """End the child now."""
        self.process.kill()
        self.process.wait()
        self._jobs.close()
        self._results.close()


def _ended(code: int) -> RuntimeError:
    if code in (-signal.SIGKILL, -signal.SIGBUS):
        return ResourceError(f"the worker process was killed ({signal.Signals(-code).name}): {LESS}")
    return RuntimeError(f"the worker process ended (exit code {code})")


def cores() -> int:
    """Cores that this process may use; where several share a job on this machine, its part of them."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # Launchers of several processes (torchrun, accelerate) say how many they started here.
    return max(1, there // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def run(
    function: Callable,
    jobs: list[tuple],
    workers: int | None,
    progress: bool,
    what: str,
    processes: bool = True,
) -> list:
    """``[function(*job) for job in jobs]`` in worker processes, or in threads where these could not import it.

    Raises:
        ValueError: workers is no positive whole number.
        UserError: a job raised it, or its worker was killed; the message names its index.
        RuntimeError: a job failed otherwise; the message names its index.
    """
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        raise InputError(
            f"workers must be a whole number from 1 on, or None for one per core, not {workers!r}"
        )
    count = min(workers or cores(), len(jobs))
    with _bar(len(jobs), progress, what) as bar:
        if count <= 1:
            return [_inline(function, i, job, bar) for i, job in enumerate(jobs)]
        return (_parallel if processes else _threaded)(function, jobs, count, bar)


def _bar(total: int, progress: bool, what: str) -> Any:
    if progress:
        from tqdm.auto import tqdm  # late: workers have no use for it, and it looks for a notebook
    else:
        from tqdm import tqdm
    return tqdm(total=total, desc=what, disable=not progress)


def _inline(function: Callable, index: int, job: tuple, bar: Any) -> object:
    try:
        result = function(*job)
    except Exception as error:
        raise _of_item(index, error) from error
    bar.update()
    return result


def _threaded(function: Callable, jobs: list[tuple], count: int, bar: Any) -> list:
    with Ahead(count) as threads:
        work = [threads.begin(_inline, function, i, job, bar) for i, job in enumerate(jobs)]
        return [result_of(job) for job in work]


def _of_item(index: int, error: Exception) -> Exception:
    """``error`` with the item in front of its message; what a caller can put right stays of its kind."""
    kind = type(error) if isinstance(error, UserError) else RuntimeError
    return kind(f"item {index}: {error}")


def _parallel(function: Callable, jobs: list[tuple], count: int, bar: Any) -> list:
    crew, free = _take(count), queue.SimpleQueue[Worker]()
    for worker in crew:
        free.put(worker)

    def call(*job: Any) -> object:
        worker = free.get()
        try:
            return worker.call(function, job)
        finally:
            free.put(worker)

    threads = ThreadPoolExecutor(count, "workers")
    try:
        work = [threads.submit(_inline, call, i, job, bar) for i, job in enumerate(jobs)]
        results = [result_of(job) for job in work]
    except BaseException:  # Ctrl-C too: half-done jobs are of no use to the next call
        threads.shutdown(wait=False, cancel_futures=True)
        for worker in crew:
            worker.process.kill()
        raise
    threads.shutdown()
    with _lock:
        idle.extend(worker for worker in crew if worker.alive())
    return results


def _take(count: int) -> list[Worker]:
    with _lock:
        crew = [worker for worker in (idle.pop() for _ in range(min(count, len(idle)))) if worker.alive()]
    return crew + [Worker() for _ in range(count - len(crew))]


@atexit.register
def close() -> None:
    """End all idle workers; the next call starts new ones."""
    with _lock:
        while idle:
            idle.pop().stop()


def _forget() -> None:
    """A forked child (a DataLoader's worker, say) must not talk into its parent's pipes: it starts its own."""
    global _lock
    idle.clear()
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
