"""The codecs of PyAV and Pillow: settings → encoder → stream → decoder → bits, types, frames."""

from __future__ import annotations

import numpy as np

from . import stills, video
from .base import Codec
from .coded import Coded, Stream
from .encoders import ENCODERS, Encoder
from .options import check_codec, check_options
from .qp_scale import native_from_qp
from .versions import fingerprint


class RealCodec(Codec):
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

    @property
    def natives(self) -> tuple[int, int]:
        """Lowest and highest of the encoder's own numbers."""
        return self.encoder.native

    def __repr__(self) -> str:
        extra = f", options={self.options}" if self.options else ""
        return f"RealCodec({self.name!r}, preset={self.preset!r}, gop={self.gop!r}{extra})"

    def native_of(self, qp: float, count: int) -> int:
        """The encoder's own number for a QP and a clip of ``count`` frames.

        Args:
            qp: 0..51 on the scale of H.264 and HEVC. x264 and x265 take whole numbers (x264's 0 is lossless); the
                others map it to their own scale so that the luma distortion is about x265's (``qp_scale.py``),
                fractions included, and stay at the end of their scale where they cannot follow.
        """
        return native_from_qp(self.name, self.gop, count, qp)

    def identity(self, native: int, count: int) -> list:
        """Name, complete settings and the fingerprint of the encoder in this installation."""
        return [self.name, self.settings(native, count), fingerprint(self.name)]

    def encode(self, frames: np.ndarray, native: int) -> Stream:
        """The stream alone, with ``native`` on the encoder's own scale."""
        run_encoder = stills.encode if self.encoder.still else video.encode
        return run_encoder(self.encoder, frames, self.settings(native, len(frames)))

    def decode(self, stream: Stream, native: int, planes: bool = False) -> Coded:
        """Decode what :meth:`encode` gave."""
        _, height, width = stream.size
        if self.encoder.still:
            return self.result(stream, stills.decode(stream), ["I"] * stream.size[0], native)
        decoded = video.decode(self.encoder, stream)
        rgb, types = video.to_frames(self.encoder, decoded, height, width), video.to_types(decoded)
        got = video.to_planes(decoded, height, width) if planes else None
        return self.result(stream, rgb, types, native, got)

    @property
    def title(self) -> str:
        """The name beside a progress bar."""
        return f"{self.name} {self.gop}"

    def settings(self, native: int, count: int, options: dict | None = None) -> dict:
        """Complete options for the codec context, or for Pillow's writer.

        Args:
            native: on the encoder's own scale. count: frames in the clip.
            options: in place of the codec's own.
        """
        own = self.options if options is None else options
        return self.encoder.settings(self.preset, self.gop, own, native, count)
