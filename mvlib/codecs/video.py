"""Run a video encoder and its decoder: frames → planes → packets → counted bytes → decoded planes → frames."""

from __future__ import annotations

import os
from fractions import Fraction

os.environ.setdefault("SVT_LOG", "1")  # errors only; read by the library when it starts

import av
import numpy as np
from av.codec.context import Flags
from av.video.frame import PictureType

from .coded import Coded
from .colour import Converter, pad_to, plane_arrays
from .encoders import Encoder

av.logging.set_level(av.logging.ERROR)
RATE = 30  # frames per second that the encoder is told; it decides nothing at constant QP


def encode(
    encoder: Encoder, frames: np.ndarray, options: dict[str, str]
) -> tuple[bytes, list[tuple[int, bytes]]]:
    """Encode (T, H, W, 3) uint8 of permitted size.

    Returns:
        The parameter sets (empty if the packets hold them), and (display position, counted bytes) in coding order.
    """
    convert = Converter(encoder.colour)
    context = _open(encoder, frames.shape[2], frames.shape[1], options)
    packets = []
    for i, rgb in enumerate(frames):
        frame = convert.to_yuv(rgb)
        frame.pts, frame.time_base = i, context.time_base
        packets += context.encode(frame)
    packets += context.encode(None)
    header = encoder.clean(bytes(context.extradata or b"")) if encoder.global_header else b""
    return header, [(p.pts, encoder.clean(bytes(p))) for p in packets]


def _open(encoder: Encoder, width: int, height: int, options: dict[str, str]):
    context = av.CodecContext.create(encoder.library, "w")
    convert = Converter(encoder.colour)
    context.width, context.height, context.pix_fmt = width, height, convert.format
    context.time_base, context.framerate = Fraction(1, RATE), Fraction(RATE)
    context.colorspace, context.color_range = int(convert.matrix), int(convert.range)
    context.thread_count = 1
    if encoder.global_header:
        context.flags |= Flags.global_header
    context.options = options
    context.open()
    return context


def decode(encoder: Encoder, header: bytes, chunks: list[bytes]) -> list[av.VideoFrame]:
    """Decode the counted bytes; frames in display order."""
    context = av.CodecContext.create(decoder_name(encoder), "r")
    context.thread_count = 1
    if header:
        context.extradata = header
    frames = []
    for chunk in chunks:
        frames += context.decode(av.Packet(chunk))
    return frames + context.decode(None)


def decoder_name(encoder: Encoder) -> str:
    """The first of the encoder's decoders that this build of PyAV has."""
    for name in encoder.decoders:
        try:
            av.codec.Codec(name, "r")
        except av.codec.codec.UnknownCodecError:
            continue
        return name
    raise ValueError(f"this build of PyAV has no decoder for {encoder.library}: none of {encoder.decoders}")


def code_clip(encoder: Encoder, frames: np.ndarray, options: dict[str, str], planes: bool = False) -> Coded:
    """Encode and decode a clip (T, H, W, 3); the caller fills ``native`` and ``codec``.

    Raises:
        RuntimeError: the decoder gave another number of frames than went in.
    """
    count, height, width = frames.shape[:3]
    header, packets = encode(encoder, pad_to(frames, *encoder.sides), options)
    decoded = decode(encoder, header, [data for _, data in packets])
    if len(decoded) != count:
        raise RuntimeError(
            f"{encoder.library}: {count} frames went in, {len(decoded)} came out of the decoder"
        )
    frame_bits = [0] * count
    frame_bits[0] = 8 * len(header)
    for position, data in packets:
        frame_bits[position] += 8 * len(data)
    convert = Converter(encoder.colour)
    rgb = np.stack([convert.to_rgb(f)[:height, :width] for f in decoded])
    types = [PictureType(f.pict_type).name[0] for f in decoded]
    got = _cropped_planes(decoded, height, width) if planes else None
    return Coded(rgb, sum(frame_bits), frame_bits, types, 0, "", got)


def _cropped_planes(decoded: list[av.VideoFrame], height: int, width: int) -> tuple[np.ndarray, ...]:
    h, w = (height + 1) // 2, (width + 1) // 2  # chroma sides
    y, u, v = (np.stack(p) for p in zip(*map(plane_arrays, decoded), strict=True))
    return y[:, : 2 * h, : 2 * w], u[:, :h, :w], v[:, :h, :w]
