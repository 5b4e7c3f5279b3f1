"""The whole way: decode in one thread, preprocess in this one, encode and write in a third; a chunk at a time."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from PIL import Image
from tqdm import tqdm

from mvlib._files import replace_when_done
from mvlib._interruption import Ahead, result_of
from mvlib.codecs import RealCodec
from mvlib.errors import InputError
from mvlib.preprocess import InChunks, Preprocessor, VideoPreprocessor, preprocess_frames

from .formats import Format
from .quantiser import Wish
from .source import Chunk, Source
from .tracks import OtherTracks
from .writing import FilmWriter

Step = Callable[[np.ndarray, float], np.ndarray]
NextQP = Callable[[float, int], float]
"""The quantiser's running mean, and how many frames there were → the QP that a preprocessor is given for the next."""
LOSSLESS = (".mkv", ".avi")
"""What a prepared clip is written in."""


@dataclass(frozen=True)
class Job:
    """The work on one source: what is written, where, and with which codec and preprocessor."""

    source: Source
    out: Path
    form: Format
    real: RealCodec
    wish: Wish
    network: Preprocessor | None = None
    prepared: Path | None = None
    """Where to write what the network gives the encoder, without loss: a picture as .png, a clip as .mkv or .avi."""
    audio: bool = True
    threads: int = 1
    """Of the encoder; with more than one its stream is not byte for byte ``RealCodec``'s."""

    def __post_init__(self) -> None:
        self.wish.options(self.real, self.source.expected or 2)  # raises for what this codec does not take
        if self.source.has_tracks and not self.form.still:
            with self.tracks():  # raises where the output cannot hold the sound
                pass
        if self.prepared is None:
            return
        if self.network is None:
            raise InputError(f"{self.prepared} would hold what a preprocessor made; give --preprocessor too")
        allowed = LOSSLESS if self.source.is_clip else (".png",)
        if self.prepared.suffix.lower() not in allowed:
            what = "a clip as lossless video" if self.source.is_clip else "a picture as PNG"
            raise InputError(f"{self.prepared} must end in {', '.join(allowed)}: {what} is written")

    def tracks(self) -> OtherTracks:
        """What the source holds beside its picture, on its way into the output."""
        return OtherTracks(self.source.file, self.form, self.out, self.audio)


@dataclass(frozen=True)
class Written:
    """Facts about a finished output."""

    frames: int
    size: tuple[int, int]
    """Height and width of what went in."""
    bits: int
    """Of the elementary stream, without container and SEI text; of a still, of the file."""
    seconds: float = 0.0
    """That the film lasts."""
    given_qp: float = 0.0
    """The QP that the preprocessor was given, on average; 0 without one."""
    quantiser: float | None = None
    """Mean over frames, on the encoder's own scale, as it tells."""
    notes: tuple[str, ...] = ()
    """What one may want to know of it."""
    took: float = 0.0
    """Seconds of work."""


def write(job: Job, next_qp: NextQP, progress: bool = False) -> Written:
    """Write ``job.out``, whole or not at all.

    Memory does not grow with the length of the film, but for where its packets lie (some bytes a frame).

    Args:
        next_qp: the QP that the network is given for the next frames.
        progress: show frames per second and the time that is left.

    Raises:
        InputError: encoder or container refuse the size or the tracks; the network takes no such pictures.
        Unreadable, TooShort: see ``mvlib.media``.
        FileError: a file cannot be written.
    """
    began = time.perf_counter()
    with ExitStack() as outputs:
        temporary = outputs.enter_context(replace_when_done(job.out))
        prepared = job.prepared and outputs.enter_context(replace_when_done(job.prepared))
        keep = outputs.enter_context(_keeping(prepared, job.source))
        if job.form.still:
            written = _still(job, next_qp, temporary, keep)
        else:
            written = _film(job, next_qp, temporary, keep, progress)
    notes = tuple(dict.fromkeys((*job.source.notes, *written.notes)))
    return replace(written, notes=notes, took=time.perf_counter() - began)


def stepper(network: Preprocessor | None) -> Step:
    """What makes of each chunk of a clip, uint8 (T, H, W, 3), at a QP what the encoder is given."""
    if network is None:
        return lambda frames, qp: frames
    return (
        InChunks(network) if isinstance(network, VideoPreprocessor) else partial(preprocess_frames, network)
    )


class Lossless(AbstractContextManager["Lossless"]):
    """A clip that is written without loss, as FFV1 in RGB; a context as ``FilmWriter`` is."""

    def __init__(self, path: Path, rate: Fraction) -> None:
        self._rate = rate
        self._stream: VideoStream | None = None
        self._output = av.open(f"file:{path.absolute()}", "w")

    def __exit__(self, error: type | None, *_: object) -> None:
        try:
            if error is None and self._stream is not None:
                self._output.mux(self._stream.encode(None))
        finally:
            self._output.close()

    def write(self, frames: np.ndarray) -> None:
        """The next frames, uint8 (T, H, W, 3)."""
        if self._stream is None:
            self._stream = self._output.add_stream("ffv1", rate=self._rate)
            self._stream.height, self._stream.width = frames.shape[1:3]
            self._stream.pix_fmt = "bgr0"
        for rgb in frames:
            self._output.mux(self._stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))


@contextmanager
def _keeping(prepared: Path | None, source: Source) -> Iterator[Callable[[np.ndarray], None]]:
    """What writes frames (T, H, W, 3) without loss, where that is wanted."""
    if prepared is None:
        yield lambda frames: None
    elif source.is_clip:
        with Lossless(prepared, source.rate) as lossless:
            yield lossless.write
    else:
        yield lambda frames: Image.fromarray(frames[0]).save(prepared, format="PNG")


def _still(job: Job, next_qp: NextQP, temporary: Path, keep: Callable[[np.ndarray], None]) -> Written:
    (chunk,) = job.source.chunks()
    qp = next_qp(0.0, 0) if job.network else 0.0
    given = stepper(job.network)(chunk.frames, qp)
    keep(given)
    assert job.wish.qp is not None  # no rate is chosen for a still
    data = bytes(job.real.encode(given, job.real.native_of(job.wish.qp, 1)))
    temporary.write_bytes(data)
    return Written(1, chunk.frames.shape[1:3], 8 * len(data), given_qp=qp)


def _film(
    job: Job, next_qp: NextQP, temporary: Path, keep: Callable[[np.ndarray], None], progress: bool
) -> Written:
    source = job.source
    options = job.wish.options(job.real, source.expected or 2, job.threads)
    with ExitStack() as inner:
        tracks = inner.enter_context(job.tracks()) if source.has_tracks else None
        chunks = _read_ahead(inner.enter_context(Ahead()), source.chunks())
        first = next(chunks)
        writer = inner.enter_context(FilmWriter(temporary, job.form, job.real, options, source, tracks))
        bar = tqdm(total=source.expected or None, unit=" frames", disable=not progress, smoothing=0.1)
        qp = _run(job, next_qp, chain([first], chunks), writer, keep, inner.enter_context(bar))
    notes = (*(tracks.notes if tracks else ()), *writer.notes)
    size = first.frames.shape[1:3]
    return Written(writer.frames, size, writer.bits, float(writer.seconds), qp, writer.quantiser, notes)


def _read_ahead(reading: Ahead, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """``chunks``, of which the next is read while one is worked on."""
    coming = reading.begin(next, chunks, None)
    while (chunk := result_of(coming)) is not None:
        coming = reading.begin(next, chunks, None)
        yield chunk


def _run(
    job: Job,
    next_qp: NextQP,
    chunks: Iterable[Chunk],
    writer: FilmWriter,
    keep: Callable[[np.ndarray], None],
    bar: tqdm,
) -> float:
    """Chunk after chunk to a thread that writes; the QP that the network was given on average.

    It depends on what is written two chunks before, whatever the threads' speed.
    """
    step, qps, chosen = stepper(job.network), 0.0, (0.0, 0)
    going: Future | None = None

    def write(chunk: Chunk) -> None:
        keep(chunk.frames)
        writer.write(chunk)

    with Ahead() as writing:
        for chunk in chunks:
            qp = next_qp(*chosen) if job.network else 0.0
            qps += qp * len(chunk.starts)
            given = Chunk(step(chunk.frames, qp), chunk.starts, chunk.lasting)
            if going is not None:
                result_of(going)
                chosen = writer.recent, writer.reported
            going = writing.begin(write, given)
            bar.update(len(chunk.starts))
        if going is not None:
            result_of(going)
    return qps / writer.frames
