"""What data sets share: epochs that running worker processes see, and the files of one split, each decoded once."""

from typing import Generic, TypeVar

import torch
from torch.utils.data import Dataset, get_worker_info

from mvlib.errors import InputError

from ._root import Item

T = TypeVar("T")


class Epoch:
    """A counter in shared memory: set in the main process, it is seen by worker processes that already run.

    What a worker process sets itself is its own from then on: others may be at another step at the same time.
    """

    def __init__(self) -> None:
        self._shared = torch.zeros((), dtype=torch.int64).share_memory_()
        self._own: int | None = None

    @property
    def value(self) -> int:
        return int(self._shared) if self._own is None else self._own

    @value.setter
    def value(self, epoch: int) -> None:
        if epoch < 0:
            raise InputError(f"epoch={epoch} must be 0 or more")
        if get_worker_info() is None:
            self._shared.fill_(int(epoch))
        else:
            self._own = int(epoch)


class Split(Dataset, Generic[T]):
    """The items of one split of a manifest, whose random choices follow from seed, epoch and index.

    Attributes:
        kind: what an error calls one.
        meta: an ``Item`` for each.
    """

    kind = "item"

    def __init__(self, split: str, meta: list[Item]) -> None:
        self.split, self.meta, self._epoch = split, meta, Epoch()
        self._decoded: dict[str, T] = {}

    def __len__(self) -> int:
        return len(self.meta)

    @property
    def epoch(self) -> int:
        """The epoch that random choices are drawn for."""
        return self._epoch.value

    def set_epoch(self, epoch: int) -> None:
        """Draw other crops and flips from now on, in running worker processes too."""
        self._epoch.value = epoch

    def item(self, index: int) -> Item:
        """Return file, source, labels, author and licence of item ``index``, or of the file that it is cut from."""
        return self.meta[self._checked(index)]

    def decode(self, item: Item) -> T:
        """Read the file of ``item``."""
        raise NotImplementedError

    def _whole(self, index: int) -> T:
        """The whole file of item ``index``, decoded once, then kept."""
        item = self.item(index)
        if item.file not in self._decoded:
            self._decoded[item.file] = self.decode(item)
        return self._decoded[item.file]

    def _checked(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self.kind} {index} does not exist, {self.split!r} holds 0..{len(self) - 1}")
        return index % len(self)
