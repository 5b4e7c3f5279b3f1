"""The base of all codecs: frames, qp → checks → encode → stream → decode → bits, types, frames; many at once."""

import hashlib
import inspect
import math
import pickle
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from mvlib._checks import check_uint8
from mvlib._numbers import is_number, whole
from mvlib.errors import InputError, InputTypeError
from mvlib.pool import run

from .coded import Coded, Stream, stored
from .colour import Planes


class Codec(ABC):
    """A codec; three methods make one of your own: ``native_of``, ``encode`` and ``decode``.

    Attributes:
        name: what tables and results call it.
        natives: lowest and highest of the encoder's own numbers; None where they are not known.
        whole: the encoder's own numbers are whole.

    A class outside this package is run by threads of this process in :meth:`map`, since a worker process could not
    import what a notebook or a main script defines.

    Example:
        >>> import zlib
        >>> import numpy as np
        >>> from mvlib.codecs import Coded, Codec, Stream
        >>> class Deflate(Codec):
        ...     name, natives = "deflate", (1, 255)  # its own number is the step of a quantiser
        ...
        ...     def native_of(self, qp, count):
        ...         return max(1, round(2 ** ((qp - 4) / 6)))
        ...
        ...     def encode(self, frames, native):
        ...         packets = [(i, zlib.compress((f // native).tobytes())) for i, f in enumerate(frames)]
        ...         return Stream(b"", packets, frames.shape[:3])
        ...
        ...     def decode(self, stream, native, planes=False):
        ...         levels = [np.frombuffer(zlib.decompress(data), np.uint8) for _, data in stream.packets]
        ...         frames = np.minimum(np.stack(levels) * native + native // 2, 255).astype(np.uint8)
        ...         types = ["I"] * len(levels)
        ...         return self.result(stream, frames.reshape(*stream.size, 3), types, native)
        >>> coded = Deflate()(np.full((2, 8, 8, 3), 100, np.uint8), qp=22)
        >>> int(coded.frames.max()), coded.native, coded.bits == sum(coded.frame_bits)
        (100, 8, True)
    """

    name: str = "codec"
    natives: tuple[float, float] | None = None
    whole: bool = True

    @abstractmethod
    def native_of(self, qp: float, count: int) -> float:
        """The encoder's own number for a qp and a clip of ``count`` frames; raises for a qp that there is not."""

    @abstractmethod
    def encode(self, frames: np.ndarray, native: float) -> Stream:
        """The stream of uint8 RGB (T, H, W, 3), already checked, at the encoder's own number."""

    @abstractmethod
    def decode(self, stream: Stream, native: float, planes: bool = False) -> Coded:
        """Decode what :meth:`encode` gave; with ``planes`` the decoded planes as well, where there are some."""

    def identity(self, native: float, count: int) -> list | None:
        """Everything beside the frames that the coded clip depends on, as values for JSON.

        Streams and results are stored under it. This one is the object's attributes; source files of classes that do
        not define an ``identity`` of their own come on top (:func:`identity_of`). Where a codec calls other programs
        or libraries, add their versions. None: not known, nothing is stored.
        """
        try:
            state = pickle.dumps(vars(self))
        except (pickle.PicklingError, AttributeError, TypeError):
            return None
        return [type(self).__qualname__, self.name, native, hashlib.sha256(state).hexdigest()]

    def __call__(
        self,
        frames: np.ndarray,
        qp: float | None = None,
        *,
        native: float | None = None,
        planes: bool = False,
        cache: str | Path | None = None,
    ) -> Coded:
        """Encode and decode a clip.

        Args:
            frames: uint8 RGB (T, H, W, 3), T, H, W >= 1. Padded by repeating the edge to what the encoder needs, and
                cropped again.
            qp: on the scale of the class; :meth:`native_of` makes the encoder's own number of it.
            native: instead of ``qp``, a number on the encoder's own scale.
            planes: also return the decoded planes.
            cache: folder that keeps streams between runs; see ``coded.stored``.

        Raises:
            TypeError: frames are no uint8 array, qp or native is no number.
            ValueError: shape or number out of range; the message says what is allowed.
        """
        frames = check_uint8("the clip", frames)
        native = self._one_native(len(frames), qp, native)
        identity = None if cache is None else identity_of(self, native, len(frames))
        if cache is None or identity is None:
            stream = self.encode(frames, native)
        else:
            stream = stored(cache, identity, frames, lambda: self.encode(frames, native))
        coded = self.decode(stream, native, planes)
        if coded.frames.shape != frames.shape or coded.frames.dtype != np.uint8:
            raise RuntimeError(
                f"{self.name}: uint8 {frames.shape} went in, {coded.frames.dtype} {coded.frames.shape} came out"
            )
        return coded

    def map(
        self,
        items: Sequence[np.ndarray],
        qps: float | Iterable[float] | None = None,
        *,
        natives: float | Iterable[float] | None = None,
        workers: int | None = None,
        progress: bool = False,
        planes: bool = False,
        cache: str | Path | None = None,
    ) -> list[Coded]:
        """Encode and decode many clips in worker processes.

        Args:
            items: clips as in :meth:`__call__`; sizes may differ.
            qps, natives: one number for all or one per item, as ``qp`` and ``native`` in :meth:`__call__`.
            workers: processes; None is one per core that this process may use, 1 is no extra process.
            progress: show a progress bar.
            planes, cache: as in :meth:`__call__`.

        Returns:
            One :class:`Coded` per item, in the items' order, the same as calling one by one.

        Raises:
            TypeError, ValueError: as in :meth:`__call__`, naming the item; before anything is encoded.
            RuntimeError: an encoder failed or a worker died, naming the item.
        """
        items = list(items)
        qps, natives = _spread("qps", qps, len(items)), _spread("natives", natives, len(items))
        jobs = []
        for i, (item, qp, native) in enumerate(zip(items, qps, natives, strict=True)):
            try:
                frames = check_uint8("the clip", item)
                jobs.append((frames, self._one_native(len(frames), qp, native), planes, cache))
            except (TypeError, ValueError) as error:
                raise type(error)(f"item {i}: {error}") from error
        processes = type(self).__module__.split(".")[0] == __package__.split(".")[0]
        return run(self._work, jobs, workers, progress, self.title, processes=processes)

    @property
    def title(self) -> str:
        """The name beside a progress bar."""
        return self.name

    def result(
        self,
        stream: Stream,
        frames: np.ndarray,
        types: list[str],
        native: float,
        planes: Planes | None = None,
    ) -> Coded:
        """What :meth:`decode` returns, with the stream's bits."""
        bits = stream.frame_bits
        return Coded(frames, sum(bits), bits, types, native, self.name, planes)

    def _work(self, frames: np.ndarray, native: float, planes: bool, cache: str | Path | None) -> Coded:
        return self(frames, native=native, planes=planes, cache=cache)

    def _one_native(self, count: int, qp: float | None, native: float | None) -> float:
        if qp is not None and native is None:
            return self.check_native(self.native_of(qp, count))
        if native is not None and qp is None:
            return self.check_native(native)
        raise InputError(
            f"give one of qp and native ({_span(self.natives)} for {self.name}), not both or none"
        )

    def check_native(self, native: float) -> float:
        """The encoder's own number, or an error that says which there are."""
        span = _span(self.natives)
        what = f"native ({span} for {self.name})"
        if self.whole:
            native = whole(what, native)
        elif not is_number(native):
            raise InputTypeError(f"{what} must be a number, not {native!r}")
        low, high = self.natives or (-math.inf, math.inf)
        if not low <= native <= high or not math.isfinite(native):
            raise InputError(f"native {native} is out of range: {self.name} takes {span}")
        return native if self.whole else float(native)


def identity_of(codec: Codec, native: float, count: int) -> list | None:
    """``codec.identity`` and the source files of classes that inherited it; None where one cannot be read."""
    identity = codec.identity(native, count)
    if identity is None:
        return None
    files = []
    for cls in type(codec).__mro__:
        if "identity" in vars(cls):  # it speaks for itself and for those above it
            break
        try:
            source = inspect.getsource(sys.modules[cls.__module__])
        except (OSError, TypeError):  # a notebook, standard input
            return None
        files.append(hashlib.sha256(source.encode()).hexdigest())
    return identity + files


def _span(bounds: tuple[float, float] | None) -> str:
    return f"{bounds[0]}..{bounds[1]}" if bounds else "the encoder's own number"


def _spread(name: str, values: float | Iterable | None, count: int) -> list:
    if values is None or not isinstance(values, Iterable):
        return [values] * count
    values = [v.item() if isinstance(v, np.ndarray) else v for v in values]
    if len(values) != count:
        raise InputError(f"{name} must be one number or one per item: {len(values)} for {count} items")
    return values
