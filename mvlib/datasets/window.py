"""A few frames out of the middle of a long video, or its first ones: seek to the key frame before → decode on → stop.

Frames are found by their time, not by counting from the start: a ten-second clip of 1080p would otherwise be
decoded whole for sixteen frames.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Colorspace, Interpolation

from mvlib.errors import InputError

# libswscale's default rounding lowers every value by about one grey level.
UP = (
    Interpolation.BILINEAR | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
)  # fmt: skip
# Colour matrices as streams name them (ITU-T H.273) -> as libswscale does.
_MATRIX = {
    1: Colorspace.ITU709, 4: Colorspace.FCC, 5: Colorspace.ITU601, 6: Colorspace.ITU601, 7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020, 10: Colorspace.BT2020,
}  # fmt: skip


class TooShort(InputError):
    """The video ends before the window does."""


@dataclass(frozen=True)
class Window:
    """Frames cut out of a video."""

    frames: np.ndarray
    """uint8 (T, H, W, 3), RGB."""
    decoded: int
    """Frames that were decoded to get at them."""


def read_window(path: str | Path, frames: int, stride: int = 1, at: float = 0.5) -> Window:
    """``frames`` frames, every ``stride``-th, out of the video ``path``.

    Args:
        at: where the window lies in the room that there is: 0 at the start, 0.5 in the middle, 1 at the end.

    Raises:
        TooShort: the video holds fewer frames than the window.
        OSError: it is missing (FileNotFoundError) or cannot be decoded.
    """
    if frames < 1 or stride < 1 or not 0 <= at <= 1:
        raise InputError(f"frames={frames}, stride={stride} must be at least 1, at={at} in 0..1")
    span = stride * (frames - 1) + 1
    with _named(path), av.open(str(path)) as container:
        stream = _video(container, path)
        room = _count(container, stream) - span
        if room < 0:
            raise TooShort(f"{path} holds {room + span} frames; the window covers {span}")
        got, decoded = _collect(container, stream, round(at * room), frames, stride, seek=True)
        if got is None:  # the container could not seek to before the window
            got, more = _collect(container, stream, round(at * room), frames, stride, seek=False)
            decoded += more
        if len(got) < frames:
            raise TooShort(f"{path} ends after {len(got)} of {frames} frames of the window")
        # Damaged headers may announce another size halfway: no array then.
        return Window(np.stack([_rgb(frame) for frame in got]), decoded)


def read_start(path: str | Path, most: int | None = None) -> tuple[np.ndarray, Fraction]:
    """The first ``most`` frames of a video (None: all of them), uint8 (T, H, W, 3), and its frames per second.

    Raises OSError where it is missing (FileNotFoundError), holds no frame or cannot be decoded.
    """
    with _named(path), av.open(str(path)) as container:
        stream = _video(container, path)
        frames = [_rgb(frame) for frame in islice(container.decode(stream), most)]
        if not frames:
            raise OSError("there is no frame in it")
        return np.stack(frames), _rate(stream)


@contextmanager
def _named(path: str | Path) -> Iterator[None]:
    """Errors that name the file, whatever PyAV makes of a damaged one: it raises what it likes, or hands out None."""
    try:
        yield
    except (FileNotFoundError, TooShort):
        raise
    except Exception as error:
        raise OSError(f"{path} cannot be decoded: {error}") from error


def _video(container: av.container.InputContainer, path: str | Path) -> av.video.stream.VideoStream:
    if not container.streams.video:
        raise OSError(f"{path} holds no video")
    stream = container.streams.video[0]
    stream.codec_context.thread_count = 1  # many workers share the cores
    return stream


def _count(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> int:
    """How many frames the container says there are, or duration times rate where it does not say."""
    if stream.frames:
        return stream.frames
    if stream.duration is not None:
        return int(stream.duration * stream.time_base * _rate(stream))
    return int(Fraction(container.duration or 0, av.time_base) * _rate(stream))


def _rate(stream: av.video.stream.VideoStream) -> Fraction:
    return stream.average_rate or stream.guessed_rate or Fraction(25)


def _collect(container, stream, first: int, frames: int, stride: int, seek: bool) -> tuple[list | None, int]:
    """The frames of the window and how many were decoded; None where the seek came out behind its start."""
    start, step = stream.start_time or 0, 1 / (_rate(stream) * stream.time_base)  # in the stream's ticks
    container.seek(int(start + (first * step if seek else 0)), stream=stream, backward=True)
    # Half a frame early, for times are rounded to ticks; a video of varying rate gives the next frame there is.
    wanted = [float(start + (first + k * stride - Fraction(1, 2)) * step) for k in range(frames)]
    got, decoded = [], 0
    for frame in container.decode(stream):
        decoded += 1
        if frame.pts is None:
            continue
        if seek and decoded == 1 and first > 0 and frame.pts > wanted[0] + float(step):
            return None, decoded
        while len(got) < frames and frame.pts >= wanted[len(got)]:
            got.append(frame)
        if len(got) == frames:
            break
    return got, decoded


def _rgb(frame: av.VideoFrame) -> np.ndarray:
    """uint8 (H, W, 3). Videos that name no colour matrix are taken as BT.601 below 720 lines, BT.709 from there on."""
    guess = Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601
    source = _MATRIX.get(int(frame.colorspace), guess)
    return frame.reformat(
        format="rgb24", src_colorspace=source, dst_color_range="JPEG", interpolation=UP, threads=1
    ).to_ndarray()
