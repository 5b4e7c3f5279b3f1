"""Real encoders behind one call: frames (T, H, W, 3) → encoder → bits → decoder → frames (T, H, W, 3).

    from mvlib.codecs import RealCodec
    coded = RealCodec("x265", preset="medium", gop="stock")(frames, qp=37)

Nothing here imports torch: worker processes start quickly and stay small.
"""

from .base import Codec
from .codec import RealCodec, versions
from .coded import Coded, Stream
from .colour import rgb_to_yuv420, yuv420_to_rgb
from .command import CommandCodec
from .encoders import ENCODERS, GOPS, QP_MAX
from .options import available

__all__ = [
    "ENCODERS", "GOPS", "QP_MAX", "Codec", "Coded", "CommandCodec", "RealCodec", "Stream", "available",
    "rgb_to_yuv420", "versions", "yuv420_to_rgb",
]  # fmt: skip
