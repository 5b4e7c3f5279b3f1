"""Files between programs and arrays: planes or pictures ↔ raw 4:2:0, Y4M, PNG; more than 8 bits → 8 bits."""

from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np
from PIL import Image

from mvlib.errors import CommandFailed

from .colour import rgb_to_yuv420

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]


def write_frames(path: Path, frames: np.ndarray, rate: int) -> None:
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
        head = f"YUV4MPEG2 W{width} H{height} F{rate}:1 Ip A1:1 C420jpeg XCOLORRANGE=LIMITED\n".encode()
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
    flat = np.fromfile(path, np.uint8 if depth == 8 else "<u2").reshape(count, -1)
    y, u, v = np.split(flat, [height * width, height * width * 5 // 4], axis=1)
    chroma = (count, height // 2, width // 2)
    return tuple(_eight_bits(p, depth) for p in (y.reshape(size), u.reshape(chroma), v.reshape(chroma)))


def planes_of(frames: list[av.VideoFrame], size: tuple[int, int, int]) -> Planes:
    """Decoded frames -> planes in uint8, if they are 4:2:0 and of the expected number and size."""
    count, height, width = size
    if len(frames) != count:
        raise CommandFailed(f"{count} frames went in, {len(frames)} came out")
    stacks = ([], [], [])
    for frame in frames:
        kind = re.fullmatch(r"yuvj?420p(\d+)?(le)?", frame.format.name)
        if not kind or (frame.height, frame.width) != (height, width):
            raise CommandFailed(
                f"4:2:0 of {width}x{height} went in, {frame.format.name} of {frame.width}x{frame.height} came out; "
                "give sides= if the encoder needs sides that are multiples of more than 2"
            )
        depth = int(kind[1] or 8)
        for stack, plane in zip(stacks, frame.planes, strict=True):
            rows = np.frombuffer(plane, np.uint8 if depth == 8 else "<u2").reshape(plane.height, -1)
            stack.append(_eight_bits(rows[:, : plane.width], depth))
    return tuple(map(np.stack, stacks))


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
