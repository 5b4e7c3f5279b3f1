"""Finished work kept on disk: what a measurement depends on → key → file → numbers, so that nothing is done twice.

A cell is named by a digest of everything that goes into it (``identity``): the pictures, the codec with its settings
and build, the condition with the digest of its weights, the analyser with all that it holds.  So cells can be shared
between experiments, between runs and between processes, and deleting them is always safe.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mvlib._files import read_sealed, write_sealed

# Goes up when the protocol's code changes what a number means: old cells then count as absent.
PROTOCOL = 2


def digest(*parts: Any) -> str:
    """A name made of everything in ``parts``: arrays and tensors by their bytes, the rest by its JSON."""
    total = hashlib.blake2b(digest_size=20)
    for part in parts:
        if isinstance(part, torch.Tensor):
            part = part.detach().cpu().contiguous().numpy()
        if isinstance(part, np.ndarray):
            total.update(json.dumps([str(part.dtype), part.shape]).encode())
            total.update(np.ascontiguousarray(part))
        else:
            total.update(json.dumps(part, sort_keys=True, default=str).encode())
    return total.hexdigest()


class CellStore:
    """A folder of finished cells, each a set of named arrays.

    Args:
        folder: made when the first cell is stored; None keeps them in memory only.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = None if folder is None else Path(folder)
        self._memory: dict[str, dict[str, np.ndarray]] = {}

    def get(self, key: str) -> dict[str, np.ndarray] | None:
        """The arrays of ``key``, or None if they are not there; what is damaged, or ends with no digest, is not."""
        if key in self._memory or self.folder is None:
            return self._memory.get(key)
        try:
            with np.load(io.BytesIO(read_sealed(self._path(key))), allow_pickle=False) as stored:
                self._memory[key] = dict(stored)
        except (OSError, EOFError, ValueError, zipfile.BadZipFile):
            return None
        return self._memory[key]

    def keep(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep ``arrays`` in memory: another process has stored them, perhaps on a disk of its own."""
        self._memory[key] = dict(arrays)

    def put(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep ``arrays``: the file is whole or not there, whenever the process ends."""
        self._memory[key] = dict(arrays)
        if self.folder is not None:
            packed = io.BytesIO()
            np.savez_compressed(packed, **arrays)
            write_sealed(self._path(key), packed.getvalue())

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key[2:]}.npz"
