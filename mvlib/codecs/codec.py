"""The codecs of PyAV and Pillow: settings → encoder → stream → decoder → bits, types, frames; and which they are.

``video.py`` runs PyAV's. Of a still codec every frame is a file of its own. Pillow's JPEG is BT.601 full range (JFIF),
WebP BT.601 limited range, AVIF BT.601 full range, all 4:2:0; the conversions are the libraries' own, both ways.
"""

import hashlib
import io
import re
from functools import cache

import av
import numpy as np
from PIL import Image, features
from PIL import __version__ as pillow_version

from mvlib.errors import InputError

from . import video
from .base import Codec
from .coded import Coded, Stream
from .encoders import ENCODERS, Encoder
from .options import check_codec, check_options
from .qp_scale import native_from_qp


class RealCodec(Codec):
    """A real encoder and its decoder, at constant quantiser and with reproducible bytes.

    Args:
        name: "x264", "x265", "svtav1", "vp9", "mjpeg" (PyAV) or "jpeg", "webp", "avif" (Pillow, frame by frame).
        preset: speed against size: for x264 and x265 their own names; the others have names near in meaning and
            their own numbers too (``mvlib.codecs.ENCODERS[name].presets`` lists them).
        gop: "stock" (the encoder as it comes), "ippp" or "intra"; see ``mvlib.codecs.encoders``. Still codecs and
            Motion JPEG are always intra.
        options: further parameters by the encoder's own names, such as {"aq-mode": 1} for x265. Those that would
            falsify the measurement are refused, with the reason; see ``mvlib.codecs.options.RESERVED``.

    Raises:
        ValueError: an unknown codec, preset, GOP or option, or a codec that is missing from this installation; the
            message lists what there is.

    Example:
        >>> import numpy as np, mvlib
        >>> frames = np.full((2, 64, 64, 3), 128, np.uint8)
        >>> coded = mvlib.RealCodec("x264", gop="ippp")(frames, qp=37)
        >>> coded.frames.shape, coded.frame_types, coded.bits == sum(coded.frame_bits)
        ((2, 64, 64, 3), ['I', 'P'], True)
    """

    def __init__(
        self, name: str, preset: str | int = "medium", gop: str = "stock", options: dict | None = None
    ):
        self.preset = check_codec(name, preset, gop)
        self.name, self.gop, self.options = name, gop, {}
        self.natives: tuple[int, int] = self.encoder.native
        worst = self.encoder.native[1]
        self.options = check_options(name, dict(options or {}), lambda free: self.settings(worst, 2, free))

    @property
    def encoder(self) -> Encoder:
        """Facts about the encoder: library, scale, presets."""
        return ENCODERS[self.name]

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

    def identity(self, native: float, count: int) -> list:
        """Name, complete settings and the fingerprint of the encoder in this installation."""
        return [self.name, self.settings(native, count), fingerprint(self.name)]

    def encode(self, frames: np.ndarray, native: float) -> Stream:
        """The stream alone, with ``native`` on the encoder's own scale."""
        return _encode(self.encoder, frames, self.settings(native, len(frames)))

    def decode(self, stream: Stream, native: float, planes: bool = False) -> Coded:
        """Decode what :meth:`encode` gave."""
        _, height, width = stream.size
        if self.encoder.still:
            return self.result(stream, _decode_stills(stream), ["I"] * stream.size[0], native)
        decoded = video.decode(self.encoder, stream)
        rgb, types = video.to_frames(self.encoder, decoded, height, width), video.to_types(decoded)
        got = video.to_planes(decoded, height, width) if planes else None
        return self.result(stream, rgb, types, native, got)

    @property
    def title(self) -> str:
        """The name beside a progress bar."""
        return f"{self.name} {self.gop}"

    def settings(self, native: float, count: int, options: dict | None = None) -> dict:
        """Complete options for the codec context, or for Pillow's writer.

        Args:
            native: on the encoder's own scale. count: frames in the clip.
            options: in place of the codec's own.
        """
        own = self.options if options is None else options
        return self.encoder.settings(self.preset, self.gop, own, native, count)


def _encode(encoder: Encoder, frames: np.ndarray, options: dict) -> Stream:
    return (_encode_stills if encoder.still else video.encode)(encoder, frames, options)


def _encode_stills(encoder: Encoder, frames: np.ndarray, options: dict) -> Stream:
    """Encode each of uint8 (T, H, W, 3) as a file of its own.

    Raises:
        ValueError: the encoder refuses the options or the size.
    """
    packets = []
    for i, rgb in enumerate(frames):
        file = io.BytesIO()
        try:
            Image.fromarray(rgb).save(file, format=encoder.library, **options)
        except (ValueError, RuntimeError, OSError) as error:  # nothing is read or written but memory
            height, width = rgb.shape[:2]
            raise InputError(f"{encoder.library} refuses {options} for {width}x{height}: {error}") from error
        packets.append((i, file.getvalue()))
    return Stream(b"", packets, frames.shape[:3])


def _decode_stills(stream: Stream) -> np.ndarray:
    """The files' pictures, uint8 RGB (T, H, W, 3)."""
    out = np.empty((*stream.size, 3), np.uint8)
    for position, data in stream.packets:
        with Image.open(io.BytesIO(data)) as picture:
            out[position] = np.asarray(picture.convert("RGB"))
    return out


def versions() -> dict[str, str]:
    """Versions of everything that codes here, for the provenance of a result."""
    libraries = {name: ".".join(map(str, v)) for name, v in av.library_versions.items() if name != "meta"}
    return {
        "pyav": av.__version__,
        "libavcodec": libraries["libavcodec"],
        "libswscale": libraries["libswscale"],
        "pillow": pillow_version,
        **{name: str(features.version(name)) for name in ("libjpeg_turbo", "webp", "avif")},
        **{name: _from_sei(name) for name in ("x264", "x265")},
    }


def _from_sei(name: str) -> str:
    """x264 and x265 write their version into the SEI text that is not counted."""
    encoder = ENCODERS[name]
    options = {encoder.params: "log-level=none:pools=none"} if name == "x265" else {}
    context = video.open_encoder(encoder, 64, 64, options)
    frame = av.VideoFrame.from_ndarray(np.zeros((96, 64), np.uint8), format="yuv420p")
    frame.pts = 0
    text = bytes(context.extradata or b"") + b"".join(
        bytes(p) for p in context.encode(frame) + context.encode(None)
    )
    found = re.search(rb"x264 - (core \d+[^-]*)|x265 \(build \d+\) - ([^:]+)", text)
    return next(group for group in found.groups() if group).decode().strip() if found else "unknown"


@cache
def fingerprint(name: str) -> str:
    """A short name for the encoder's behaviour in this installation: versions and the digest of a coded clip.

    Not every library tells its version through PyAV or Pillow. What it makes of a fixed little clip tells two builds
    apart where it matters: in their bytes.
    """
    encoder = ENCODERS[name]
    yy, xx, t = np.meshgrid(np.arange(48), np.arange(64), np.arange(3), indexing="ij")
    clip = (xx * yy // 7 + 5 * t + (xx * 37 + yy * 91) % 23).astype(np.uint8).transpose(2, 0, 1)
    settings = encoder.settings("medium", "stock", {}, sum(encoder.native) // 2, len(clip))
    stream = _encode(encoder, np.repeat(clip[..., None], 3, axis=3), settings)
    parts = f"{av.__version__} {av.library_versions} {pillow_version}".encode() + bytes(stream)
    return hashlib.blake2b(parts, digest_size=8).hexdigest()
