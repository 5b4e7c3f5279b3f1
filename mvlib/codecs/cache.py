"""Streams kept between runs: (codec's identity, frames) → key → file → stream.

What is kept is the stream (kilobytes), not the frames (megabytes): decoding is quick and gives the same frames.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mvlib._store import SealedFolder, digest
from mvlib.errors import InputError

from .coded import Stream

_MAGIC = b"mvlib-stream-1\n"


def stored(folder: str | Path, identity: list, frames: np.ndarray, make: Callable[[], Stream]) -> Stream:
    """The stream that ``make`` makes, made only if the folder does not hold it.

    Args:
        folder: made if it does not exist; may be shared by processes. Deleting files in it is always safe.
        identity: all that the stream depends on beside the frames, as values for JSON.
    """
    files, key = SealedFolder(folder, ".stream"), digest(identity, frames)
    if (body := files.read(key)) is not None:
        with contextlib.suppress(ValueError):
            return unpack(body)
    stream = make()
    files.write(key, pack(stream))
    return stream


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
