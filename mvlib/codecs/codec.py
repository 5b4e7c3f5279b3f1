"""The one call to a real codec: frames, qp → checks → encoder → bits, types and decoded frames."""

from __future__ import annotations

import numpy as np

from .coded import Coded
from .encoders import ENCODERS, GOPS, QP_MAX
from .stills import code_stills
from .video import code_clip


class RealCodec:
    """A real encoder and decoder at constant quantiser."""

    def __init__(self, name: str, preset: str = "medium", gop: str = "stock"):
        if name not in ENCODERS:
            raise ValueError(f"codec {name!r} is unknown; choose one of {', '.join(ENCODERS)}")
        if gop not in GOPS:
            raise ValueError(f"gop {gop!r} is unknown; choose one of {', '.join(GOPS)}")
        self.name, self.preset, self.gop = name, preset, gop
        self.encoder = ENCODERS[name]

    def __call__(
        self, frames: np.ndarray, qp: int | None = None, *, native: int | None = None, planes: bool = False
    ) -> Coded:
        """Encode and decode uint8 (T, H, W, 3)."""
        if (qp is None) == (native is None):
            raise ValueError(
                "give either qp (0..51) or native (the encoder's own scale), not both or neither"
            )
        if native is None:
            native = self.native(qp)
        frames = np.ascontiguousarray(frames)
        if self.encoder.still:
            coded = code_stills(self.encoder, frames, {"quality": native})
        else:
            coded = code_clip(self.encoder, frames, self._options(native), planes)
        coded.native, coded.codec = native, self.name
        return coded

    def native(self, qp: int) -> int:
        """The encoder's own number for a QP of 0..51."""
        if not 0 <= qp <= QP_MAX:
            raise ValueError(f"qp {qp} is out of range; H.264/HEVC's scale is 0..51")
        if self.name in ("x264", "x265"):
            return int(qp)
        return round(float(np.interp(qp, (0, 22, 27, 32, 37, 42, 47, 51), (100, 93, 87, 75, 54, 29, 12, 5))))

    def _options(self, native: int) -> dict[str, str]:
        e = self.encoder
        params = e.always | e.gops[self.gop]
        return {
            e.preset_key: e.presets[self.preset],
            **e.qp(native),
            e.params: ":".join(f"{k}={v}" for k, v in params.items()),
        }
