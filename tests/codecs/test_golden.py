"""A few streams as each version of an encoder wrote them when they were recorded: a change of ours would show here.

    python tests/codecs/test_golden.py      # records the versions that are installed, beside those already known

x264 chooses its algorithms by the processor, so both video encoders run without their assembly here.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from mvlib.codecs import RealCodec, versions, video

RECORDED = Path(__file__).parents[1] / "expected" / "streams.json"
VERSION = {"x264": "x264", "x265": "x265", "jpeg": "libjpeg_turbo"}
CASES = [(name, gop, qp) for name in VERSION for gop in ("stock", "ippp", "intra") for qp in (24, 37)]


def scene() -> np.ndarray:
    """uint8 (6, 96, 112, 3): soft patches with some noise under a camera that moves; whole numbers throughout."""
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (20, 22, 3)).repeat(8, 0).repeat(8, 1)
    for axis in (0, 1, 0, 1, 0, 1):
        picture = (np.roll(picture, 1, axis) + 2 * picture + np.roll(picture, -1, axis) + 2) // 4
    picture = (picture + rng.integers(-6, 7, picture.shape)).clip(0, 255).astype(np.uint8)
    return np.stack([picture[2 * t : 2 * t + 96, 3 * t : 3 * t + 112] for t in range(6)])


def digest(name: str, gop: str, qp: int) -> str:
    codec, frames = RealCodec(name, gop=gop), scene()
    native = codec.native_of(qp, len(frames))
    if codec.encoder.still:
        stream = codec.encode(frames, native)
    else:
        settings, params = codec.settings(native, len(frames)), codec.encoder.params
        settings[params] += ":asm=0"
        stream = video.encode(codec.encoder, frames, settings)
    return hashlib.blake2b(bytes(stream), digest_size=8).hexdigest()


@pytest.mark.parametrize(("name", "gop", "qp"), CASES)
def test_streams_are_those_that_were_recorded(name, gop, qp):
    version, known = versions()[VERSION[name]], json.loads(RECORDED.read_text())[name]
    if version not in known:
        pytest.skip(f"{name} is {version}; recorded are {', '.join(known)}")
    assert digest(name, gop, qp) == known[version][f"{gop} {qp}"]


if __name__ == "__main__":
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    for name, gop, qp in CASES:
        version = versions()[VERSION[name]]
        recorded.setdefault(name, {}).setdefault(version, {})[f"{gop} {qp}"] = digest(name, gop, qp)
    RECORDED.write_text(json.dumps(recorded, indent=1) + "\n")
