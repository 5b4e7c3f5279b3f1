"""Facts about each encoder: codec name → library, decoder, scale, presets, options.

One entry an encoder. The code that runs them (``video.py``, ``codec.py``) names no encoder.

GOP structures of the video codecs:

* ``stock``: the encoder as it comes at that preset, B frames and all, at constant quantiser.
* ``ippp``: one I, then P, one reference in x264 and x265, nothing adaptive, every frame at the given QP.
  SVT-AV1 cannot leave its mini-GOPs: frames are coded in display order but may refer further back than one.
* ``intra``: every frame I (in VP9 and AV1 a key frame), every frame at the given QP.

In ``stock`` each encoder moves the quantiser by frame type, I lower, B higher: x264 and x265 by -2.91 and +2.27 QP,
SVT-AV1 and VP9 (in its constant-quality mode) by amounts of their own, most for the first frame: at 40 of 63 SVT-AV1
codes it with 17. That pays where later frames refer to it; a clip of one picture those two code as ``intra``, or
their scales would end at qp 42. Still codecs and Motion JPEG are always intra.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from .bitstream import av1_without_metadata, without_sei

GOPS = ("stock", "ippp", "intra")
QP_MAX = 51
_NEVER = "100000"  # frames between two I: longer than any clip here


def _qp(native: float, gop: str) -> dict[str, str]:
    return {"qp": str(native)}


def _vp9_q(native: float, gop: str) -> dict[str, str]:
    # b=0 with crf is libvpx's constant quality; equal bounds leave no frame a quantiser of its own.
    bounds = {} if gop == "stock" else {"qmin": str(native), "qmax": str(native)}
    return {"crf": str(native), "b": "0"} | bounds


def _mjpeg_q(native: float, gop: str) -> dict[str, str]:
    return {"qmin": str(native), "qmax": str(native)}


def _quality(native: float, gop: str) -> dict[str, float]:
    return {"quality": native}


@dataclass(frozen=True)
class Encoder:
    """Facts about one encoder.

    Attributes:
        library: name in PyAV ("libx264"), or Pillow's format name for a still codec.
        native: lowest and highest value of the encoder's own scale.
        presets: name -> options of that preset. Codecs that number their presets take the number too.
        decoders: PyAV decoders, first choice first; empty for a still codec.
        params: the option that takes the encoder's parameters as ``key=value:…``; "" if each is its own option.
        always: parameters of every run: reproducible bytes, no text on the terminal. Not for the user to change.
        gops: parameters per GOP structure; the user's options go on top.
        quantiser: (native, gop) -> options that set the constant quantiser.
        clean: packet bytes -> bytes that count; all of them where a stream holds no messages.
        sides: (multiple, least) of width and height.
        global_header: parameter sets come apart from the packets, so that they are counted once.
        lone_is_intra: a single picture is coded as ``intra`` in every GOP structure.
        colour: see ``colour.py``; of no meaning where Pillow converts.
    """

    library: str
    native: tuple[int, int]
    presets: dict[str, dict]
    decoders: tuple[str, ...] = ()
    params: str = ""
    always: Mapping[str, str | int] = field(default_factory=dict)
    gops: dict[str, dict[str, str]] = field(default_factory=lambda: {gop: {} for gop in GOPS})
    quantiser: Callable[[float, str], dict] = _qp
    clean: Callable[[bytes], bytes] = bytes
    sides: tuple[int, int] = (2, 2)
    global_header: bool = False
    lone_is_intra: bool = False
    colour: str = "bt709"

    @property
    def still(self) -> bool:
        """True for codecs of single pictures, run by Pillow."""
        return not self.decoders

    def settings(self, preset: str, gop: str, options: dict, native: float, count: int) -> dict:
        """Complete options for the codec context, or for Pillow's writer, for a clip of ``count`` frames."""
        gop = "intra" if count == 1 and self.lone_is_intra else gop
        params = {**self.gops[gop], **options, **self.always}
        if self.params:
            params = {self.params: ":".join(f"{key}={value}" for key, value in params.items())}
        return {**self.presets[preset], **params, **self.quantiser(native, gop)}


def _named(key: str, names: str) -> dict[str, dict]:
    return {name: {key: name} for name in names.split()}


def _numbered(key: str, numbers: range, **names: int) -> dict[str, dict]:
    every = {str(n): {key: n} for n in numbers}
    return {name: {key: n} for name, n in names.items()} | every


_X26X = _named("preset", "ultrafast superfast veryfast faster fast medium slow slower veryslow placebo")
_SVT_PRESETS = _numbered(
    "preset", range(14),
    ultrafast=12, superfast=11, veryfast=10, faster=9, fast=8, medium=7, slow=5, slower=4, veryslow=3,
)  # fmt: skip
_VP9_PRESETS = _numbered(
    "cpu-used", range(6), ultrafast=5, veryfast=5, faster=4, fast=4, medium=3, slow=2, slower=1, veryslow=0
)
# The simple reference: nothing adapts, every frame has the given QP.
_FLAT = {"aq-mode": "0", "ipratio": "1", "pbratio": "1", "weightp": "0", "scenecut": "0", "bframes": "0"}
_X264 = _FLAT | {"psy": "0", "mbtree": "0"}
_X265 = _FLAT | {"psy-rd": "0", "psy-rdoq": "0", "cutree": "0"}
_SVT_FLAT = {
    "enable-tf": "0",
    "use-fixed-qindex-offsets": "1",
    "key-frame-qindex-offset": "0",
    "key-frame-chroma-qindex-offset": "0",
    "qindex-offsets": "[0,0,0,0,0,0]",
    "chroma-qindex-offsets": "[0,0,0,0,0,0]",
}
# Chroma in the middle. Unsaid, decoders assume it at the left, and colours move by a quarter of a pixel.
_SITING = {"chromaloc": "1"}

ENCODERS: dict[str, Encoder] = {
    "x264": Encoder(
        library="libx264",
        native=(0, 51),
        presets=_X26X,
        decoders=("h264",),
        params="x264-params",
        always={"threads": "1"} | _SITING,
        gops={
            "stock": {},
            "ippp": _X264 | {"keyint": _NEVER, "ref": "1"},
            "intra": _X264 | {"keyint": "1"},
        },
        clean=partial(without_sei, "h264"),
        global_header=True,
    ),
    "x265": Encoder(
        library="libx265",
        native=(0, 51),
        presets=_X26X,
        decoders=("hevc",),
        params="x265-params",
        always={"log-level": "none", "info": "0", "pools": "none", "frame-threads": "1", "wpp": "0"}
        | _SITING,
        gops={
            "stock": {},
            "ippp": _X265 | {"keyint": _NEVER, "ref": "1"},
            "intra": _X265 | {"keyint": "1"},
        },
        clean=partial(without_sei, "hevc"),
        sides=(2, 16),  # the smallest coding tree unit
        global_header=True,
    ),
    "svtav1": Encoder(
        library="libsvtav1",
        native=(1, 63),  # 0 would mean "not set" and give the default of 35
        presets=_SVT_PRESETS,
        decoders=("libdav1d", "av1"),
        params="svtav1-params",
        always={"lp": "1"},
        gops={
            "stock": {},
            "ippp": _SVT_FLAT | {"pred-struct": "1"},
            "intra": {"keyint": "1", "enable-tf": "0"},
        },
        clean=av1_without_metadata,
        sides=(2, 16),
        lone_is_intra=True,
    ),
    "vp9": Encoder(
        library="libvpx-vp9",
        native=(0, 63),
        presets=_VP9_PRESETS,
        decoders=("vp9", "libvpx-vp9"),
        always={"deadline": "good", "row-mt": "0", "threads": "1"},
        gops={
            "stock": {},
            "ippp": {"lag-in-frames": "0", "auto-alt-ref": "0", "aq-mode": "0", "g": _NEVER},
            "intra": {"lag-in-frames": "0", "auto-alt-ref": "0", "aq-mode": "0", "g": "0"},
        },
        quantiser=_vp9_q,
        lone_is_intra=True,
    ),
    "mjpeg": Encoder(
        library="mjpeg",
        native=(1, 69),
        presets={"medium": {}},
        decoders=("mjpeg",),
        always={"threads": "1"},
        quantiser=_mjpeg_q,
        colour="jfif",
    ),
    "jpeg": Encoder(
        library="JPEG",
        native=(1, 100),
        presets={
            "fast": {},  # the standard's example Huffman tables
            "medium": {"optimize": True},
            "slow": {"optimize": True, "progressive": True},
        },
        always={"subsampling": "4:2:0"},
        quantiser=_quality,
    ),
    "webp": Encoder(
        library="WEBP",
        native=(0, 100),
        presets=_numbered("method", range(7), ultrafast=0, veryfast=1, fast=2, medium=4, slow=5, slower=6),
        quantiser=_quality,
    ),
    "avif": Encoder(
        library="AVIF",
        native=(0, 100),
        presets=_numbered("speed", range(11), veryfast=10, fast=9, medium=8, slow=6, slower=4),
        always={"subsampling": "4:2:0", "max_threads": 1},
        quantiser=_quality,
    ),
}
# What Pillow's writers understand and what is free; see ``options.py`` for the others.
STILL_OPTIONS = {
    "jpeg": ("optimize", "progressive", "restart_marker_blocks", "qtables"),
    "webp": ("use_sharp_yuv",),
    "avif": ("autotiling", "tile_rows", "tile_cols", "advanced"),
}
