"""Frames and their times → encoder → packets → container, with the film's other tracks between them."""

from array import array
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

from mvlib.codecs import RealCodec
from mvlib.codecs.bitstream import without_repeats
from mvlib.codecs.colour import Converter, pad_to
from mvlib.codecs.video import configure, place_of
from mvlib.errors import InputError
from mvlib.media.container import after_ebml

from .formats import Format
from .quantiser import quantiser_of
from .source import Chunk, Source
from .tracks import OtherTracks

_RECENT = 30  # frames
_REORDERED = 64
"""More frames than any encoder here holds back to change their order."""
# FFmpeg's muxer of Matroska and WebM takes the shape of pixels from where PyAV does not reach, and only H.264 and HEVC
# tell it in their own headers. So the track is given a name of as many bytes as the display size takes, which then
# stands in its place: no other byte moves.
_PLACE = "#" * 7
_NO_CHECKSUM = {"write_crc32": "0"}  # it would tell of what was there before
_NAME = b"\x53\x6e\x87" + _PLACE.encode()
_VIDEO, _UNIT_UNKNOWN, _UNIT_PIXELS = 0xE0, b"\x54\xb2\x81\x04", b"\x54\xb2\x81\x00"
_HEAD = 4096  # bytes: tracks come first


class FilmWriter(AbstractContextManager["FilmWriter"]):
    """A film that is being written; a context, whose end without an error makes the file complete.

    The encoder is that of ``RealCodec``, with its options and the film's average rate; frames are numbered for it,
    and the container gets the times of the file instead of the numbers.

    Args:
        source: whose first frame has been read: size, shape and colours are that one's.

    Raises ``InputError`` where encoder or container refuse what they would have to hold.

    Attributes:
        bits: of the elementary stream so far, without container and SEI text, as ``RealCodec`` counts.
        frames: that were given so far.
        reported: frames whose quantiser the encoder has reported.
        recent: its running mean, of about the last second.
    """

    def __init__(
        self, path: Path, form: Format, real: RealCodec, options: dict, source: Source, tracks: OtherTracks | None,
    ) -> None:  # fmt: skip
        self._form, self._real, self._options = form, real, options
        self._source, self._tracks = source, tracks
        self._convert = Converter(real.encoder.colour)
        self._starts, self._end = array("q"), 0
        self.frames, self._chosen, self.reported, self.recent = 0, 0.0, 0, 0.0
        self._held: av.Packet | None = None
        self._path = path
        self._squeezed: tuple[int, int, Fraction] | None = None
        options = dict(form.options) | (_NO_CHECKSUM if self._in_matroska else {})
        self._output = av.open(f"file:{path.absolute()}", "w", format=form.muxer, options=options)
        try:
            self._stream = self._open()
        except BaseException:
            self._output.close()
            raise
        extra = bytes(self._stream.codec_context.extradata or b"")
        self._header = real.encoder.clean(extra) if real.encoder.global_header else b""
        self.bits = 8 * len(self._header)

    @property
    def _in_matroska(self) -> bool:
        """Whether it is a file in which only we can tell the shape of pixels."""
        return self._form.muxer in ("matroska", "webm") and self._real.name in ("svtav1", "vp9")

    def __exit__(self, error: type | None, *_: object) -> None:
        try:
            if error is None:
                self._finish()
        finally:
            self._output.close()
        if error is None and self._squeezed is not None:
            _write_shape(self._path, *self._squeezed)

    @property
    def quantiser(self) -> float | None:
        """Mean over frames, on the encoder's own scale, as it tells."""
        return self._chosen / self.reported if self.reported else None

    @property
    def seconds(self) -> Fraction:
        """That the frames so far last."""
        return (self._end - self._starts[0]) * self._source.tick

    @property
    def notes(self) -> Iterator[str]:
        """What the file does not hold as it went in."""
        encoder = self._real.encoder
        height, width = self._source.look.pixels.shape[:2]
        if (height, width) != self._padded(height, width):
            yield f"{self._real.name} takes sides that divide by {encoder.sides[0]}: the last row or column is repeated"
        gaps = np.diff(np.frombuffer(self._starts, np.int64))
        if self._form.timeless and len(gaps) and gaps.max() - gaps.min() > 1:
            yield "its frames are not evenly spaced in time, but a raw stream plays at an even rate"

    def _open(self) -> VideoStream:
        """Open the encoder and write the headers."""
        encoder, look = self._real.encoder, self._source.look
        shape = look.shape
        if shape != 1 and self._real.name not in self._form.shapes:
            raise InputError(
                f"{self._source.file} has pixels that are not square ({shape.numerator}:{shape.denominator}), of which "
                f"this kind of file with {self._real.name} cannot tell; give a name that ends in .mp4"
            )
        stream = self._output.add_stream(encoder.library, rate=self._source.rate)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        if shape != 1:  # 1 would take a byte more than saying nothing
            context.sample_aspect_ratio = shape
        context.color_primaries, context.color_trc = look.primaries, look.transfer
        if tag := dict(self._form.tags).get(self._real.name):
            context.codec_tag = tag
        height, width = self._padded(*look.pixels.shape[:2])
        if shape != 1 and self._in_matroska:
            stream.metadata["title"], self._squeezed = _PLACE, (height, width, shape)
        configure(context, encoder, width, height, self._options, self._source.rate)
        stream.time_base = self._source.tick
        if self._tracks is not None:
            self._tracks.add_to(self._output, self._source)
        try:
            self._output.start_encoding()
        except av.error.ArgumentError as error:
            raise InputError(
                f"{self._form.muxer} refuses {self._real.name} of {width}x{height}; give a name that ends in .mkv, or "
                "another codec"
            ) from error
        return stream

    def _padded(self, *sides: int) -> tuple[int, ...]:
        multiple, least = self._real.encoder.sides
        return tuple(max(least, -(-side // multiple) * multiple) for side in sides)

    def write(self, chunk: Chunk) -> None:
        """Encode the next frames, and write what the encoder gives out."""
        padded = pad_to(chunk.frames, *self._real.encoder.sides)
        for pixels, start, lasts in zip(padded, chunk.starts, chunk.lasting, strict=True):
            self._starts.append(self._ticks(start))
            self._end = self._ticks(start + lasts)
            frame = self._convert.to_yuv(pixels)
            frame.pts, frame.time_base = self.frames, self._stream.codec_context.time_base
            self.frames += 1
            self._mux(self._stream.encode(frame))

    def _ticks(self, time: Fraction) -> int:
        return round((time - self._source.begins) / self._source.tick)

    def _mux(self, packets: Iterable[av.Packet]) -> None:
        encoder = self._real.encoder
        for packet in packets:
            data = encoder.clean(bytes(packet))
            self.bits += 8 * len(without_repeats(data, self._header) if encoder.global_header else data)
            if (quantiser := quantiser_of(packet)) is not None:
                self._chosen, self.reported = self._chosen + quantiser, self.reported + 1
                self.recent += (quantiser - self.recent) / min(self.reported, _RECENT)
            self._place(packet)
            if self._held is not None:
                self._pass_on(self._held)
            self._held = packet

    def _place(self, packet: av.Packet) -> None:
        """Give a packet the times of the file, in ticks, in place of numbers."""
        shown, decoded = place_of(packet), packet.dts
        # Of one or two frames x265 says what it happened to find in memory; VP9's have no decoding time of their own.
        if decoded is None or not -_REORDERED <= decoded <= shown:
            decoded = shown
        ends = self._starts[shown + 1] if shown + 1 < len(self._starts) else self._end
        gap = round(1 / self._source.rate / self._source.tick) or 1
        at = self._starts[decoded] if decoded >= 0 else self._starts[0] + decoded * gap
        packet.time_base, packet.dts = self._source.tick, at
        packet.pts, packet.duration = self._starts[shown], ends - self._starts[shown]
        if decoded <= 0 and self._held is None:
            self._first = at

    def _pass_on(self, packet: av.Packet) -> None:
        """One packet stays here, for only the last one is given the film's length."""
        if self._tracks is not None:
            self._tracks.write_until(self._source.begins + (packet.dts or 0) * self._source.tick)
        self._output.mux(packet)

    def _finish(self) -> None:
        self._mux(self._stream.encode(None))
        if self._held is None:
            raise RuntimeError(f"{self._real.name} wrote no packet of {self.frames} frames")
        if self._form.muxer in ("mp4", "mov"):
            # They count the film's length in decoding times, which began before 0 where frames change their order.
            left = self._end - self._starts[0] - ((self._held.dts or 0) - self._first)
            self._held.duration = max(self._held.duration or 0, left)
        self._pass_on(self._held)
        if self._tracks is not None:
            whole = self._source.count is None
            self._tracks.write_until(None if whole else self._source.begins + self._end * self._source.tick)


def _write_shape(path: Path, height: int, width: int, shape: Fraction) -> None:
    """Tell in a finished .mkv or .webm that its pixels are ``shape`` times as wide as high; sides below 65,536."""
    shown = round(width * max(shape, Fraction(1))), round(height * max(1 / shape, Fraction(1)))
    size = b"".join(
        name + b"\x82" + side.to_bytes(2, "big")
        for name, side in zip((b"\x54\xb0", b"\x54\xba"), shown, strict=True)
    )
    with path.open("r+b") as file:
        head = file.read(_HEAD)
        start = head.index(_NAME)
        at = start + len(_NAME)
        while head[at] != _VIDEO:
            at = after_ebml(head, at)
        end = at + 2 + (head[at + 1] & 0x7F)
        video = head[at + 2 : end].replace(_UNIT_UNKNOWN, _UNIT_PIXELS) + size
        before = head[start + len(_NAME) : at]
        file.seek(start)
        file.write(before + bytes([_VIDEO, 0x80 | len(video)]) + video)
