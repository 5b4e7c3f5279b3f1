"""What each encoder is called, needs and understands: codec name → library, decoder, scale, presets, options per GOP.

One entry an encoder; the code that runs them (``video.py``, ``stills.py``) holds no encoder's name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .bitstream import h264_without_sei, hevc_without_sei

GOPS = ("stock", "ippp", "intra")
QP_MAX = 51
_X26_PRESETS = tuple(
    [
        "ultrafast",
        "superfast",
        "veryfast",
        "faster",
        "fast",
        "medium",
        "slow",
        "slower",
        "veryslow",
        "placebo",
    ]
)


def _same(data: bytes) -> bytes:
    return data


@dataclass(frozen=True)
class Encoder:
    """Facts about one encoder.

    Attributes:
        library: name in PyAV ("libx264"), or Pillow's format name for a still codec.
        decoders: PyAV decoders, first choice first; empty for a still codec.
        native: lowest and highest value of the encoder's own scale; ``better`` says which end has the better quality.
        presets: preset name -> value given to the encoder. ``preset_key``: the option that takes it.
        params: option that takes the encoder's own parameters as a ``key=value`` string; "" if it has none.
        always: parameters for every run (reproducible bytes, no text on the terminal).
        gops: parameters per GOP structure.
        qp: (native) -> codec options that set a constant quantiser.
        clean: packet bytes -> bytes that count.
        sides: (multiple, least) of width and height.
        global_header: parameter sets apart from the packets, so that they are counted once.
        colour: see ``colour.py``.
    """

    library: str
    native: tuple[int, int]
    presets: dict[str, str]
    decoders: tuple[str, ...] = ()
    preset_key: str = "preset"
    params: str = ""
    better: str = "low"
    always: dict[str, str] = field(default_factory=dict)
    gops: dict[str, dict[str, str]] = field(default_factory=dict)
    qp: Callable[[int], dict[str, str]] = lambda native: {"qp": str(native)}
    clean: Callable[[bytes], bytes] = _same
    sides: tuple[int, int] = (2, 2)
    global_header: bool = True
    colour: str = "bt709"

    @property
    def still(self) -> bool:
        """True for codecs of single pictures that Pillow writes."""
        return not self.decoders


# The simple reference: nothing adapts, every frame has the QP that was asked for.
_FLAT = {"psy": "0", "aq-mode": "0", "ipratio": "1", "pbratio": "1"}
_X264_FLAT = _FLAT | {"mbtree": "0", "weightp": "0", "scenecut": "0", "bframes": "0"}
_X265_FLAT = {"psy-rd": "0", "psy-rdoq": "0", "aq-mode": "0", "ipratio": "1", "pbratio": "1"} | {
    "cutree": "0",
    "weightp": "0",
    "scenecut": "0",
    "bframes": "0",
}
_NEVER = "100000"  # frames between two I: longer than any clip here

ENCODERS: dict[str, Encoder] = {
    "x264": Encoder(
        library="libx264",
        decoders=("h264",),
        native=(0, 51),
        presets={p: p for p in _X26_PRESETS},
        params="x264-params",
        always={"threads": "1"},
        gops={
            "stock": {},
            "ippp": _X264_FLAT | {"keyint": _NEVER, "ref": "1"},
            "intra": _X264_FLAT | {"keyint": "1"},
        },
        clean=h264_without_sei,
    ),
    "x265": Encoder(
        library="libx265",
        decoders=("hevc",),
        native=(0, 51),
        presets={p: p for p in _X26_PRESETS},
        params="x265-params",
        always={"log-level": "none", "info": "0", "pools": "none", "frame-threads": "1", "wpp": "0"},
        gops={
            "stock": {},
            "ippp": _X265_FLAT | {"keyint": _NEVER, "ref": "1"},
            "intra": _X265_FLAT | {"keyint": "1"},
        },
        clean=hevc_without_sei,
        sides=(2, 16),
    ),
    "jpeg": Encoder(library="JPEG", native=(1, 100), presets={"medium": ""}, better="high", colour="jfif"),
}
