"""Real encoders behind one call: frames (T, H, W, 3) → encoder → bits → decoder → frames (T, H, W, 3)."""

from .codec import RealCodec
from .coded import Coded
from .colour import rgb_to_yuv420, yuv420_to_rgb

__all__ = ["Coded", "RealCodec", "rgb_to_yuv420", "yuv420_to_rgb"]
