"""Streams kept between runs: (codec's identity, frames) → key → file → stream.

What is kept is the stream (kilobytes), not the frames (megabytes): decoding is quick and gives the same frames.
A file is whole or not there, and ends with a digest of itself: one that is damaged counts as absent.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mvlib._files import read_sealed, write_sealed
from mvlib.errors import InputError

from .coded import Stream

_MAGIC = b"mvlib-stream-1\n"


class StreamCache:
    """A folder of streams.

    Args:
        folder: made if it does not exist; may be shared by processes. Deleting files in it is always safe.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def get(self, key: str, make: Callable[[], Stream]) -> Stream:
        """The stream that ``make`` makes, made only if the folder does not hold it under ``key``."""
        path = self.path(key)
        with contextlib.suppress(OSError, ValueError):
            return unpack(read_sealed(path))
        stream = make()
        write_sealed(path, pack(stream))
        return stream

    def path(self, key: str) -> Path:
        """Where the stream is kept."""
        return self.folder / key[:2] / f"{key[2:]}.stream"


def stream_key(identity: list, frames: np.ndarray) -> str:
    """A name made of everything that a stream depends on: the codec (values for JSON) and the frames."""
    about = [*identity, frames.shape]
    key = hashlib.blake2b(json.dumps(about, sort_keys=True, default=str).encode(), digest_size=20)
    key.update(np.ascontiguousarray(frames))
    return key.hexdigest()


def pack(stream: Stream) -> bytes:
    """A stream as bytes: magic, length of the index, index (JSON), header, packets."""
    index = {
        "size": [int(n) for n in stream.size],
        "header": len(stream.header),
        "packets": [(position, len(data)) for position, data in stream.packets],
    }
    text = json.dumps(index).encode()
    return _MAGIC + len(text).to_bytes(4, "little") + text + bytes(stream)


def unpack(body: bytes) -> Stream:
    """The stream that :func:`pack` packed.

    Raises:
        ValueError: the bytes are of something else.
    """
    if not body.startswith(_MAGIC):
        raise InputError(f"{len(body)} bytes that are no stored stream")
    start = len(_MAGIC) + 4
    end = start + int.from_bytes(body[len(_MAGIC) : start], "little")
    index = json.loads(body[start:end])
    header, end = body[end : end + index["header"]], end + index["header"]
    packets = []
    for position, length in index["packets"]:
        packets.append((position, body[end : end + length]))
        end += length
    return Stream(header, packets, tuple(index["size"]))
