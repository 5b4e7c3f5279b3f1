"""Real encoding beside the virtual: batch → worker processes begin → (the virtual codec works) → results, in order.

The real encoders run on the CPU in processes of their own, the virtual codec on the GPU or in this process: begun
first and waited for last, the encoders cost only what the virtual codec does not cover.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from torch import Tensor

from mvlib._interruption import result_of
from mvlib._planes import to_frames
from mvlib.codecs import Codec, Coded


class EncodingAhead:
    """A real codec that begins with every clip of a batch at once, and then gives one after the other.

    Args:
        codec: the real one.
        clip: (B, T, 3, H, W) in [0, 1].  qp: (B,), rounded.
        workers: processes; None is one per core that this process may use.
    """

    def __init__(self, codec: Codec, clip: Tensor, qp: Tensor, workers: int | None = None) -> None:
        frames, qps = to_frames(clip), [round(q) for q in qp.tolist()]
        thread = ThreadPoolExecutor(1, "real encoding")
        self._coded = thread.submit(codec.map, list(frames), qps, workers=workers)
        thread.shutdown(wait=False)
        self._taken = 0

    def __call__(self, frames: np.ndarray, qp: float) -> Coded:
        """The next clip, coded; waits until all are. ``frames`` and ``qp`` are those it was begun with."""
        self._taken += 1
        return result_of(self._coded)[self._taken - 1]
