"""Finished work kept on disk: what a measurement depends on → key → file → numbers, so that nothing is done twice.

A cell is named by a digest of everything that goes into it (``identity``): the pictures, the codec with its settings
and build, the condition with the digest of its weights, the analyser with all that it holds.  So cells can be shared
between experiments, between runs and between processes, and deleting them is always safe.
"""

import io
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from mvlib._store import SealedFolder

# Goes up when the protocol's code changes what a number means: old cells then count as absent.
PROTOCOL = 2


class CellStore:
    """A folder of finished cells, each a set of named arrays.

    Args:
        folder: made when the first cell is stored; None keeps them in memory only.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = None if folder is None else Path(folder)
        self._files = None if folder is None else SealedFolder(folder, ".npz")
        self._memory: dict[str, dict[str, np.ndarray]] = {}

    def get(self, key: str) -> dict[str, np.ndarray] | None:
        """The arrays of ``key``, or None if they are not there; what is damaged, or ends with no digest, is not."""
        if key not in self._memory and self._files and (body := self._files.read(key)) is not None:
            with (
                suppress(OSError, EOFError, ValueError, zipfile.BadZipFile),
                np.load(io.BytesIO(body), allow_pickle=False) as stored,
            ):
                self._memory[key] = dict(stored)
        return self._memory.get(key)

    def keep(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep ``arrays`` in memory: another process has stored them, perhaps on a disk of its own."""
        self._memory[key] = dict(arrays)

    def put(self, key: str, arrays: Mapping[str, Any]) -> None:
        """Keep ``arrays``: the file is whole or not there, whenever the process ends."""
        self._memory[key] = dict(arrays)
        if self._files is not None:
            packed = io.BytesIO()
            np.savez_compressed(packed, **arrays)
            self._files.write(key, packed.getvalue())
