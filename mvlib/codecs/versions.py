"""Which encoder it was: codec name → version in words, and a fingerprint of what it writes.

Not every library tells its version through PyAV or Pillow. What it makes of a fixed little clip tells two builds
apart where it matters: in their bytes.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache

import av
import numpy as np
from PIL import __version__ as pillow_version
from PIL import features

from . import stills, video
from .encoders import ENCODERS


def versions() -> dict[str, str]:
    """Versions of everything that codes here, for the provenance of a result."""
    libraries = {name: ".".join(map(str, v)) for name, v in av.library_versions.items() if name != "meta"}
    of_stills = {name: str(features.version(name)) for name in ("libjpeg_turbo", "webp", "avif")}
    return {
        "pyav": av.__version__,
        "libavcodec": libraries["libavcodec"],
        "libswscale": libraries["libswscale"],
        "pillow": pillow_version,
        **of_stills,
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
    """A short name for the encoder's behaviour in this installation: versions and the digest of a coded clip."""
    encoder = ENCODERS[name]
    yy, xx, t = np.meshgrid(np.arange(48), np.arange(64), np.arange(3), indexing="ij")
    clip = (xx * yy // 7 + 5 * t + (xx * 37 + yy * 91) % 23).astype(np.uint8).transpose(2, 0, 1)
    settings = encoder.settings("medium", "stock", {}, sum(encoder.native) // 2, len(clip))
    run = stills.encode if encoder.still else video.encode
    stream = run(encoder, np.repeat(clip[..., None], 3, axis=3), settings)
    parts = f"{av.__version__} {av.library_versions} {pillow_version}".encode() + bytes(stream)
    return hashlib.blake2b(parts, digest_size=8).hexdigest()
