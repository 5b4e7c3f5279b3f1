"""Read Qt resource archives: .rcc → tree of names → bytes of each file.

The layout (a header, then a tree of fixed-size nodes, a table of UTF-16 names and the data) is the one that
Qt's own resource compiler writes as format versions 1 to 3.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

_ZLIB, _DIRECTORY, _ZSTD = 0x01, 0x02, 0x04


def read_rcc(path: str | Path) -> Iterator[tuple[str, bytes]]:
    """Yield (path inside the archive, content) for each file, in the archive's order.

    Raises ValueError if ``path`` is not a Qt resource archive of version 1-3. Files packed with zstd need
    the package ``zstandard`` (pictures are never packed: they are compressed already).
    """
    blob = Path(path).read_bytes()
    if blob[:4] != b"qres":
        raise ValueError(f"{path} does not start with 'qres': it is not a Qt resource archive")
    version, tree, data, names = struct.unpack(">4I", blob[4:20])
    if version not in (1, 2, 3):
        raise ValueError(f"{path} has resource format version {version}, expected 1, 2 or 3")
    yield from _walk(blob, tree, data, names, 14 if version == 1 else 22, 0, "")


def _walk(blob: bytes, tree: int, data: int, names: int, node: int, index: int, prefix: str):
    """Depth-first over the tree; node 0 is the nameless root."""
    at = tree + index * node
    name_at, flags = struct.unpack(">IH", blob[at : at + 6])
    name = prefix
    if index:
        length = struct.unpack(">H", blob[names + name_at : names + name_at + 2])[0]
        text = blob[names + name_at + 6 : names + name_at + 6 + 2 * length].decode("utf-16-be")
        name = f"{prefix}/{text}" if prefix else text
    if flags & _DIRECTORY:
        count, first = struct.unpack(">2I", blob[at + 6 : at + 14])
        for child in range(first, first + count):
            yield from _walk(blob, tree, data, names, node, child, name)
        return
    start = data + struct.unpack(">I", blob[at + 10 : at + 14])[0]  # after locale: two shorts
    size = struct.unpack(">I", blob[start : start + 4])[0]
    yield name, _unpack(blob[start + 4 : start + 4 + size], flags)


def _unpack(raw: bytes, flags: int) -> bytes:
    if flags & _ZSTD:
        try:
            import zstandard  # only text files need it
        except ImportError:
            raise ImportError("this archive holds zstd-packed files: `pip install zstandard`") from None

        return zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    if flags & _ZLIB:
        return zlib.decompress(raw[4:])  # four bytes of unpacked size come first
    return raw
