"""A panel that shows one of several samples, to which files of one's own can be added: by path, upload or from code."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ipywidgets as ipw

from mvlib.errors import UserError
from mvlib.samples import Sample

from .controls import choice, row, text
from .panel import Panel


class SamplePanel(Panel):
    """A panel with a control that chooses what is shown, named after its ``kind``, and a place for one's own files.

    Args:
        known: name → sample; what is added comes to it.
        rows: see ``Panel``.
    """

    kind: str
    """The name of the control that chooses the sample: picture or clip."""

    def __init__(self, known: dict[str, Sample], rows: Sequence[Sequence[str]]) -> None:
        self._known = known
        setattr(self, self.kind, choice(self.kind.capitalize(), list(known), "180px"))
        self.file = text("Your file", "its path, then Enter")
        accept = {"picture": "image/*", "clip": "video/*"}[self.kind]
        self.upload = ipw.FileUpload(accept=accept, description="Upload", layout={"width": "auto"})
        self.file.observe(lambda _: self._add_path(), "value")
        self.upload.observe(lambda _: self._add_upload(), "value")
        super().__init__(rows, row([self.file, self.upload]))

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

    def _sample(self, name: str, given: Any) -> Sample:
        """A checked sample of what is given."""
        raise NotImplementedError

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
