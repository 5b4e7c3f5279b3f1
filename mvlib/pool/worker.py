"""A worker process: standard input → job → result → standard output, until the input ends.

Jobs come from :mod:`mvlib.pool` of the same program over a private pipe.
"""

import os
import pickle
import sys
import threading
import time
import traceback
from typing import BinaryIO

from mvlib.errors import ResourceError, UserError
from mvlib.pool import LESS


def main() -> None:
    """Serve jobs; results go to the original standard output, everything printed goes to standard error."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not write into the results
    while True:
        try:
            function, args = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        except Exception:  # what is left of the job in the pipe is of no use
            _answer(results, (False, f"the job can't be read in a worker process\n{traceback.format_exc()}"))
            return
        try:
            answer = (True, function(*args))
        except UserError as error:
            answer = (False, error)
        except MemoryError:
            answer = (False, ResourceError(f"a worker process had too little memory: {LESS}"))
        except Exception:
            answer = (False, traceback.format_exc())
        _answer(results, answer)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:  # it may be killed while this process waits for a program or a library
        time.sleep(0.5)
    os._exit(1)


def _answer(results: BinaryIO, answer: tuple[bool, object]) -> None:
    pickle.dump(answer, results, protocol=5)
    results.flush()


if __name__ == "__main__":
    main()
