"""The differentiable codec: clip, qp → prediction → transform → quantisation → decoded clip, bits.

What each module does is said in its first line; ``codec.py`` is the one call that joins them.
"""

from .base import VirtualOut
from .codec import VirtualCodec
from .jpeg import VirtualJpeg

__all__ = ["VirtualCodec", "VirtualJpeg", "VirtualOut"]
