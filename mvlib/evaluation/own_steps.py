"""A preprocessor of one's own as a row of the results: module or function → checked, on its device → condition."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from os import PathLike, fspath

import numpy as np
import torch
from torch import Tensor, nn

from mvlib._planes import to_frames, to_pictures
from mvlib._store import digest
from mvlib.errors import InputError, InputTypeError
from mvlib.preprocess import Preprocessor, VideoPreprocessor, preprocess_frames

from .conditions import BASELINES, Condition, Frames, learned
from .identity import facts, libraries

Step = str | PathLike | nn.Module | Callable[[np.ndarray, float], np.ndarray]
_BATCH = 8  # frames at a time


def row_of(title: str, step: Step, qps: Sequence[float], device: torch.device | str = "cpu") -> Condition:
    """``step`` before the codec, as a row that results call ``title``.

    Args:
        step: a name or path as for ``load_preprocessor``, "refined:…" or a baseline; a module; or a function.
            A module takes float pictures (B, 3, H, W) in [0, 1] and qp (B,) and gives the same shape; of a clip it
            gets a few frames at a time, unless its attribute ``takes_clips`` is true: then (1, T, 3, H, W).
            It is copied and used in eval mode. A function takes uint8 frames (T, H, W, 3) of one picture or clip and
            the QP, and gives uint8 frames of the same shape.
        device: where a network works.
    Raises:
        TypeError: something else.  Else as ``load_preprocessor``.
    """
    if isinstance(step, str | PathLike):
        where = fspath(step)
        if where in BASELINES:
            base = BASELINES[where]
            return Condition(title, base.prepare, base.restore, in_time=base.in_time)
        return learned(where, qps, title, device)
    if not callable(step):
        raise InputTypeError(
            f"preprocessor {title!r} is {type(step).__name__}; give a name, a path, a torch.nn.Module, or a function "
            "of uint8 frames and qp"
        )
    weights, in_time, uses_qp = digest(*libraries(), *facts(step)), True, bool(getattr(step, "uses_qp", True))
    if isinstance(step, nn.Module):
        module = deepcopy(step).eval().to(device)
        in_time = isinstance(module, VideoPreprocessor) or bool(getattr(module, "takes_clips", False))
        step = _frames_through(module, in_time, device)

    def prepare(frames: Frames, qp: float) -> Frames:
        out = step(frames.copy(), qp)
        if not isinstance(out, np.ndarray) or out.dtype != np.uint8 or out.shape != frames.shape:
            got = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray | Tensor) else type(out).__name__
            raise InputError(
                f"preprocessor {title!r} gave {got} for uint8 frames {frames.shape}; give uint8 frames of that shape"
            )
        return np.ascontiguousarray(out)

    return Condition(title, prepare, lambda frames, _: frames, uses_qp, weights, in_time)


def _frames_through(
    module: nn.Module, in_time: bool, device: torch.device | str
) -> Callable[[Frames, float], Frames]:
    """``module`` as a function of uint8 frames and qp."""
    if isinstance(module, Preprocessor):
        return lambda frames, qp: preprocess_frames(module, frames, qp)

    @torch.inference_mode()
    def step(frames: Frames, qp: float) -> Frames:
        x = to_pictures(frames).to(device)
        parts = [x[None]] if in_time else x.split(_BATCH)
        y = torch.cat([_checked(module, part, qp).reshape(-1, *x.shape[1:]) for part in parts])
        return to_frames(y.float())

    return step


def _checked(module: nn.Module, x: Tensor, qp: float) -> Tensor:
    y = module(x, torch.full((len(x),), float(qp), device=x.device))
    if not isinstance(y, Tensor) or y.shape != x.shape or not y.isfinite().all():
        got = f"shape {tuple(y.shape)}" if isinstance(y, Tensor) else type(y).__name__
        raise InputError(
            f"{type(module).__name__} gave {got} for pictures {tuple(x.shape)}; give finite numbers of that shape"
        )
    return y
