"""Places of frames in a stream: all packets without decoding → the times that are shown → a key frame to begin at.

Only what can be known is used: every packet has a time of its own, the first one is a key frame that nothing is shown
before, and a key frame is one from which decoding is exact. Whoever seeks by it must still compare the times of the
frames that come out; ``Index.of`` gives None where frames must be counted from the start.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

import av

ONE_FOR_ONE = {"h264", "hevc", "av1", "libdav1d"}
"""Codecs of which each packet should give a frame, but for H.264 of single fields."""
# So do these; and after a key frame, whatever is shown from there on needs nothing before it.
_EXACT = ONE_FOR_ONE | {"vp9", "mjpeg", "ffv1", "prores", "dnxhd", "huffyuv", "ffvhuff", "utvideo"}
_REORDERED = {"h264", "hevc"}  # shown in another order than they are stored in
_NAL_IDR = 5


@dataclass(frozen=True)
class Index:
    """The packets of a stream."""

    shown: list[int]
    """Presentation times of the frames, in order."""
    numbers: dict[tuple[int, int], int]
    """Presentation time and bytes of each packet → its number in decoding order."""
    keys: list[tuple[int, int | None, int]]
    """Presentation time, decoding time and number of each key frame that decoding can begin at, in order."""

    @staticmethod
    def of(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> Index | None:
        """Reads all packets of ``stream``; None where counting frames is the only way."""
        codec = stream.codec_context.name
        timeless = codec in _REORDERED and container.format.name == "avi"
        if codec not in _EXACT or timeless:
            return None
        is_exact = _idr(stream.codec_context) if codec == "h264" else lambda packet: True
        shown, numbers, keys = [], {}, []
        for number, packet in enumerate(packet for packet in container.demux(stream) if packet.size):
            if packet.pts is None or packet.is_corrupt:
                return None
            numbers[packet.pts, packet.size] = number
            if not packet.is_discard:
                shown.append(packet.pts)
            if packet.is_keyframe and is_exact(packet):
                keys.append((packet.pts, packet.dts, number))
        shown.sort()
        if not shown or len(set(shown)) < len(shown) or not keys or keys[0][2] > 0:
            return None
        if min(pts for pts, _ in numbers) < keys[0][0] or keys != sorted(keys):
            return None
        return Index(shown, numbers, keys)

    def key_before(self, frame: int) -> tuple[int, int | None, int]:
        """The last key frame that is shown no later than frame number ``frame``."""
        return self.keys[bisect_right([pts for pts, _, _ in self.keys], self.shown[frame]) - 1]

    def packets_from(
        self, container: av.container.InputContainer, stream: av.video.stream.VideoStream,
        key: tuple[int, int | None, int],
    ) -> Iterator[av.Packet] | None:  # fmt: skip
        """The packets from that key frame on; None where the container does not get there."""
        pts, dts, number = key
        if number == 0:  # as it was opened
            return container.demux(stream)
        # Some seek by the one time, some by the other, and some come out late.
        for target in (pts, pts if dts is None else dts, self.keys[max(0, self.keys.index(key) - 1)][0]):
            container.seek(target, stream=stream)
            packets = container.demux(stream)
            for packet in packets:
                at = -1 if packet.pts is None else self.numbers.get((packet.pts, packet.size), -1)
                if at == number:
                    return chain([packet], packets)
                if at > number:
                    break
        return None


def _idr(codec: av.video.codeccontext.VideoCodecContext) -> Callable[[av.Packet], bool]:
    """Whether an H.264 packet holds an IDR picture: others that are called key frames may be drawn upon from before."""
    extra = codec.extradata or b""
    size = (extra[4] & 3) + 1 if len(extra) > 4 and extra[0] == 1 else 0

    def framed(packet: av.Packet) -> bool:
        data, at = memoryview(packet), 0
        while at + size < len(data):
            if data[at + size] & 31 == _NAL_IDR:
                return True
            at += size + int.from_bytes(data[at : at + size], "big")
        return False

    def marked(packet: av.Packet) -> bool:
        return re.search(rb"\0\0\x01[\x25\x45\x65]", memoryview(packet)) is not None

    return framed if size else marked
