"""Items made ahead by other processes: data set, order → DataLoader → items, or an error that says what happened."""

import sys
from collections.abc import Generator, Iterable
from typing import Any

from torch.utils.data import DataLoader, Dataset

from mvlib._interruption import deaf_children, whole
from mvlib.errors import ResourceError, UserError
from mvlib.pool import LESS


def loaded(data: Dataset, order: Iterable[int], workers: int, **options: Any) -> Generator[Any, None, None]:
    """``data[k]`` for each k of ``order``, made by ``workers`` processes (0: this one); Ctrl-C is not theirs to hear.

    Args:
        options: of the DataLoader.
    Raises:
        UserError: what an item raised, as it raised it.
        ResourceError: one of the processes was killed.
    """
    loader = DataLoader(
        _Carrying(data), batch_size=None, sampler=order, num_workers=workers, worker_init_fn=_quiet, **options
    )
    items: Any = None
    try:
        with whole(), deaf_children():  # a Ctrl-C while they start comes when they can be ended
            items = iter(loader)
        for item in items:
            if isinstance(item, UserError):
                raise item
            yield item
    except RuntimeError as error:
        if "DataLoader worker" not in str(error) or isinstance(error, UserError):
            raise
        raise ResourceError(f"a process that loads pictures or clips was killed: {LESS}") from error
    finally:
        # Torch does so when nothing holds the iterator any more, and an error's traceback holds it to the end.
        if stop := getattr(items, "_shutdown_workers", None):
            stop()
            # Torch sends SIGTERM to one that is stuck, and these don't hear it.
            for process in items._workers:
                process.kill()
                process.join()


def _quiet(_worker: int) -> None:
    """A process that was just handing an item over when its parent was stopped shall not complain."""
    usual = sys.excepthook
    sys.excepthook = lambda kind, *rest: None if issubclass(kind, ConnectionError) else usual(kind, *rest)


class _Carrying(Dataset):
    """``data``; an error that a caller can put right is an item, for DataLoader makes a traceback of its message."""

    def __init__(self, data: Dataset) -> None:
        self.data = data

    def __getitem__(self, index: int) -> Any:
        try:
            return self.data[index]
        except UserError as error:
            return error
        except MemoryError:
            return ResourceError(f"a process that loads pictures or clips had too little memory: {LESS}")
