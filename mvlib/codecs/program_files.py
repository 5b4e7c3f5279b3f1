"""Files between programs and arrays: frames → raw 4:2:0, Y4M, PNG → program → stream → syntax → packets that count → …

Annex B (H.264, HEVC, VVC) is cut into access units by FFmpeg's parsers, IVF (AV1, VP9) by its own headers, a file of
OBUs (AV1) by its temporal delimiters. Headers of IVF, SEI and metadata are not counted; see ``bitstream.py``. Packets
in coding order make a file for a decoder again, and what it writes becomes planes of 8 bits or a picture.
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np
from PIL import Image

from mvlib.errors import CommandFailed, InputError

from .bitstream import av1_without_metadata, parameters_once, temporal_units, without_sei
from .colour import Planes, rgb_to_yuv420
from .video import RATE

# Magic, version, header's length, codec, width, height, rate, frames, unused.
_IVF = struct.Struct("<4sHH4sHHIIII")
_IVF_FRAME = struct.Struct("<IQ")  # bytes, time


@dataclass(frozen=True)
class Syntax:
    """The functions that take a stream apart and put it together.

    Attributes:
        suffix: ending of the file's name; some programs choose by it what they write.
        decoders: names in FFmpeg, first choice first; empty where there is none.
        packets: the file's bytes -> packets that count, in coding order.
        file: packets, width, height -> the bytes of a file that decoders read.
        in_order: each packet shows one picture, and they are in display order.
    """

    suffix: str
    decoders: tuple[str, ...]
    packets: Callable[[bytes], list[bytes]]
    file: Callable[[list[bytes], int, int], bytes]
    in_order: bool = False


def access_units(syntax: str, data: bytes) -> list[bytes]:
    """Annex B bytes -> access units in coding order, without SEI and repeated parameter sets."""
    counted = parameters_once(syntax, without_sei(syntax, data))
    parser = av.CodecContext.create(syntax, "r")
    units = [bytes(unit) for unit in parser.parse(counted) + parser.parse(None)]
    if b"".join(units) != counted:
        raise RuntimeError(f"FFmpeg's parser of {syntax} lost bytes of {len(counted)}")
    return units


def split_ivf(fourcc: bytes, data: bytes) -> list[bytes]:
    """The frames of an IVF file, without its headers.

    Raises:
        ValueError: it is no IVF, of another codec, or cut off.
    """
    if len(data) < _IVF.size or data[:4] != b"DKIF" or data[8:12] != fourcc:
        raise InputError(
            f"no IVF file of {fourcc.decode()}: it begins with {data[:12].hex(' ')}; tell the encoder to write IVF"
        )
    frames: list[bytes] = []
    start = _IVF.unpack_from(data)[2]
    if not _IVF.size <= start <= len(data):
        raise InputError(f"no IVF file: its header says that it has {start} bytes of the {len(data)}")
    while start < len(data):
        if start + _IVF_FRAME.size > len(data):
            raise InputError(f"the IVF file is cut off after {len(frames)} frames")
        size, _ = _IVF_FRAME.unpack_from(data, start)
        start += _IVF_FRAME.size
        frames.append(data[start : start + size])
        start += size
    if start > len(data):
        raise InputError(f"the IVF file is cut off in frame {len(frames) - 1}")
    return frames


def join_ivf(fourcc: bytes, packets: list[bytes], width: int, height: int) -> bytes:
    """An IVF file that holds ``packets``."""
    head = _IVF.pack(b"DKIF", 0, _IVF.size, fourcc, width, height, RATE, 1, len(packets), 0)
    return head + b"".join(_IVF_FRAME.pack(len(p), i) + p for i, p in enumerate(packets))


def _av1_units(data: bytes) -> list[bytes]:
    is_obus = data[:2] == b"\x12\x00"  # a temporal delimiter
    units = temporal_units(data) if is_obus else split_ivf(b"AV01", data)
    return [av1_without_metadata(unit) for unit in units]


def _whole(data: bytes) -> list[bytes]:
    return [data]


def _joined(packets: list[bytes], width: int, height: int) -> bytes:
    return b"".join(packets)


SYNTAXES: dict[str, Syntax] = {
    "h264": Syntax(".264", ("h264",), partial(access_units, "h264"), _joined),
    "hevc": Syntax(".265", ("hevc",), partial(access_units, "hevc"), _joined),
    "vvc": Syntax(".266", ("vvc",), partial(access_units, "vvc"), _joined),
    "av1": Syntax(".ivf", ("libdav1d", "av1"), _av1_units, partial(join_ivf, b"AV01"), in_order=True),
    "vp9": Syntax(
        ".ivf", ("vp9", "libvpx-vp9"), partial(split_ivf, b"VP90"), partial(join_ivf, b"VP90"), in_order=True
    ),
    "file": Syntax(".bin", (), _whole, _joined),
}


def syntax_of(data: bytes) -> str:
    """The syntax that a file, or packets taken out of one, begin with; ValueError where that is not clear."""
    if data[:2] == b"\x12\x00" or data[8:12] == b"AV01":
        return "av1"
    if data[8:12] == b"VP90" or data[1:4] == b"\x49\x83\x42":  # the sync code of a key frame
        return "vp9"
    if data.startswith((b"\0\0\1", b"\0\0\0\1")):
        first, second = data[data.index(1) + 1 :][:2].ljust(2, b"\xff")
        if first == 0:  # VVC's first byte is the layer; in H.264 and HEVC no stream begins with that type
            return "vvc"
        if first in (0x40, 0x42, 0x44, 0x46, 0x4E) and second == 1:  # VPS, SPS, PPS, delimiter, SEI
            return "hevc"
        return "h264"
    raise InputError(
        f"what the encoder wrote begins with {data[:8].hex(' ')}, which is none of H.264, HEVC, VVC (Annex B), AV1 and "
        'VP9 (IVF, OBUs): tell it to write one of these, or give syntax="file" to count the file as it is'
    )


def write_frames(path: Path, frames: np.ndarray) -> None:
    """uint8 RGB (T, H, W, 3) -> a file of the kind that its ending names.

    .png: one picture, as it is. .yuv: 8-bit 4:2:0 planes (I420) frame by frame, as ``colour.rgb_to_yuv420`` makes
    them. .y4m: the same with a header (chroma in the middle of its four pixels, limited range).
    """
    if path.suffix == ".png":
        Image.fromarray(frames[0]).save(path, compress_level=1)
        return
    head, before = b"", b""
    if path.suffix == ".y4m":
        _, height, width, _ = frames.shape
        head = f"YUV4MPEG2 W{width} H{height} F{RATE}:1 Ip A1:1 C420jpeg XCOLORRANGE=LIMITED\n".encode()
        before = b"FRAME\n"
    with path.open("wb") as file:
        file.write(head)
        for planes in zip(*rgb_to_yuv420(frames), strict=True):
            file.write(before + b"".join(plane.tobytes() for plane in planes))


def read_planes(path: Path, size: tuple[int, int, int], depth: int) -> Planes:
    """What a decoder wrote: Y4M, known by its first bytes, or raw 4:2:0.

    Args:
        size: frames, height and width that are expected.
        depth: bits of a sample in a raw file; above 8 each takes two bytes, the low one first.

    Raises:
        CommandFailed: it holds something else.
    """
    with path.open("rb") as file:
        is_y4m = file.read(9) == b"YUV4MPEG2"
    if is_y4m:
        with av.open(str(path), format="yuv4mpegpipe") as container:
            return planes_of(list(container.decode(video=0)), size)
    count, height, width = size
    sample = 1 if depth == 8 else 2
    frame, found = height * width * 3 // 2 * sample, path.stat().st_size
    if found != count * frame:
        hint = " (two bytes a sample? then give depth=, or let the decoder write 8 bits)"
        raise CommandFailed(
            f"the decoder wrote {found} bytes, {found / frame:g} frames of {width}x{height} at {depth} bits; "
            f"{count} went in{hint if depth == 8 and found == 2 * count * frame else ''}"
        )
    samples = _eight_bits(np.fromfile(path, np.uint8 if depth == 8 else "<u2"), depth)
    y, u, v = np.split(samples.reshape(count, -1), [height * width, height * width * 5 // 4], axis=1)
    chroma = (count, height // 2, width // 2)
    return y.reshape(size), u.reshape(chroma), v.reshape(chroma)


def planes_of(frames: list[av.VideoFrame], size: tuple[int, int, int]) -> Planes:
    """Decoded frames -> planes in uint8, if they are 4:2:0 and of the expected number and size."""
    count, height, width = size
    if len(frames) != count:
        raise CommandFailed(f"{count} frames went in, {len(frames)} came out")
    stacks: list[list[np.ndarray]] = [[], [], []]
    for frame in frames:
        kind = re.fullmatch(r"yuvj?420p(\d+)?(le)?", frame.format.name)
        if not kind or (frame.height, frame.width) != (height, width):
            raise CommandFailed(
                f"4:2:0 of {width}x{height} went in, {frame.format.name} of {frame.width}x{frame.height} came out; "
                "give sides= if the encoder needs sides that are multiples of more than 2"
            )
        depth = int(kind[1] or 8)
        for stack, plane in zip(stacks, frame.planes, strict=True):
            rows = np.frombuffer(memoryview(plane), "u1" if depth == 8 else "<u2").reshape(plane.height, -1)
            stack.append(_eight_bits(rows[:, : plane.width], depth))
    y, u, v = map(np.stack, stacks)
    return y, u, v


def _eight_bits(samples: np.ndarray, depth: int) -> np.ndarray:
    """Rounded to nearest, a half upwards."""
    if depth == 8:
        return samples
    shift = depth - 8
    return np.minimum((samples.astype(np.uint32) + (1 << shift - 1)) >> shift, 255).astype(np.uint8)


def read_png(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """A picture of ``shape`` (H, W) as uint8 RGB.

    Raises:
        CommandFailed: it is no PNG of 8 bits, or of another size.
    """
    head = path.read_bytes()[:26]
    if head[:4] != b"\x89PNG" or head[24] != 8:
        raise CommandFailed("the decoder wrote no PNG of 8 bits; tell it to")
    with Image.open(path) as picture:
        if picture.size != shape[::-1]:
            raise CommandFailed(f"a picture of {shape[1]}x{shape[0]} went in, {picture.size} came out")
        return np.asarray(picture.convert("RGB"))
