"""A training that can be stopped anywhere: state → file that is whole or not there, with a digest → the same state."""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch

from mvlib._files import cannot, read_sealed, write_sealed
from mvlib._interruption import whole
from mvlib._lock import alone
from mvlib.errors import InputError

_ANEW = "remove it to start anew, or choose another folder"


class Resumable:
    """A training in a folder that it is taken up from; one at a time is in a folder.

    Args:
        folder: of the checkpoint.
        hold: what holds the checkpoint against others, as ``alone`` does.
    """

    parts: ClassVar[tuple[str, ...]]
    """Names of what has a state: networks, optimiser, schedule."""

    def __init__(self, folder: Path, hold: Callable = alone) -> None:
        self.folder, self.step = Path(folder), 0
        self._hold, self._held = hold, False
        self._saved, self._torn = 0, False

    @property
    def checkpoint(self) -> Path:
        """Where the state lies that a stopped training goes on from."""
        return self.folder / "checkpoint.pt"

    def facts(self) -> dict[str, Any]:
        """What is kept beside the parts and the number of the step: plain values."""
        raise NotImplementedError

    def save(self) -> None:
        """Write the checkpoint, whole or not at all; it is on the disk when this returns."""
        state = {"step": self.step} | self.facts()
        packed = io.BytesIO()  # torch's own writing doesn't say what is wrong with a disk
        torch.save(state | {name: getattr(self, name).state_dict() for name in self.parts}, packed)
        write_sealed(self.checkpoint, packed.getbuffer(), durable=True)
        self._saved = self.step

    def read(self, device: torch.device | str = "cpu") -> dict[str, Any] | None:
        """What the checkpoint holds; None if there is none.

        Raises:
            InputError: the file is damaged or of another make.
            FileError: it cannot be read.
        """
        try:
            body = read_sealed(self.checkpoint)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise cannot("read", self.checkpoint, error) from error
        except InputError as error:
            raise InputError(f"{error}; {_ANEW}") from None
        try:
            state = torch.load(io.BytesIO(body), map_location=device, weights_only=True)
        except MemoryError:
            raise
        except Exception:  # torch reads what isn't its own with errors of any kind
            state = None
        if not isinstance(state, dict) or not {"step", *self.facts(), *self.parts} <= state.keys():
            raise InputError(f"{self.checkpoint} is no checkpoint of such a training; {_ANEW}")
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state``; InputError where it doesn't fit."""
        for name in self.parts:
            try:
                getattr(self, name).load_state_dict(state[name])
            except (KeyError, RuntimeError, TypeError, ValueError) as error:
                raise InputError(
                    f"the {name} in {self.checkpoint} is of another version of this program; {_ANEW}"
                ) from error
        self.step = self._saved = state["step"]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder against other trainings while the block runs; InputError if one holds it."""
        if self._held:
            yield
            return
        with self._hold(self.checkpoint, "training"):
            self._held = True
            try:
                yield
            finally:
                self._held = False

    @contextmanager
    def whole_step(self) -> Iterator[None]:
        """A step with all that belongs to it: Ctrl-C ends the training behind it, a second one at once."""
        self._torn = True
        with whole():
            yield
            self._torn = False

    @contextmanager
    def kept_when_stopped(self) -> Iterator[None]:
        """Ctrl-C in the block: keep the last whole step, and say so in the KeyboardInterrupt."""
        try:
            yield
        except KeyboardInterrupt as stop:
            if not self._torn and self.step > self._saved:
                self.save()
            lost = " (what came after is lost)" if self._torn else ""
            kept = (
                f"step {self._saved} is kept in {self.checkpoint}{lost}" if self._saved else "nothing is kept"
            )
            raise type(stop)(f"stopped; {kept}: the same command goes on from there") from None
