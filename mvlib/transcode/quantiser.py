"""--qp, --crf or --bitrate → options of the encoder; and the quantiser that it chose, read from its packets."""

import re
import time
from dataclasses import dataclass, replace

import av
import numpy as np

from mvlib._numbers import is_number
from mvlib.codecs import RealCodec
from mvlib.codecs.colour import Converter, pad_to
from mvlib.codecs.qp_scale import qp_from_native
from mvlib.codecs.video import configure
from mvlib.errors import InputError

from .source import Source, spread

_QP = 37
_LAMBDA = 118
"""FFmpeg's FF_QP2LAMBDA: packets tell their quantiser in this part of it."""
_SAMPLE, _RUN = 48, 16
"""Frames from which the QP is found, and how many of them follow one another."""
_UNITS = {"": 1, "k": 1000, "m": 1_000_000}
_THREADS = {
    "x264": lambda n: {"threads": n},
    "x265": lambda n: {"pools": n, "frame-threads": 0, "wpp": 1},
    "svtav1": lambda n: {"lp": n},
    "vp9": lambda n: {"threads": n, "row-mt": 1},
}
# Of VP9, the quality is a bound unless the rate is free.
_CRF = {"x264": {}, "x265": {}, "svtav1": {}, "vp9": {"b": "0"}}


@dataclass(frozen=True)
class Wish:
    """The bits to be spent: one of the three; ``qp`` is 37 where none is given."""

    qp: float | None = None
    """On the scale of H.264 and HEVC, 0..51."""
    crf: float | None = None
    """Constant quality on the encoder's own scale: the encoder chooses the quantisers."""
    bitrate: str | None = None
    """Bits per second on average, as 800k or 2.5M."""

    def __post_init__(self) -> None:
        given = [name for name in ("qp", "crf", "bitrate") if getattr(self, name) is not None]
        if len(given) > 1:
            raise InputError(f"--{' and --'.join(given)} contradict each other; give one of them")
        if not given:
            object.__setattr__(self, "qp", _QP)

    @property
    def is_free(self) -> bool:
        """Whether the encoder chooses the quantisers."""
        return self.qp is None

    def options(self, real: RealCodec, count: int, threads: int = 1) -> dict:
        """Complete options of the encoder, or of Pillow's writer, for ``count`` frames.

        Args:
            threads: that the encoder may use; with more than one its stream is not byte for byte ``RealCodec``'s.

        Raises ``InputError`` for a number that this codec does not take.
        """
        more = {key: str(value) for key, value in _THREADS.get(real.name, lambda n: {})(threads).items()}
        encoder = replace(real.encoder, always={**real.encoder.always, **(more if threads > 1 else {})})
        if self.qp is not None:
            native = real.native_of(self.qp, count)
            return encoder.settings(real.preset, real.gop, real.options, native, count)
        if real.name not in _CRF:  # of Motion JPEG no packet tells the quantiser that a rate led to
            raise InputError(
                f"{real.name} codes single pictures, by --qp alone; leave --crf and --bitrate out"
            )
        options = self._quality(real) if self.bitrate is None else {"b": str(_bits(self.bitrate))}
        free = replace(encoder, quantiser=lambda native, gop: options)
        return free.settings(real.preset, real.gop, real.options, 0, count)

    def _quality(self, real: RealCodec) -> dict:
        (low, high), crf = real.natives, self.crf
        if crf is None or not is_number(crf) or not low <= crf <= high:
            raise InputError(f"crf is {crf}; {real.name} takes {low}..{high}")
        if real.name not in ("x264", "x265") and crf != int(crf):
            raise InputError(f"crf is {crf}; {real.name} takes whole numbers")
        return {"crf": f"{crf:g}"} | _CRF[real.name]


def _bits(text: str) -> int:
    """Bits per second of "800k", "2.5M" or "900000"."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kKmM]?)", text.strip())
    bits = round(float(found[1]) * _UNITS[found[2].lower()]) if found else 0
    if not 1000 <= bits < 2**31:
        raise InputError(f"bitrate is {text!r}; give bits per second from 1k to 2000M, as 800k or 2.5M")
    return bits


def quantiser_of(packet: av.Packet) -> float | None:
    """The frame's quantiser on the encoder's own scale, as the encoder tells; None where it doesn't."""
    if not packet.has_sidedata("quality_stats"):
        return None
    return int.from_bytes(bytes(packet.get_sidedata("quality_stats"))[:4], "little") / _LAMBDA


class Measured:
    """The native number that, held constant, has the mean quantiser that the encoder chose.

    Frames of different types differ by amounts that the encoder fixes (B above P above I). So a sample is coded twice:
    as is wished, and at a constant number near that; what the means differ by is added to the number.

    Attributes:
        qp: what was found, 0..51.
        frames, took: of the sample, and how many seconds it cost.
    """

    def __init__(self, source: Source, real: RealCodec, wish: Wish) -> None:
        began, self._real, self._count = time.perf_counter(), real, source.expected or 2
        mean, self.frames = _mean(source, real, wish.options(real, self._count))
        self._near = int(np.clip(round(mean), *real.natives))
        at_near, _ = _mean(source, real, real.settings(self._near, self._count))
        self._offset = self._near - at_near
        self._sample, self._follows, self.qp = mean, wish.bitrate is not None, self.qp_of(mean)
        self.took = time.perf_counter() - began

    def next_qp(self, recent: float, count: int) -> float:
        """The QP for the next frames, when the ``count`` before had the quantiser ``recent``, a running mean.

        At a constant quality it is the sample's, which comes near. A rate control needs seconds to settle, and gives
        what a preprocessor saves back as quality: so the running mean counts, once as many frames are through.
        """
        share = min(1.0, count / self.frames) if self._follows else 0.0
        return self.qp_of((1 - share) * self._sample + share * recent)

    def qp_of(self, mean: float) -> float:
        """The QP 0..51 of a stream whose frames have the mean quantiser ``mean``."""
        native = float(np.clip(mean + self._offset, *self._real.natives))
        return qp_from_native(self._real.name, self._real.gop, self._count, native)


def _mean(source: Source, real: RealCodec, options: dict) -> tuple[float, int]:
    """Mean quantiser of a sample of ``source``, and its number of frames."""
    context, convert = av.Codec(real.encoder.library, "w").create("video"), Converter(real.encoder.colour)
    packets, count = [], 0
    for place in (0, *spread(_SAMPLE - _RUN, source.expected, _RUN)):  # less than is expected may be there
        for pixels in source.window(place, _RUN):
            padded = pad_to(pixels[None], *real.encoder.sides)[0]
            if not count:
                configure(context, real.encoder, padded.shape[1], padded.shape[0], options, source.rate)
            frame = convert.to_yuv(padded)
            frame.pts, frame.time_base = count, context.time_base
            packets += context.encode(frame)
            count += 1
    packets += context.encode(None)
    return float(np.mean([q for q in map(quantiser_of, packets) if q is not None])), count
