"""The differentiable codec: clip, qp → decoded clip, bits. The whole of it, in the order in which it is computed.

    base.py             every call: input checked, autocast off, a real codec's values in place of ours
    codec.py  jpeg.py   the virtual x264 and x265; JPEG, whose codes are counted exactly (scan.py)

    colour.py           RGB → Y, Cb, Cr 4:2:0 in 0..255, and back at the end
    codec.py            frame after frame: the first is an I frame, each later one predicted from the one before

    intra.py            an I frame: all blocks at once, in passes that settle what their neighbours decode to
      partition.py      which blocks, which modes: squared error + lambda · bits, a tree from small to large
      neighbours.py     the decoded samples around a block
      predictors.py     a mode as a matrix from these to the block
    inter.py            a P frame, given its decisions
      interpolate.py    the reference between its samples, all phases at once
      motion.py         where each block came from
      modes.py          skip, merge, inter or intra (fallback.py); the outcome is a Plan (plan.py)

    transform.py        what prediction leaves over → orthonormal coefficients
    quantise.py         coefficients / step → levels, by a rounding with a gradient
    loopfilter.py       deblocking; how strongly in a P frame: plan.py
    rate.py             levels, modes and vectors → bits (scan.py: order and context), with numbers fitted to the
                        encoder (settings.py, weights/; made by mvlib.calibration)

    settings.py         what makes one encoder unlike another, as numbers
    tables.py           constant tensors, made once

Decisions (blocks, modes, vectors, what is filtered) are hard and have no gradient; samples and bits have one.
"""

from .base import VirtualOut
from .codec import VirtualCodec
from .jpeg import VirtualJpeg

__all__ = ["VirtualCodec", "VirtualJpeg", "VirtualOut"]
