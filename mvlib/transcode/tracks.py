"""Tracks beside a film's picture: sound and subtitles, packet by packet, and chapters.

Sound is copied; so are subtitles, or written anew where the output has them in another way.
"""

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.subtitles.stream import SubtitleStream

from mvlib.errors import InputError
from mvlib.media.container import named

from .formats import Format
from .source import Source

_TEXTS = ("subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text")
_WRITTEN_AS = {"mp4": "mov_text", "mov": "mov_text", "webm": "webvtt", "matroska": "subrip"}
"""Container → how it holds subtitles that are text."""


class OtherTracks(AbstractContextManager["OtherTracks"]):
    """The other tracks of the film ``file``, on their way into an output; a context that closes the file.

    Args:
        file: the film, which is opened once more, so that its tracks are read beside the picture.
        form, out: where they go.
        audio: False leaves sound out.

    Raises ``InputError`` where the output cannot hold the sound.
    """

    def __init__(self, file: Path, form: Format, out: Path, audio: bool = True) -> None:
        self._file, self._form, self._out = file, form, out
        self.notes: list[str] = []
        self._container: InputContainer = av.open(f"file:{file.absolute()}", metadata_errors="replace")
        self._anew: dict[int, str] = {}
        self._taken = [stream for stream in self._container.streams if self._takes(stream, audio)]
        self._copies: dict[int, av.stream.Stream] = {}
        self._packets: Iterator[av.Packet] = iter(())
        self._next: tuple[av.Packet, int] | None = None
        """The next packet that has a time, and this time in its own units."""

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def _takes(self, stream: av.stream.Stream, audio: bool) -> bool:
        if stream.type not in ("audio", "subtitle") or (stream.type == "audio" and not audio):
            return False
        codec = stream.codec_context
        if codec is not None and not self._form.only_picture and self._holds(codec.name):
            return True
        if codec is not None and codec.name in _TEXTS and self._form.muxer in _WRITTEN_AS:
            self._anew[stream.index] = _WRITTEN_AS[self._form.muxer]
            return True
        name = "of an unknown codec" if codec is None else codec.name
        if stream.type == "audio":
            raise InputError(
                f"{self._out} cannot hold the sound of {self._file} ({name}); give --no-audio to leave it out, or a "
                "name that ends in .mkv"
            )
        self.notes.append(f"its subtitles ({name}) are left out, for {self._out.suffix} cannot hold them")
        return False

    def _holds(self, codec: str) -> bool:
        with av.open(io.BytesIO(), "w", format=self._form.muxer) as probe:
            return codec in probe.supported_codecs

    def add_to(self, output: OutputContainer, source: Source) -> None:
        """Add the tracks and chapters to ``output``, which begins where ``source`` does."""
        self._output, self._begins, self._cut = output, source.begins, source.start > 0
        for stream in self._taken:
            if stream.index in self._anew:
                copy = self._to_write(output, stream)
            else:
                copy = output.add_stream_from_template(stream)
            copy.metadata.update(stream.metadata)
            copy.disposition = stream.disposition
            self._copies[stream.index] = copy
        stated = self._container.metadata
        output.metadata.update({key: stated[key] for key in stated if key in ("title", "artist", "comment")})
        self._chapters(output, source)
        self._packets = self._container.demux(self._taken) if self._taken else iter(())

    def _to_write(self, output: OutputContainer, stream: av.stream.Stream) -> av.stream.Stream:
        """A track of the output for the text of ``stream``, whose decoder tells the style."""
        copy = output.add_stream(self._anew[stream.index])
        assert isinstance(stream, SubtitleStream) and isinstance(copy, SubtitleStream)
        stream.codec_context.open(strict=False)
        copy.codec_context.subtitle_header = stream.codec_context.subtitle_header
        copy.time_base = stream.time_base
        return copy

    def _chapters(self, output: OutputContainer, source: Source) -> None:
        chapters = self._container.chapters()
        if not chapters:
            return
        if self._form.only_picture:
            self.notes.append(f"its chapters are left out, for {self._out.suffix} cannot hold them")
            return
        kept, most = [], None if source.count is None else source.count / source.rate
        for chapter in chapters:
            if (unit := chapter["time_base"]) is None:
                continue
            start, end = (round(chapter[key] - self._begins / unit) for key in ("start", "end"))
            end = end if most is None else min(end, round(most / unit))
            if end > max(0, start):
                kept.append(chapter | {"start": max(0, start), "end": end})
        output.set_chapters(kept)

    def write_until(self, time: Fraction | None) -> None:
        """Write the packets that come before ``time``, in seconds on the clock of the file; None: all that are left."""
        while (found := self._next or self._following()) is not None:
            self._next = packet, dts = found
            at = dts * packet.time_base
            if time is not None and at >= time:
                return
            self._next = None
            if at >= self._begins or not self._cut:
                self._write(packet, dts)

    def _following(self) -> tuple[av.Packet, int] | None:
        with named(self._file):
            return next(((p, p.dts) for p in self._packets if p.size and p.dts is not None), None)

    def _write(self, packet: av.Packet, dts: int) -> None:
        shift, copy = round(self._begins / packet.time_base), self._copies[packet.stream_index]
        if packet.stream_index in self._anew:
            if (written := _written_anew(packet, copy)) is None:
                return
            packet = written
        packet.dts = dts - shift
        if packet.pts is not None:
            packet.pts -= shift
        packet.stream = copy
        self._output.mux(packet)


def _written_anew(packet: av.Packet, copy: av.stream.Stream) -> av.Packet | None:
    """A subtitle as the track ``copy`` has it; None for the silence between two, which some containers hold."""
    assert isinstance(copy, SubtitleStream)
    words = packet.stream.codec_context.decode2(packet)
    if words is None:
        return None
    written = copy.codec_context.encode_subtitle(words)
    written.time_base, written.duration = packet.time_base, packet.duration
    written.pts = written.dts = packet.dts
    return written
