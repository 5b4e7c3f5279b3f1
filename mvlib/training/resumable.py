"""A training that can be stopped anywhere: state → file that is whole or not there, with a digest → the same state.

And the loop that all trainings go through: batches → update → log, checkpoint.
"""

import csv
import io
import json
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch
from tqdm.auto import tqdm

from mvlib._files import alone, cannot, read_sealed, replace_when_done, write_sealed, writing
from mvlib._interruption import whole
from mvlib.errors import InputError

from .action_experiment import ActionTraining
from .experiment import Training

Options = TypeVar("Options", Training, ActionTraining)
_ANEW = "remove it to start anew, or choose another folder"


class Log:
    """A row a step, as CSV; rows past ``start`` (of a run that was killed), and torn ones, are dropped."""

    def __init__(self, path: Path, start: int) -> None:
        self.path = path
        self.writer: csv.DictWriter | None = None
        old = []
        if path.is_file():
            with path.open(newline="") as file:
                # Of a row that was being written when the run was killed, even the step may be there in part only.
                old = [row for row in csv.DictReader(file) if all(row.values()) and int(row["step"]) <= start]
        with replace_when_done(path) as temporary, temporary.open("w", newline="") as file:
            if old:
                writer = csv.DictWriter(file, fieldnames=list(old[0]))
                writer.writeheader()
                writer.writerows(old)
        self.empty = not old

    def __enter__(self) -> "Log":
        with writing(self.path):
            self.file = self.path.open("a", newline="")
        return self

    def __exit__(self, *_: object) -> None:
        with writing(self.path):
            self.file.close()

    def write(self, row: dict) -> None:
        """Append one row."""
        if self.writer is None:
            self.writer = csv.DictWriter(self.file, fieldnames=list(row))
            if self.empty:
                self.writer.writeheader()
        with writing(self.path):
            self.writer.writerow(row)

    def flush(self) -> None:
        """Bring the rows to disk."""
        with writing(self.path):
            self.file.flush()


class Resumable(Generic[Options]):
    """A training in a folder that it is taken up from; one at a time is in a folder.

    A subclass sets ``parts`` and writes ``batches``, ``update`` and ``record``.

    Args:
        training: what is trained.
        folder: of the checkpoint.
        hold: what holds the checkpoint against others, as ``alone`` does.
    """

    parts: ClassVar[tuple[str, ...]]
    """Names of what has a state: networks, optimiser, schedule."""

    device = torch.device("cpu")

    def __init__(self, training: Options, folder: Path, hold: Callable = alone) -> None:
        self.training: Options = training
        self.folder, self.step = Path(folder), 0
        self._hold, self._held = hold, False
        self._saved, self._torn = 0, False

    @property
    def checkpoint(self) -> Path:
        """Where the state lies that a stopped training goes on from."""
        return self.folder / "checkpoint.pt"

    def facts(self) -> dict[str, Any]:
        """What is kept beside the parts and the number of the step: plain values."""
        return {"training": json.dumps(asdict(self.training), default=str)}

    def batches(self) -> Generator[tuple, None, None]:
        """What ``update`` takes, for the steps that are left."""
        raise NotImplementedError

    def update(self, *batch: Any) -> dict[str, Any]:
        """One step; what there is to say of it, by name."""
        raise NotImplementedError

    def record(self, row: dict[str, Any], log: Log) -> None:
        """Write of a step, or keep for ``checkpointed``, what ``update`` gave."""
        raise NotImplementedError

    def checkpointed(self, log: Log) -> None:
        """Bring log and state to disk, after every ``checkpoint_every`` steps and the last."""
        with self.whole_step():
            log.flush()
            self.save()

    @property
    def due(self) -> bool:
        """Whether now is the time for ``checkpointed``."""
        t = self.training
        return self.step > self._saved and (self.step % t.checkpoint_every == 0 or self.step == t.steps)

    def go_through(self, title: str, progress: bool) -> None:
        """Take all steps that are left, with log, bar and checkpoints."""
        with (
            Log(self.folder / "log.csv", self.step) as log,
            tqdm(total=self.training.steps, initial=self.step, disable=not progress, desc=title) as bar,
            closing(self.batches()) as batches,  # Ctrl-C ends the processes that load
        ):
            if self.due:  # stopped before its checkpoint
                self.checkpointed(log)
            for batch in batches:
                with self.whole_step():
                    row = self.update(*batch)
                    self.record(row, log)
                    bar.update()
                    bar.set_postfix(
                        {k: f"{v:.3f}" for k, v in row.items() if isinstance(v, float)}, refresh=False
                    )
                if self.due:
                    self.checkpointed(log)

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

    def resume(self) -> bool:
        """Go on from the checkpoint if there is one; it must be whole, and of the same training."""
        state = self.read(self.device)
        if state is None:
            return False
        wanted = json.loads(self.facts()["training"])
        try:
            its = wanted | json.loads(state["training"])  # an option that it did not know yet is as it is now
        except ValueError:
            raise InputError(f"{self.checkpoint} is of another version of this program; {_ANEW}") from None
        its |= {name: wanted[name] for name in self.training.of_the_machine if name in wanted}
        if its != wanted:
            other = {k: (v, wanted.get(k)) for k, v in its.items() if v != wanted.get(k)}
            raise InputError(
                f"{self.checkpoint} belongs to another training, (its, this one's): {other}; "
                "choose another folder or remove it"
            )
        self.restore(state)
        return True

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
        with whole():
            self._torn = True  # not before: until here Ctrl-C comes between two steps
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
