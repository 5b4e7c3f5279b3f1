"""A preprocessor on decoded frames: uint8 → [0, 1] → network, a few frames at a time → rounded uint8."""

from itertools import pairwise
from typing import Any

import numpy as np
import torch

from mvlib._checks import check_uint8
from mvlib._numbers import whole
from mvlib._planes import to_frames
from mvlib.errors import InputError, InputTypeError

from .base import Preprocessor, VideoPreprocessor


@torch.inference_mode()
def preprocess_frames(
    module: Preprocessor, frames: np.ndarray, qp: float | np.ndarray, *, batch: int = 8
) -> np.ndarray:
    """The frames to encode: uint8 (T, H, W, 3), RGB, from ``frames`` of the same shape.

    Args:
        module: a preprocessor in eval mode; the frames go to its device and back. For one of video they are a
            clip, in order; for one of both, if qp is one number.
        frames: uint8 (T, H, W, 3), H and W at least 16.
        qp: what the codec will be given, 0..51: one number or, for an image preprocessor, one for each frame.
        batch: frames at a time.

    Raises:
        TypeError, ValueError: frames of another type or shape; qp as in ``Preprocessor.forward``.
    """
    check_uint8("the clip", frames)
    batch, qps = whole("batch", batch, 1), np.asarray(qp)
    if qps.dtype.kind not in "iuf":
        raise InputTypeError(f"qp is {qp!r}; give a number in 0..51, or one for each frame")
    out = np.empty_like(frames)
    if isinstance(module, VideoPreprocessor) and not (module.takes_pictures and qps.ndim):
        prepared: Any = InChunks(module)  # says itself what is wrong with qp
        for start, stop in pairwise([0, *range(max(batch, 2), len(frames), batch), len(frames)]):
            out[start:stop] = prepared(frames[start:stop], qp)
        return out
    if qps.shape not in ((), (len(frames),)):
        raise InputError(f"qp has shape {qps.shape} for {len(frames)} frames; give one number or one each")
    qps = np.broadcast_to(qps, len(frames)).astype(np.float32)
    for i in range(0, len(frames), batch):
        x = _to_tensor(module, frames[i : i + batch])
        out[i : i + batch] = to_frames(module(x, torch.tensor(qps[i : i + batch], device=x.device)))
    return out


class InChunks:
    """A video preprocessor in eval mode on a clip that comes in chunks: each call takes the next one.

    The frames go to the module's device and back.
    """

    def __init__(self, module: VideoPreprocessor) -> None:
        self._module, self._state = module, None

    @torch.inference_mode()
    def __call__(self, frames: np.ndarray, qp: float) -> np.ndarray:
        """The frames to encode, uint8 (T, H, W, 3), at ``qp``, 0..51. The first chunk should hold two: what moves?"""
        x = _to_tensor(self._module, frames)[None]
        y, self._state = self._module.stream(x, qp, self._state)
        return to_frames(y[0])


def _to_tensor(module: Preprocessor, frames: np.ndarray) -> torch.Tensor:
    device = next((p.device for p in module.parameters()), None)
    # A copy where rows run backwards, as of a flipped picture, which no tensor can.
    return torch.tensor(np.ascontiguousarray(frames), device=device).permute(0, 3, 1, 2).float().div(255)
