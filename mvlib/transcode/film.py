"""The whole way: decode in one thread, preprocess in this one, encode and write in a third; a chunk at a time."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
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
from .tracks import Tracks
from .writing import FilmWriter, Lossless

Step = Callable[[np.ndarray], np.ndarray]
LOSSLESS = (".mkv", ".avi")
"""What a prepared clip is written in."""


@dataclass(frozen=True)
class Job:
    """What is to be made of a source."""

    source: Source
    out: Path
    form: Format
    real: RealCodec
    wish: Wish
    network: Preprocessor | None = None
    prepared: Path | None = None
    """Where to write what the network gives the encoder, without loss: a picture as .png, a clip as .mkv or .avi."""
    audio: bool = True

    def __post_init__(self) -> None:
        self.wish.options(self.real, self.source.expected or 2)  # raises for what this codec does not take
        if self.prepared is None:
            return
        if self.network is None:
            raise InputError(f"{self.prepared} would hold what a preprocessor made; give --preprocessor too")
        allowed = LOSSLESS if self.source.is_clip else (".png",)
        if self.prepared.suffix.lower() not in allowed:
            what = (
                "a clip is written as lossless video"
                if self.source.is_clip
                else "a picture is written as PNG"
            )
            raise InputError(f"{self.prepared} must end in {', '.join(allowed)}: {what}")


@dataclass(frozen=True)
class Written:
    """What was written."""

    frames: int
    size: tuple[int, int]
    """Height and width of what went in."""
    bits: int
    """Of the elementary stream, without container and SEI text; of a still, of the file."""
    seconds: float = 0.0
    """That the film lasts."""
    quantiser: float | None = None
    """Mean over frames, on the encoder's own scale, as it tells."""
    notes: tuple[str, ...] = ()
    """What one may want to know of it."""
    took: float = 0.0
    """Seconds of work."""


def write(job: Job, told: float, progress: bool = False) -> Written:
    """Write ``job.out``, whole or not at all.

    Memory does not grow with the length of the film, but for where its packets lie (some bytes a frame).

    Args:
        told: the QP that the network is told.
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
        written = (
            _still(job, told, temporary, keep)
            if job.form.still
            else _film(job, told, temporary, keep, progress)
        )
    notes = tuple(dict.fromkeys((*job.source.notes, *written.notes)))
    return replace(written, notes=notes, took=time.perf_counter() - began)


def stepper(network: Preprocessor | None, qp: float) -> Step:
    """What makes of each chunk of a clip, uint8 (T, H, W, 3), what the encoder is given."""
    if network is None:
        return lambda frames: frames
    if isinstance(network, VideoPreprocessor):
        return InChunks(network, qp)
    return lambda frames: preprocess_frames(network, frames, qp)


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


def _still(job: Job, told: float, temporary: Path, keep: Callable[[np.ndarray], None]) -> Written:
    (chunk,) = job.source.chunks()
    given = stepper(job.network, told)(chunk.frames)
    keep(given)
    data = bytes(job.real.encode(given, job.real.native_of(job.wish.qp, 1)))
    temporary.write_bytes(data)
    return Written(1, chunk.frames.shape[1:3], 8 * len(data))


def _film(
    job: Job, told: float, temporary: Path, keep: Callable[[np.ndarray], None], progress: bool
) -> Written:
    source = job.source
    options = job.wish.options(job.real, source.expected or 2)
    with ExitStack() as inner:
        tracks = Tracks(source.file, job.form, job.out, job.audio) if source.is_clip else None
        if tracks is not None:
            inner.enter_context(tracks)
        writer = inner.enter_context(FilmWriter(temporary, job.form, job.real, options, source, tracks))
        bar = tqdm(total=source.expected or None, unit=" frames", disable=not progress, smoothing=0.1)
        size = _run(source, stepper(job.network, told), writer, keep, inner.enter_context(bar))
    notes = (*(tracks.notes if tracks else ()), *writer.notes)
    return Written(writer.frames, size, writer.bits, float(writer.seconds), writer.quantiser, notes)


def _run(
    source: Source, step: Step, writer: FilmWriter, keep: Callable[[np.ndarray], None], bar: tqdm
) -> tuple[int, int]:
    """Chunk after chunk through three threads, none more than a chunk ahead of the next; height and width."""
    size = None

    def write(chunk: Chunk) -> None:
        keep(chunk.frames)
        writer.write(chunk)

    with Ahead() as reading, Ahead() as writing:
        chunks = source.chunks()
        coming, going = reading.begin(next, chunks, None), None
        while (chunk := result_of(coming)) is not None:
            if size is None:
                size = chunk.frames.shape[1:3]
                writer.open(*size)
            coming = reading.begin(next, chunks, None)
            given = Chunk(step(chunk.frames), chunk.starts, chunk.lasting)
            if going is not None:
                result_of(going)
            going = writing.begin(write, given)
            bar.update(len(chunk.starts))
        result_of(going)
    return size
