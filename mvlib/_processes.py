"""Several processes at one job: what ``accelerate launch`` started → who am I → my part → sums and gathered lists.

Everything here also works, and costs nothing, where there is one process: code that uses it need not ask. Where
there are several (``accelerate launch -m mvlib train …``, ``torchrun``, ``notebook_launcher``), Hugging Face
Accelerate sets up the process group: NCCL between GPUs, gloo between processes on CPUs.
"""

import atexit
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from mvlib._files import alone
from mvlib.errors import InputError, UserError

if TYPE_CHECKING:
    from accelerate import Accelerator

Item = TypeVar("Item")
# In an evaluation one process may be done hours before another.
PATIENCE = timedelta(days=2)


class Processes:
    """The processes that share this job; ``rank`` is this one's place among ``count``.

    Args:
        device: "auto" takes a GPU where there is one, one for each process of a machine; or "cpu", "cuda", "cuda:1".
    """

    def __init__(self, device: str = "auto") -> None:
        self.rank, self.count = 0, 1
        on_cpu = device == "cpu" or (device == "auto" and not torch.cuda.is_available())
        if not on_cpu and not torch.cuda.is_available():
            raise InputError(
                f"device is {device!r}, but there is no GPU here that PyTorch can use; give cpu or auto"
            )
        self.device = torch.device("cpu" if on_cpu else "cuda" if device == "auto" else device)
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            self._accelerator = _accelerator(on_cpu)
            self.rank, self.count = self._accelerator.process_index, self._accelerator.num_processes
            if not on_cpu:  # Accelerate numbers CPUs, too, and torch loads nothing to "cpu:1"
                self.device = self._accelerator.device

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files and speaks."""
        return self.rank == 0

    def part(self, total: int) -> slice:
        """This process's run of ``total`` things: every thing is in exactly one, lengths differ by at most 1."""
        return slice(total * self.rank // self.count, total * (self.rank + 1) // self.count)

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum of ``tensor`` over the processes, the same bits in each."""
        if self.count == 1:
            return tensor
        return self._accelerator.reduce(tensor, "sum")

    def gather(self, mine: Sequence[Item]) -> list[Item]:
        """The lists of all processes, one behind the other in order of rank, in each; lengths may differ."""
        if self.count == 1:
            return list(mine)
        from accelerate.utils import gather_object

        return gather_object(list(mine))

    def wait(self) -> None:
        """Go on when all processes are here."""
        if self.count > 1:
            self._accelerator.wait_for_everyone()

    @contextmanager
    def alone(self, path: Path, what: str) -> Iterator[None]:
        """Hold the file ``path`` for this job, against other ones, while the block runs; see ``mvlib._files.alone``."""
        with ExitStack() as held:
            refused = []
            if self.is_main:
                try:
                    held.enter_context(alone(path, what))
                except UserError as error:
                    refused = [error]
            for refusal in self.gather(refused):  # all end, none waits for one that did
                raise refusal
            yield

    def with_shared_statistics(self, network: nn.Module) -> nn.Module:
        """``network``, its batch normalisations over the items of all processes, as if there were one.

        Raises ValueError on CPUs, where torch has no such normalisation.
        """
        if self.count == 1 or not any(
            isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules()
        ):
            return network
        if self.device.type != "cuda":
            raise InputError(
                f"{type(network).__name__} normalises over the batch, which several processes share on GPUs only; "
                "train it in one process, or another architecture"
            )
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)

    def prepared(self, network: nn.Module) -> nn.Module:
        """What is called in place of ``network`` where gradients are to be the means over the processes."""
        return network if self.count == 1 else self._accelerator.prepare_model(network)


@cache
def _accelerator(on_cpu: bool) -> "Accelerator":
    """Accelerate's group of the processes that were launched together, set up once."""
    from accelerate import Accelerator  # late: it takes a second to import, and one process needs none
    from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs

    # A parameter without a gradient in this process may have one in another. What computes in half precision is told.
    options = [
        InitProcessGroupKwargs(timeout=PATIENCE),
        DistributedDataParallelKwargs(find_unused_parameters=True),
    ]
    accelerator = Accelerator(cpu=on_cpu, mixed_precision="no", kwargs_handlers=options)
    # Else a process that ends first may abort the others.
    atexit.register(accelerator.state.destroy_process_group)
    return accelerator


def seed_of(*numbers: int) -> int:
    """A 63-bit seed that depends on all ``numbers`` (0 or more)."""
    low, high = np.random.SeedSequence(numbers).generate_state(2, np.uint32).tolist()
    return low | (high & 0x7FFFFFFF) << 32
