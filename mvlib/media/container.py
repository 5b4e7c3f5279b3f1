"""A clip's container: file → libavformat → the stream of the film, and what its headers say that matters.

The film is the default track, or else the first, of those that are films: cover art, thumbnails and the tiles of
HEIF are none.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
from av.stream import Disposition

from mvlib.errors import UserError

from .files import Unreadable

_NO_FILM = (
    Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image | Disposition.dependent
)  # fmt: skip
# Demuxers that take any file of some name (text as ANSI art, raw samples), or read other files than the one given.
_NO_CLIP = {
    "tty": "is text", "concat": "is a list of other files", "hls": "is a list of other files",
    "dash": "is a list of other files", "rawvideo": "is raw samples without a size",
    "v210": "is raw samples without a size", "bin": "is text", "adf": "is text", "idf": "is text", "xbin": "is text",
    "sdp": "describes a broadcast", "lavfi": "is a filter graph", "ffmetadata": "is metadata",
}  # fmt: skip

TIMELESS = ("avi", "h264", "hevc", "mpegvideo", "m4v", "mjpeg", "obu")
"""Formats that hold frames one after another, without times."""


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Errors that name the file, whatever PyAV makes of a damaged one: it raises what it likes, or hands out None."""
    try:
        yield
    except UserError as error:
        raise error if str(path) in str(error) else Unreadable(f"{path}: {error}") from None
    except av.error.FFmpegError as error:
        raise Unreadable(f"{path} cannot be decoded: {error.strerror or error}") from error
    except Exception as error:
        raise Unreadable(f"{path} cannot be decoded: {error}") from error


@contextmanager
def opened(path: Path) -> Iterator[tuple[av.container.InputContainer, av.video.stream.VideoStream]]:
    """The container and the film's stream, decoding on one thread, for many workers share the cores."""
    # A relative name may look like a protocol (10:30.mp4) or an option; with "file:" it is neither.
    try:
        container = av.open(f"file:{os.path.abspath(path)}", metadata_errors="replace")
    except Exception as error:
        why = getattr(error, "strerror", None) or error
        raise Unreadable(
            f"{path} is neither a picture that Pillow reads nor a clip that FFmpeg reads, or it is damaged: {why}"
        ) from error
    with named(path), container:
        stream = _film(container, path)
        stream.codec_context.thread_count = 1
        yield container, stream


def _film(container: av.container.InputContainer, path: Path) -> av.video.stream.VideoStream:
    demuxer = container.format.name
    if demuxer in _NO_CLIP:
        raise Unreadable(f"{path} {_NO_CLIP[demuxer]}, not a picture or clip that can be read")
    if demuxer.endswith("_pipe") or demuxer == "image2":
        raise Unreadable(
            f"{path} is neither a picture that Pillow reads nor a clip; if it is a whole picture of a rare kind, "
            "ffmpeg -i IN OUT.png converts it"
        )
    films = [stream for stream in container.streams.video if stream.codec_context is not None]
    if container.streams.video and not films:
        raise Unreadable(
            f"{path} is coded by a codec that this FFmpeg does not know; ffmpeg -i IN OUT.mp4 may"
        )
    films = [stream for stream in films if not stream.disposition & _NO_FILM]
    if not films:
        kinds = sorted({stream.type for stream in container.streams} - {"video"})
        holds = " and ".join(kinds) + (", with cover art" if container.streams.video else "")
        raise Unreadable(f"{path} holds no video{f', only {holds}' if kinds else ''}")
    return next((stream for stream in films if stream.disposition & Disposition.default), films[0])


def rate_of(stream: av.video.stream.VideoStream) -> Fraction:
    """Frames per second, 25 where nothing is known of it."""
    return stream.average_rate or stream.guessed_rate or Fraction(25)


def expected_frames(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> int:
    """About how many frames the headers say that there are; 0 where they don't say."""
    if stream.frames or not container.duration:
        return stream.frames
    return round(container.duration * rate_of(stream) / av.time_base)


def header_notes(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream
) -> Iterator[str]:
    """What the headers say that one may want to know."""
    films = [s for s in container.streams.video if not s.disposition & _NO_FILM]
    if len(films) > 1:
        yield f"it has {len(films)} video tracks: number {films.index(stream) + 1} is read"
    shape = stream.sample_aspect_ratio
    if shape and shape != 1:
        yield f"its pixels are not square ({shape.numerator}:{shape.denominator}): they are left as stored"


def refuse_hidden_alpha(path: Path, stream: av.video.stream.VideoStream) -> None:
    """Raise ``Unreadable`` for VP8 and VP9 with a transparency that FFmpeg's own decoder drops."""
    if stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) == "1":
        decoder = "libvpx" if stream.codec_context.name == "vp8" else "libvpx-vp9"
        raise Unreadable(
            f"{path} has transparent parts that the decoder drops, so what is stored under them would show; put it "
            f"over a colour: ffmpeg -c:v {decoder} -i IN -filter_complex "
            "'color=white[c];[c][0:v]scale2ref[b][v];[b][v]overlay=shortest=1' OUT.mp4"
        )


def missing_bytes(path: Path) -> int:
    """How many bytes the file is shorter than its container's outermost elements say; 0 where they don't say."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(64)
        if head[:4] == b"\x1aE\xdf\xa3":  # Matroska, WebM: header, then one segment
            end = after_ebml(head, after_ebml(head, 0))
        elif head[:4] == b"RIFF":
            end = 8 + int.from_bytes(head[4:8], "little")
        elif re.fullmatch(rb"ftyp|styp|moov|mdat|wide|free|skip|uuid", head[4:8]):
            end = _after_boxes(file, size)
        else:
            return 0
    return max(0, end - size)


def after_ebml(head: bytes, start: int) -> int:
    """Where the element at ``start`` ends; 0 where it states no size (a live recording)."""
    try:
        at = start + 9 - head[start].bit_length()  # past the identifier
        length = 9 - head[at].bit_length()
        value = int.from_bytes(head[at : at + length], "big") & (1 << 7 * length) - 1
    except IndexError:
        return 0
    return 0 if value == (1 << 7 * length) - 1 else at + length + value


def _after_boxes(file: BinaryIO, size: int) -> int:
    """Where the last of the outermost boxes of an MP4 or MOV ends."""
    end = 0
    while end + 8 <= size:
        file.seek(end)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length == 0:  # to the end of the file
            return size
        if length < 8 or not re.fullmatch(rb"[ -~]{4}", head[4:8]):  # something else was appended
            break
        end += length
    return end
