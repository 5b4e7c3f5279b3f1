"""Run a video encoder and its decoder: frames → planes → packets → counted bytes → planes → frames."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction

os.environ.setdefault("SVT_LOG", "1")  # errors only; the library reads it when it starts

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.codec.context import Flags
from av.video.frame import PictureType

from mvlib.errors import InputError

from .bitstream import without_repeats
from .coded import Stream
from .colour import Converter, Planes, pad_to, plane_arrays
from .encoders import Encoder

RATE = 30  # frames per second, as the encoder is given them; at constant quantiser they decide nothing


def open_encoder(encoder: Encoder, width: int, height: int, options: dict) -> av.VideoCodecContext:
    """An open encoder for pictures of that size.

    Raises:
        ValueError: the encoder refuses the options or the size.
    """
    context = av.Codec(encoder.library, "w").create("video")
    if encoder.global_header:
        context.flags |= Flags.global_header
    configure(context, encoder, width, height, options)
    return context


def configure(
    context: av.VideoCodecContext,
    encoder: Encoder,
    width: int,
    height: int,
    options: dict,
    rate: Fraction = Fraction(RATE),
) -> None:
    """Set up and open ``context``, of that encoder, for pictures of that size; raises as ``open_encoder`` does."""
    convert = Converter(encoder.colour)
    context.width, context.height, context.pix_fmt = width, height, convert.format
    context.time_base, context.framerate = 1 / rate, rate
    context.colorspace, context.color_range = int(convert.matrix), int(convert.range)
    context.thread_count = 1
    context.options = {key: str(value) for key, value in options.items()}
    try:
        with _priorities_kept():
            context.open()
    except (av.FFmpegError, OverflowError) as error:  # a value out of range comes as OverflowError
        log = getattr(error, "log", None)
        reason = log[2].strip() if log else getattr(error, "strerror", error)
        what = f"{width}x{height}" + ("" if rate == RATE else f" at {float(rate):g} frames a second")
        raise InputError(f"{encoder.library} refuses {options} for {what}: {reason}") from error


@contextmanager
def _priorities_kept() -> Iterator[None]:
    """Undo what an encoder does to how the system schedules the threads of this process.

    Run by root, as in most containers, SVT-AV1 gives its own threads and the calling one real-time priority and never
    takes it back, so that every other process waits for this one (seen with PyAV 18.1 on Linux).
    """
    if not hasattr(os, "sched_getscheduler") or not os.path.isdir("/proc/self/task"):
        yield
        return
    usual = os.sched_getscheduler(0), os.sched_getparam(0)
    before = _policies()
    try:
        yield
    finally:
        for thread, policy in _policies().items():
            if policy != before.get(thread, usual[0]):
                with suppress(OSError):  # it has ended
                    os.sched_setscheduler(thread, *usual)


def _policies() -> dict[int, int]:
    """Thread of this process → how the system schedules it."""
    found = {}
    for thread in map(int, os.listdir("/proc/self/task")):
        with suppress(OSError):
            found[thread] = os.sched_getscheduler(thread)
    return found


def encode(
    encoder: Encoder,
    frames: np.ndarray,
    options: dict,
    mark: Callable[[av.VideoFrame, int], av.VideoFrame] | None = None,
) -> Stream:
    """Encode uint8 (T, H, W, 3). ``mark``: (frame, its place) → the frame with side data for the encoder."""
    padded = pad_to(frames, *encoder.sides)
    context = open_encoder(encoder, padded.shape[2], padded.shape[1], options)
    convert = Converter(encoder.colour)
    packets = []
    for i, rgb in enumerate(padded):
        frame = convert.to_yuv(rgb)
        frame.pts, frame.time_base = i, context.time_base
        frame = mark(frame, i) if mark else frame
        packets += context.encode(frame)
    packets += context.encode(None)  # x265 and SVT-AV1 hold everything back until here
    header = encoder.clean(bytes(context.extradata or b"")) if encoder.global_header else b""
    counted = [(place_of(p), without_repeats(encoder.clean(bytes(p)), header)) for p in packets]
    return Stream(header, counted, frames.shape[:3])


def place_of(packet: av.Packet) -> int:
    """The number of the frame that is in ``packet``, as the encoder was given it."""
    if packet.pts is None:
        raise RuntimeError(f"the encoder does not tell which frame a packet of {packet.size} bytes holds")
    return packet.pts


def decode(encoder: Encoder, stream: Stream) -> list[av.VideoFrame]:
    """Decode the counted bytes; frames of the padded size, in display order.

    Raises:
        RuntimeError: another number of frames came out than went in.
    """
    frames = decode_packets(
        decoder_name(encoder.decoders), [data for _, data in stream.packets], stream.header
    )
    if len(frames) != stream.size[0]:
        raise RuntimeError(f"{encoder.library}: {stream.size[0]} frames went in, {len(frames)} were decoded")
    return frames


def decode_packets(
    decoder: str, packets: list[bytes], header: bytes = b"", options: dict | None = None
) -> list[av.VideoFrame]:
    """Frames in display order; the pts of each is the place of its packet in ``packets``."""
    context = av.Codec(decoder, "r").create("video")
    context.thread_count = 1
    context.options = options or {}
    if header:
        context.extradata = header
    frames = []
    for i, data in enumerate(packets):
        packet = av.Packet(data)
        packet.pts = i
        frames += context.decode(packet)
    return frames + context.decode(None)


def decoder_name(decoders: tuple[str, ...]) -> str:
    """The first of ``decoders`` that this build of PyAV has.

    Raises:
        ValueError: it has none of them.
    """
    for name in decoders:
        try:
            av.codec.Codec(name, "r")
        except UnknownCodecError:
            continue
        return name
    raise InputError(f"this build of PyAV {av.__version__} has no decoder {' or '.join(decoders)}")


def to_frames(encoder: Encoder, decoded: list[av.VideoFrame], height: int, width: int) -> np.ndarray:
    """Decoded frames -> uint8 RGB (T, height, width, 3)."""
    convert = Converter(encoder.colour)
    out = np.empty((len(decoded), height, width, 3), np.uint8)
    for i, frame in enumerate(decoded):
        out[i] = convert.to_rgb(frame)[:height, :width]
    return out


def to_types(decoded: list[av.VideoFrame]) -> list[str]:
    """ "I", "P" or "B" of each decoded frame."""
    return [PictureType(frame.pict_type).name[0] for frame in decoded]


def to_planes(decoded: list[av.VideoFrame], height: int, width: int) -> Planes:
    """Decoded frames -> y (T, H', W'), u and v (T, H'/2, W'/2), where H' and W' are the sides made even."""
    y, u, v = (np.stack(plane) for plane in zip(*map(plane_arrays, decoded), strict=True))
    return crop((y, u, v), height, width)


def crop(planes: Planes, height: int, width: int) -> Planes:
    """Planes of padded frames -> of frames whose sides are made even."""
    (y, u, v), h, w = planes, (height + 1) // 2, (width + 1) // 2
    return y[:, : 2 * h, : 2 * w], u[:, :h, :w], v[:, :h, :w]
