"""A clip that libavformat opens: its frames from the start, or a window of them by a seek that is checked.

A window is what counting from the start gives. A seek is used where an index of the packets can be trusted, and only
if the frames that come out of the decoder bear the times that the index expects, each of them; else the file is
decoded from its start.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.sidedata.sidedata import Type

from .colour import rgb_of
from .container import (
    TIMELESS,
    expected_frames,
    header_notes,
    missing_bytes,
    named,
    opened,
    rate_of,
    refuse_hidden_alpha,
)
from .files import Shown
from .index import ONE_FOR_ONE, Index
from .pixels import from_matrix, upright

_UNEVEN = "its frames are not evenly spaced in time: they are taken by their number, at the average rate"
_DAMAGED = "frame {} is damaged, the decoder made up for what is missing"


class Film:
    """One clip file.

    Attributes:
        rate: frames per second, on average.
        tick: seconds that its times are multiples of; None where it has no times.
        begins: seconds at which the first of all its tracks begins.
        expected: about how many frames there are, by its headers; 0 where they don't say.
        notes: what is to be known of the file, found so far.
        damage: what is lost or made up, found so far.
        decoded: frames that were decoded, so far.
        has_tracks: there may be sound and the like beside the picture.
    """

    has_tracks = True

    def __init__(self, path: Path) -> None:
        self.path, self._notes, self.damage, self.decoded, self._fed = path, {}, [], 0, 0
        with opened(path) as (container, stream):
            self.rate: Fraction = rate_of(stream)
            self._shape = stream.sample_aspect_ratio or Fraction(1)
            self.begins = Fraction(container.start_time or 0, av.time_base)
            self.expected = expected_frames(container, stream)
            # An AVI has a number for each frame, no time; a raw stream has nothing.
            self.tick = None if container.format.name in TIMELESS else stream.time_base
            refuse_hidden_alpha(path, stream)
            self._notes.update(dict.fromkeys(header_notes(container, stream)))
        if missing := missing_bytes(path):
            self.damage.append(f"the file ends {missing} bytes before its container does")

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._notes)

    @cached_property
    def count(self) -> int:
        """How many frames decoding from the start gives."""
        return len(self._index.shown) if self._index else sum(1 for _ in self._from_start())

    @cached_property
    def _index(self) -> Index | None:
        with opened(self.path) as (container, stream):
            index = Index.of(container, stream)
        self._note_uneven(index.shown if index else [])
        return index

    def frames(self) -> Iterator[np.ndarray]:
        """All of them, one by one: uint8 (H, W, 3), upright."""
        return map(self._rgb, self._from_start())

    def shown(self, start: int = 0) -> Iterator[Shown]:
        """From number ``start`` on, one by one, with their times."""
        try:
            for frame in islice(self._from_start(), start, None):
                yield self._shown(frame)
        finally:
            self._notes.pop(_UNEVEN, None)

    def _shown(self, frame: av.VideoFrame) -> Shown:
        at = None if self.tick is None or frame.pts is None else frame.pts * self.tick
        lasts = frame.duration * self.tick if self.tick and frame.duration else None
        pixels = self._rgb(frame)
        shape = 1 / self._shape if _turn(frame) >= 5 else self._shape
        return Shown(pixels, at, lasts, shape, int(frame.color_primaries), int(frame.color_trc))

    def window(self, start: int, count: int, step: int) -> list[np.ndarray]:
        """``count`` frames, every ``step``-th from number ``start``; fewer where the film ends."""
        wanted = range(start, start + count * step, step)
        if self._index and wanted[-1] < len(self._index.shown):
            before = list(self.damage)
            if (got := self._sought(wanted, self._index)) is not None:
                return got
            self._index, self.damage = None, before  # it doesn't tell what the decoder gives
            self.__dict__.pop("count", None)
        return [self._rgb(frame) for frame in islice(self._from_start(), start, wanted[-1] + 1, step)]

    def _sought(self, wanted: range, index: Index) -> list[np.ndarray] | None:
        """The window by seeking; None where any frame's time is not the one that the index expects."""
        expected, got, at = index.shown[wanted[0] : wanted[-1] + 1], [], 0
        with opened(self.path) as (container, stream):
            packets = index.packets_from(container, stream, index.key_before(wanted[0]))
            for frame in self._decode(stream, packets) if packets is not None else ():
                if frame.is_corrupt:
                    self._damaged(
                        _DAMAGED.format(f"at {float((frame.pts or 0) * (stream.time_base or 0)):.2f} s")
                    )
                if frame.pts is not None and frame.pts < expected[0]:
                    continue
                if frame.pts != expected[at]:
                    return None
                if wanted[0] + at in wanted:
                    got.append(self._rgb(frame))
                at += 1
                if at == len(expected):
                    return got
        return None

    def _from_start(self) -> Iterator[av.VideoFrame]:
        times: list[int | None] = []
        before, interlaced = self._fed, False
        try:
            with opened(self.path) as (container, stream):
                for frame in self._decode(stream, container.demux(stream)):
                    if frame.is_corrupt:
                        self._damaged(_DAMAGED.format(len(times)))
                    interlaced |= frame.interlaced_frame  # of H.264: two packets may give one
                    times.append(frame.pts)
                    yield frame
                if stream.codec_context.name in ONE_FOR_ONE and not interlaced:
                    self._lost(self._fed - before - len(times))
        finally:
            self._note_uneven(times)

    def _lost(self, packets: int) -> None:
        """So many packets gave no frame: a recording that begins in the middle, or else damage."""
        if packets > 0 and self._index:
            self._damaged(f"{packets} of its {len(self._index.shown)} packets give no frame")
        elif packets > 0:
            self._notes[f"{packets} packets give no frame"] = None

    def _decode(self, stream: Any, packets: Any) -> Iterator[av.VideoFrame]:
        """The frames of ``packets``; what cannot be decoded is noted, and the next packet tried."""
        packet: Any = True
        while packet is not None:
            try:
                # The last ones are empty, or None: they ask for what is still inside.
                packet = next(packets, None)
                if packet is not None and not packet.size and packet.dts is not None:
                    continue  # an AVI says so that a frame stays
                frames = stream.decode(packet)
                if packet is not None and packet.is_corrupt:
                    self._damaged(f"a packet after frame {self.decoded} is incomplete")
                self._fed += packet is not None and packet.size > 0 and not packet.is_discard
            except av.error.EOFError:
                continue
            except av.error.FFmpegError as error:
                self._damaged(f"after frame {self.decoded}, {error.strerror or error}")
                continue
            self.decoded += len(frames)
            yield from frames

    def _damaged(self, what: str) -> None:
        if what not in self.damage:
            self.damage.append(what)

    def _note_uneven(self, times: Sequence[int | None]) -> None:
        gaps = {b - a for a, b in pairwise(times) if a is not None and b is not None}
        # Times are rounded to ticks, and an AVI has none of its own: there they go up and down.
        if gaps and min(gaps) > 0 and max(gaps) > 1.5 * min(gaps) and max(gaps) - min(gaps) > 1:
            self._notes[_UNEVEN] = None

    def _rgb(self, frame: av.VideoFrame) -> np.ndarray:
        with named(self.path):
            return upright(rgb_of(frame, self.path, self._notes), _turn(frame))


def _turn(frame: av.VideoFrame) -> int:
    """How the picture is stored, by EXIF's number."""
    matrix = next((bytes(d) for d in cast(Any, frame.side_data) if d.type == Type.DISPLAYMATRIX), None)
    return 1 if matrix is None else from_matrix(matrix)
