"""The base of all panels: controls → their newest move → a background worker → outputs and their caption."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from types import SimpleNamespace
from typing import Any

import ipywidgets as ipw

from mvlib.errors import InputError, UserError
from mvlib.samples import Sample

from .controls import choice, row, text
from .screen import BUSY, PANEL, Screen, Still, bar

# Seconds without a move before the worker turns to what can wait.
_REST = 0.3


class Panel(ipw.VBox):
    """Controls, and what they show, with one worker that shows the newest move and drops those it has no time for.

    One control chooses what is shown among samples, to which files of one's own can be added: by path, upload or from
    code. A kind of panel makes the others as attributes before it calls ``__init__``, and gives ``_sample`` and
    ``_draw``; ``_fit`` and ``_later`` are there to be replaced.  All that a move shows is set at once, as one text.

    Attributes:
        controls: name → control.
        alert: what went wrong, in red; empty when all is well.
        hint: a sentence for those who see the panel for the first time.
        kind: the name of the control that chooses the sample: picture or clip.

    Args:
        known: name → sample; what is added comes to it.
        rows: names of the controls, those of a row together.
    """

    hint: str
    kind: str

    _worker: ThreadPoolExecutor | None = None  # ipywidgets closes an object that failed in ``__init__``, too
    _held = False

    def __init__(self, known: dict[str, Sample], rows: Sequence[Sequence[str]]) -> None:
        self._known = known
        setattr(self, self.kind, choice(self.kind.capitalize(), list(known), "180px"))
        self.file = text("Your file", "its path, then Enter")
        accept = {"picture": "image/*", "clip": "video/*"}[self.kind]
        self.upload = ipw.FileUpload(accept=accept, description="Upload", layout={"width": "auto"})
        self.file.observe(lambda _: self._add_path(), "value")
        self.upload.observe(lambda _: self._add_upload(), "value")
        self.controls = {name: getattr(self, name) for names in rows for name in names}
        self.alert, self._place, self._screen, self._words = ipw.HTML(), ipw.HTML(), Screen("", ""), ""
        self._moves: deque[SimpleNamespace] = deque(maxlen=1)
        self._moving = Event()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="mvlib-panel")
        self._shown: Future = Future()
        self._measured = self._shown
        lines = [row([self.controls[name] for name in names]) for names in rows]
        lines[-1].children += (row([self.file, self.upload]),)
        super().__init__([ipw.HTML(bar(self.hint)), *lines, self._place, self.alert])
        self.add_class(PANEL)
        for control in self.controls.values():
            control.observe(self._moved, "value")
        self._moved()

    def add(self, name: str, given: Any) -> None:
        """Put a sample of your own, an array or a file, into the list, and show it.

        Raises ``UserError`` if it cannot be read or coded.
        """
        sample = self._sample(name, given)
        while name in self._known:  # what was coded is remembered by name
            name += "′"
        self._known[name] = sample
        chosen = self.controls[self.kind]
        with self.hold_moves():  # ipywidgets turns to the first of new options
            chosen.options = list(self._known)
            chosen.value = name

    @property
    def caption(self) -> str:
        """What is shown, in words, or what went wrong; waits until the last move is shown."""
        self.settle()
        return self._words

    @property
    def pictures(self) -> Mapping[str, Still]:
        """Title and pixels of the pictures that are shown; waits until the last move is."""
        self.settle()
        return self._screen.pictures

    @property
    def charts(self) -> Mapping[str, str]:
        """HTML of the charts that are shown; waits until the last move is."""
        self.settle()
        return self._screen.charts

    @property
    def busy(self) -> bool:
        """Whether a move is still to be shown; the panel then shows “working …”."""
        return BUSY in self._dom_classes

    def settle(self, timeout: float | None = None, everything: bool = False) -> None:
        """Block until the last move is shown; with ``everything``, until what is measured in the background is, too.

        Raises TimeoutError after ``timeout`` seconds.
        """
        with suppress(CancelledError):  # the panel was closed
            self._shown.result(timeout)
            while everything and not self._measured.done():
                self._measured.result(timeout)

    @contextmanager
    def hold_moves(self) -> Iterator[None]:
        """Take what the block does to the controls as one move."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        self._moved()

    def close(self) -> None:
        """Remove the panel and stop its work."""
        if self._worker is not None:
            self._worker.shutdown(wait=False, cancel_futures=True)
            self._moving.set()
        super().close()

    def _sample(self, name: str, given: Any) -> Sample:
        """A checked sample of what is given."""
        raise NotImplementedError

    def _draw(self, move: SimpleNamespace) -> Iterator[Screen]:
        """What is shown for the controls' values; where that takes its time, something quick before it."""
        raise NotImplementedError

    def _fit(self) -> None:
        """Bring the controls in line with one another: quick, called at every move."""

    def _later(self, move: SimpleNamespace) -> Iterator:
        """What can wait until the hand rests, a step at a time."""
        return iter(())

    def _add_path(self) -> None:
        if path := self.file.value.strip():
            self._try_to_add(Path(path).expanduser())

    def _add_upload(self) -> None:
        for uploaded in self.upload.value:
            with TemporaryDirectory() as folder:
                path = Path(folder, Path(uploaded["name"]).name)
                path.write_bytes(uploaded["content"])
                self._try_to_add(path)

    def _try_to_add(self, path: Path) -> None:
        try:
            self.add(path.name, path)
        except (UserError, OSError) as error:
            self._shown = self._submit(self._tell, error)  # after the moves that are still to be shown

    def _moved(self, _change: object = None) -> None:
        if self._held:
            return
        self._fit()
        self._moves.append(SimpleNamespace(**{name: c.value for name, c in self.controls.items()}))
        self._moving.set()
        self.add_class(BUSY)
        self._shown = self._submit(self._serve)

    def _serve(self) -> None:
        """Show the newest move; an error goes into the panel, for a kernel's log is out of sight."""
        if not self._moves:
            return
        self._moving.clear()
        move = self._moves.pop()
        self.add_class(BUSY)
        try:
            for screen in self._draw(move):
                self._show(screen)
                self.alert.value = ""  # not in _show: what is measured later must not take an error away
                if self._moves:
                    return
        except Exception as error:
            self._tell(error)
        else:
            self._measured = self._submit(self._go_on, self._later(move), _REST)
        if not self._moves:
            self.remove_class(BUSY)

    def _go_on(self, steps: Iterator, rest: float = 0) -> None:
        """One step of what can wait, unless there is a move."""
        self._moving.wait(rest)
        if self._moves:
            return
        try:
            if next(steps, None) is not None:
                self._measured = self._submit(self._go_on, steps)
        except Exception as error:
            self._tell(error)

    def _submit(self, work: Any, *args: Any) -> Future:
        with suppress(RuntimeError):  # the panel is closed, or the interpreter ends
            if self._worker is not None:
                return self._worker.submit(work, *args)
        none: Future = Future()
        none.cancel()
        return none

    def _show(self, screen: Screen) -> None:
        self._screen, self._words = screen, screen.caption
        self._place.value = screen.html()

    def _tell(self, error: Exception) -> None:
        self._words = f"{type(error).__name__}: {error}"
        self.alert.value = (
            '<div role="alert" style="border-left:4px solid #D55E00;padding:6px 10px;margin:6px">'
            f"<b>This could not be shown.</b> {escape(self._words)}</div>"
        )


def check_start(qp: int, **choices: Sequence | Mapping) -> None:
    """InputError unless there is something to choose everywhere, and the QP is one."""
    if not all(len(given) for given in choices.values()) or not 0 <= qp <= 51:
        counts = "".join(f"{len(given)} {name}, " for name, given in choices.items())
        raise InputError(f"{counts}qp {qp}; give at least one of each, and a qp of 0..51")
