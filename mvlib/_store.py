"""Finished work kept in a folder: what it depends on → key → sealed file → bytes; a damaged file counts as absent."""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from mvlib._files import read_sealed, write_sealed


def digest(*parts: Any) -> str:
    """A name made of everything in ``parts``: arrays and tensors by their bytes, the rest by its JSON."""
    total = hashlib.blake2b(digest_size=20)
    for part in parts:
        if hasattr(part, "detach"):  # a tensor; torch itself is not imported here
            part = part.detach().cpu().contiguous().numpy()
        if isinstance(part, np.ndarray):
            total.update(json.dumps([str(part.dtype), part.shape]).encode())
            total.update(np.ascontiguousarray(part).data)
        else:
            total.update(json.dumps(part, sort_keys=True, default=str).encode())
    return total.hexdigest()


class SealedFolder:
    """A folder of files by key, each whole or not there, with a digest of itself at its end.

    Processes may share it, and deleting files in it is always safe.

    Args:
        folder: made when the first file is written.  suffix: ending of the files' names.
    """

    def __init__(self, folder: str | Path, suffix: str):
        self.folder, self.suffix = Path(folder), suffix

    def path(self, key: str) -> Path:
        """Where the file of ``key`` is."""
        return self.folder / key[:2] / f"{key[2:]}{self.suffix}"

    def read(self, key: str) -> bytes | None:
        """What was written under ``key``; None if it is not there, or damaged."""
        with contextlib.suppress(OSError, ValueError):
            return read_sealed(self.path(key))
        return None

    def write(self, key: str, body: bytes) -> None:
        """Keep ``body`` under ``key``."""
        write_sealed(self.path(key), body)
