"""What stands before (and after) the codec: picture → prepare → codec → restore → analyser.

A condition is one row of the results table: a baseline, one of the cheap things that any learned preprocessor must beat
(nothing at all, a light Gaussian blur, sending a smaller picture); trained weights or refinement, by name; or a module
or function of one's own, which is checked.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property, partial
from os import PathLike, fspath

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as TF

from mvlib._planes import to_frames, to_pictures
from mvlib._store import digest
from mvlib.errors import InputError, InputTypeError
from mvlib.preprocess import Preprocessor, Refinement, VideoPreprocessor, preprocess_frames
from mvlib.refined import load_for
from mvlib.training.objective import Objective

from .experiment import KINDS, split_title
from .identity import facts, libraries

Frames = np.ndarray  # uint8 (T, H, W, 3)
Prepare = Callable[[Frames, float], Frames]
Restore = Callable[[Frames, tuple[int, int]], Frames]
Step = str | PathLike | nn.Module | Prepare
_BATCH = 8  # frames of an own module at a time


@dataclass(frozen=True)
class Condition:
    """A named pair of steps around the codec.

    Attributes:
        prepare: (frames uint8 (T, H, W, 3), qp) -> frames uint8 (T, h, w, 3), what the encoder is given.
        restore: (decoded frames, (H, W)) -> frames uint8 (T, H, W, 3), what the analyser is given.
        depends_on_qp: whether ``prepare`` looks at qp; if not, it runs once for all QPs.
        weights: digests of the trained networks in it, and of all else that it depends on; empty without any.
        in_time: whether ``prepare`` looks from frame to frame; if not, pictures that have nothing to do with each
            other may be prepared together.
    """

    name: str
    prepare: Prepare
    restore: Restore
    depends_on_qp: bool = False
    weights: str = ""
    in_time: bool = False

    @cached_property
    def identity(self) -> str:
        """What its numbers depend on: another row of the same identity has the same numbers."""
        return self.weights or digest(self.name, *facts((self.prepare, self.restore)))

    @property
    def untouched(self) -> bool:
        """Whether the encoder is given the pictures as they are."""
        return self.prepare is _unchanged


def _on_tensor(frames: Frames, function: Callable[[Tensor], Tensor]) -> Frames:
    x = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float()
    y = function(x).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(y.permute(0, 2, 3, 1).numpy())


def gaussian_blur(frames: Frames, qp: float = 0, *, sigma: float) -> Frames:
    """Frames blurred by a Gaussian of ``sigma`` pixels; the kernel reaches at least 3 sigma to each side."""
    size = 2 * int(np.ceil(3 * sigma)) + 1
    return _on_tensor(frames, partial(TF.gaussian_blur, kernel_size=[size, size], sigma=[sigma, sigma]))


def downscale(frames: Frames, qp: float = 0, *, factor: float) -> Frames:
    """Frames at ``factor`` of both sides (antialiased bicubic), sides rounded to even numbers of at least 16."""
    size = [max(16, 2 * round(side * factor / 2)) for side in frames.shape[1:3]]
    return _on_tensor(
        frames, partial(TF.resize, size=size, interpolation=TF.InterpolationMode.BICUBIC, antialias=True)
    )


def upscale(frames: Frames, size: tuple[int, int]) -> Frames:
    """Frames resized (bicubic) to ``size`` = (H, W)."""
    return _on_tensor(
        frames,
        partial(TF.resize, size=list(size), interpolation=TF.InterpolationMode.BICUBIC, antialias=True),
    )


def denoise(frames: Frames, qp: float = 0, *, strength: float = 0.75, scale: float = 10.0) -> Frames:
    """Frames smoothed by a recursive filter in time, the kind that players and encoders come with.

    y[t] = x[t] + k (y[t-1] - x[t]) with k = strength * exp(-((x[t] - y[t-1]) / scale)^2), per sample: what hardly
    changed is taken for noise, what changed by much more than ``scale`` grey levels for motion.
    """
    out = frames.astype(np.float32)
    for t in range(1, len(out)):
        news = out[t] - out[t - 1]
        out[t] -= strength * np.exp(-((news / scale) ** 2)) * news
    return out.round().clip(0, 255).astype(np.uint8)


def _unchanged(frames: Frames, _: object = None) -> Frames:
    return frames


_STEPS: tuple[tuple[Prepare, Restore], ...] = (
    (_unchanged, _unchanged),
    (partial(gaussian_blur, sigma=0.5), _unchanged),
    (partial(gaussian_blur, sigma=0.8), _unchanged),
    (partial(downscale, factor=0.75), upscale),
    (partial(downscale, factor=0.5), upscale),
    (denoise, _unchanged),
)
BASELINES: dict[str, Condition] = {
    name: Condition(name, *steps, in_time=steps[0] is denoise)
    for name, steps in zip(KINDS["clips"].conditions, _STEPS, strict=True)
}


def learned(
    where: str, qps: Sequence[float] = (), title: str | None = None, device: torch.device | str = "cpu"
) -> Condition:
    """Preprocessors by name before the codec, told the QP: trained ones, or refinement of each picture.

    Args:
        where: name or path as for ``load_preprocessor``. With ``{qp}`` in it, it stands for one network per QP,
            "runs/only_{qp}/preprocessor.safetensors", each used at its own QP alone.
        qps: the QPs that a ``{qp}`` will take.
        title: what results call it; None: what it is loaded from.
        device: where the networks work.
    """
    files = {qp: where.replace("{qp}", str(qp)) for qp in qps}
    networks = {file: load_for(file, device) for file in dict.fromkeys(files.values())}
    identity = [*map(_identity, networks.values()), digest(*facts((preprocess_frames, *networks.values())))]
    for network in networks.values():
        network.to(device)

    def prepare(frames: Frames, qp: float) -> Frames:
        nearest = min(files, key=lambda at: abs(at - qp))
        return preprocess_frames(networks[files[nearest]], frames, qp)

    in_time = any(isinstance(network, VideoPreprocessor) for network in networks.values())
    by_qp = len(networks) > 1 or any(network.uses_qp for network in networks.values())
    return Condition(title or where, prepare, _unchanged, by_qp, " ".join(identity), in_time)


def _identity(network: Preprocessor) -> str:
    """What a reader recognises it by; all that it holds is digested besides."""
    if isinstance(network, Refinement) and isinstance(network.clips, Objective):
        return f"{network.config} in {network.clips.options.precision}"
    return network.card.get("sha256", "")


def condition(name: str, qps: Sequence[float], device: torch.device | str = "cpu") -> Condition:
    """The baseline ``name``, or else the preprocessor of that name or path (refinement too), on ``device``."""
    if name in BASELINES:
        return BASELINES[name]
    title, where = split_title(name)
    return learned(where, qps, title, device)


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
            return replace(BASELINES[where], name=title)
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

    return Condition(title, prepare, _unchanged, uses_qp, weights, in_time)


def _frames_through(module: nn.Module, in_time: bool, device: torch.device | str) -> Prepare:
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
