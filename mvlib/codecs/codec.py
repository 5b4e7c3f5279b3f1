"""The one call to a real codec: frames, qp → checks → encoder → stream → decoder → bits, types, frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Real
from pathlib import Path

import numpy as np

from mvlib._numbers import whole
from mvlib.errors import InputError, InputTypeError

from . import stills, video
from .cache import StreamCache
from .coded import Coded, Stream
from .encoders import ENCODERS, Encoder
from .options import check_codec, check_options
from .pool import run
from .qp_scale import native_from_qp


class RealCodec:
    """A real encoder and its decoder, at constant quantiser and with reproducible bytes.

    Args:
        name: "x264", "x265", "svtav1", "vp9", "mjpeg" (PyAV) or "jpeg", "webp", "avif" (Pillow, frame by frame).
        preset: speed against size: for x264 and x265 their own names; the others have names near in meaning and
            their own numbers too (``mvlib.codecs.ENCODERS[name].presets`` lists them).
        gop: "stock" (the encoder as it comes), "ippp" or "intra"; see ``mvlib.codecs.encoders``. Still codecs and
            Motion JPEG are always intra.
        options: further parameters by the encoder's own names, such as {"aq-mode": 1} for x265. Those that would
            falsify the measurement are refused, with the reason; see ``mvlib.codecs.reserved``.

    Raises:
        ValueError: an unknown codec, preset, GOP or option, or a codec that is missing from this installation; the
            message lists what there is.

    Example:
        >>> coded = RealCodec("x265", gop="intra")(frames, qp=37)
        >>> coded.bits, coded.bpp
    """

    def __init__(
        self, name: str, preset: str | int = "medium", gop: str = "stock", options: dict | None = None
    ):
        self.preset = check_codec(name, preset, gop)
        self.name, self.gop, self.options = name, gop, {}
        worst = self.encoder.native[1]
        self.options = check_options(name, dict(options or {}), lambda free: self.settings(worst, 2, free))

    @property
    def encoder(self) -> Encoder:
        """Facts about the encoder: library, scale, presets."""
        return ENCODERS[self.name]

    def __repr__(self) -> str:
        extra = f", options={self.options}" if self.options else ""
        return f"RealCodec({self.name!r}, preset={self.preset!r}, gop={self.gop!r}{extra})"

    def __call__(
        self,
        frames: np.ndarray,
        qp: float | None = None,
        *,
        native: int | None = None,
        planes: bool = False,
        cache: str | Path | None = None,
    ) -> Coded:
        """Encode and decode a clip.

        Args:
            frames: uint8 RGB (T, H, W, 3), T, H, W >= 1. Padded by repeating the edge to what the encoder needs, and
                cropped again.
            qp: 0..51 on the scale of H.264 and HEVC. x264 and x265 take whole numbers (x264's 0 is lossless); the
                others map it to their own scale so that the luma distortion is about x265's (``qp_scale.py``),
                fractions included, and stay at the end of their scale where they cannot follow.
            native: instead of ``qp``, a whole number on the encoder's own scale (``self.encoder.native``).
            planes: also return the decoded planes.
            cache: folder that keeps streams between runs; see ``cache.py``.

        Raises:
            TypeError: frames are no uint8 array, qp or native is no number.
            ValueError: shape or number out of range; the message says what is allowed.
        """
        frames = check_frames(frames)
        native = self._one_native(frames.shape[0], qp, native)
        if cache is None:
            return self.decode(self.encode(frames, native), native, planes)
        return self.decode(StreamCache(cache).get(self, frames, native), native, planes)

    def encode(self, frames: np.ndarray, native: int) -> Stream:
        """The stream alone, with ``native`` on the encoder's own scale."""
        run_encoder = stills.encode if self.encoder.still else video.encode
        return run_encoder(self.encoder, frames, self.settings(native, len(frames)))

    def decode(self, stream: Stream, native: int, planes: bool = False) -> Coded:
        """Decode what :meth:`encode` gave."""
        _, height, width = stream.size
        bits = stream.frame_bits
        if self.encoder.still:
            return Coded(stills.decode(stream), sum(bits), bits, ["I"] * len(bits), native, self.name)
        decoded = video.decode(self.encoder, stream)
        rgb, types = video.to_frames(self.encoder, decoded, height, width), video.to_types(decoded)
        got = video.to_planes(decoded, height, width) if planes else None
        return Coded(rgb, sum(bits), bits, types, native, self.name, got)

    def map(
        self,
        items: Sequence[np.ndarray],
        qps: float | Iterable[float] | None = None,
        *,
        natives: int | Iterable[int] | None = None,
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
                frames = check_frames(item)
                jobs.append((frames, self._one_native(len(frames), qp, native), planes, cache))
            except (TypeError, ValueError) as error:
                raise type(error)(f"item {i}: {error}") from error
        return run(self._work, jobs, workers, progress, f"{self.name} {self.gop}")

    def _work(self, frames: np.ndarray, native: int, planes: bool, cache: str | Path | None) -> Coded:
        return self(frames, native=native, planes=planes, cache=cache)

    def _one_native(self, count: int, qp: float | None, native: int | None) -> int:
        if (qp is None) == (native is None):
            low, high = self.encoder.native
            raise InputError(
                f"give one of qp (0..51) and native ({low}..{high} for {self.name}), not both or none"
            )
        if native is None:
            return native_from_qp(self.name, self.gop, count, qp)
        return _check_native(self.name, native)

    def settings(self, native: int, count: int, options: dict | None = None) -> dict:
        """Complete options for the codec context, or for Pillow's writer.

        Args:
            native: on the encoder's own scale. count: frames in the clip.
            options: in place of the codec's own.
        """
        e = self.encoder
        gop = "intra" if count == 1 and e.lone_is_intra else self.gop
        params = e.gops[gop] | (self.options if options is None else options) | e.always
        if e.params:
            params = {e.params: ":".join(f"{key}={value}" for key, value in params.items())}
        return {**e.presets[self.preset], **params, **e.quantiser(native, gop)}


def check_frames(frames: np.ndarray) -> np.ndarray:
    """A clip as a contiguous uint8 (T, H, W, 3) array, or an error that says what is wrong with it."""
    if not isinstance(frames, np.ndarray):
        raise InputTypeError(f"frames must be a numpy array of uint8, not {type(frames).__name__}")
    if frames.dtype != np.uint8:
        raise InputTypeError(
            f"frames must be uint8 in 0..255, not {frames.dtype}; for floats in 0..1: (x * 255).round()"
        )
    if frames.ndim != 4 or frames.shape[3] != 3 or 0 in frames.shape:
        raise InputError(f"frames must be (T, H, W, 3) with at least one frame and pixel, not {frames.shape}")
    return np.ascontiguousarray(frames)


def _check_native(name: str, native: int) -> int:
    low, high = ENCODERS[name].native
    native = whole(f"native ({low}..{high} for {name})", native)
    if not low <= native <= high:
        raise InputError(f"native {native} is out of range: {name} takes {low}..{high}")
    return native


def _spread(name: str, values: float | Iterable | None, count: int) -> list:
    if values is None or isinstance(values, Real):
        return [values] * count
    values = [v.item() if isinstance(v, np.ndarray) else v for v in values]
    if len(values) != count:
        raise InputError(f"{name} must be one number or one per item: {len(values)} for {count} items")
    return values
