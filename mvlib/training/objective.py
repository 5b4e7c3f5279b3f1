"""The loss of a training: pictures or clips → virtual codec → analysers → first-order BD-rate, in shares of 1."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mvlib._imports import is_import_path
from mvlib._interruption import result_of
from mvlib._planes import to_frames
from mvlib._precision import computing_in
from mvlib.codecs import Codec, Coded, RealCodec
from mvlib.codecs.codec import fingerprint
from mvlib.errors import InputError, InputTypeError
from mvlib.virtual.base import VirtualOut, with_real_values
from mvlib.virtual.codec import VirtualCodec

from .experiment import TASKS, Training, VideoTraining
from .guides import coding_loss, frozen, load_guide, reference_of
from .own_slope import OwnSlope, own_slopes
from .slope import Slope, measured_slopes
from .tiles import SIDE, in_tiles

Loss = Callable[[nn.Module, Tensor, Tensor, Sequence[Any] | None], Tensor]
"""Of one's own: (analyser, clean, decoded, targets) → (B,), differentiable in ``decoded``."""


@dataclass
class Kept:
    """Work that steps on the same clean pictures at the same QPs share; filled by the first of them.

    Attributes:
        references: by analyser, what it makes of the clean pictures as a whole.
        slopes: by codec and analyser, where no curves were measured: those of the pictures themselves.
        choices: by codec, what the virtual one chose in the first step; None: it chooses anew in each.
        decoded: what the codec made of the pictures it was given last.
    """

    references: dict[str, Any] = field(default_factory=dict)
    slopes: dict[tuple[str, str], OwnSlope] = field(default_factory=dict)
    choices: dict[str, list] | None = field(default_factory=dict)
    decoded: Tensor | None = None


class Objective(nn.Module):
    """First-order BD-rate of a batch: (bpp + slope x task loss, averaged over analysers) / bpp of the codec alone.

    Args:
        training: its names say what is loaded where no objects are given.
        analysers: networks by title, or names of some; they are frozen.
        codecs: ``codec(clip, qp)`` with ``.frames`` and ``.bits``, differentiable, by title; or names of virtual ones.
        slopes: what a unit of task loss is worth, by the titles of codec and analyser; None reads measured curves.
        loss: what coding took from an analyser; None is the loss of ``training.task``.
        real: whose values count in the forward pass, whichever virtual codec gives the gradient; None: as
            ``training.route`` says.
    """

    def __init__(
        self,
        training: Training,
        *,
        analysers: Mapping[str, str | nn.Module] | None = None,
        codecs: Mapping[str, str | Callable] | None = None,
        slopes: Mapping[tuple[str, str], Slope] | None = None,
        loss: Loss | None = None,
        real: Codec | None = None,
    ):
        super().__init__()
        self.options, self.loss = training, loss
        clips = isinstance(training, VideoTraining)
        if analysers is None:
            analysers = {name: name for name in training.analysers if training.task in TASKS}
        codecs = codecs or {name: name for name in training.codecs}
        # No ModuleDict: a name such as "timm/resnet50.a1_in1k" has a dot.
        self.analysers = {
            t: load_guide(a, clips) if isinstance(a, str) else frozen(a) for t, a in analysers.items()
        }
        named = {title: name for title, name in codecs.items() if isinstance(name, str)}
        self.own_codecs = codecs.keys() - named.keys()
        self.codecs = {title: virtual_codec(codec, training) for title, codec in codecs.items()}
        self.parts = nn.ModuleList(
            part for part in (*self.analysers.values(), *self.codecs.values()) if isinstance(part, nn.Module)
        )
        if slopes is None:  # of analysers that are imported there are no curves but those of ``anchor``
            curves = training.anchor is not None or not any(map(is_import_path, training.analysers))
            slopes = measured_slopes(training) if curves else {}
        self.slopes = dict(slopes)
        self.real, self.real_versions = dict.fromkeys(self.codecs, real) if real else {}, {}
        if training.route == "real_forward":
            self.real = {title: RealCodec(name, gop=training.gop) for title, name in named.items()}
            self.real_versions = {title: fingerprint(name) for title, name in named.items()}

    def forward(
        self,
        x: Tensor,
        y: Tensor,
        qp: Tensor,
        codec: str,
        view: Callable[[Tensor], Tensor] | None = None,
        targets: Sequence[Any] | None = None,
        kept: Kept | None = None,
    ) -> dict[str, Tensor]:
        """Loss and its parts, means over the batch.

        Args:
            x, y: clean and preprocessed, pictures (B, 3, H, W) or clips (B, T, 3, H, W), in [0, 1].
            qp: (B,).  codec: which one codes.
            view: what of the clean and the decoded pictures the analysers look at, as a crop; None is all.
            targets: what is known of each picture or clip, for a loss of one's own.
            kept: what calls on the same ``x`` and ``qp`` share, at first empty; None shares nothing.
        Returns:
            bpp counts the pixels of every frame.
        """
        t, kept = self.options, Kept() if kept is None else kept
        slopes = self.slopes_for(x, qp, codec, kept)
        choices = None if kept.choices is None else kept.choices.setdefault(codec, [])
        bpp, decoded = self.coded(y, qp, codec, choices)
        kept.decoded = decoded.detach()
        parts = {"bpp": bpp.mean()}
        task: Tensor | float = 0.0
        shown = (x, decoded) if view is None else (view(x), view(decoded))
        known = kept.references if view is None else {}
        for name, lost in self.losses(*shown, targets, known).items():
            task = task + slopes[name](qp) * lost / len(self.analysers)
            parts[f"lost {name}"] = lost.mean()
        error = (y - x).square().flatten(1).mean(1) * 255**2
        anchor = slopes[next(iter(self.analysers))].bpp(qp)
        loss = (bpp + t.slope_scale * task + t.fidelity * error / 100) / anchor
        return {"loss": loss.mean(), "rate": (bpp / anchor).mean(), "error": error.mean(), **parts}

    def coded(self, y: Tensor, qp: Tensor, codec: str, choices: list | None = None) -> tuple[Tensor, Tensor]:
        """Bits per pixel (B,) and the decoded pictures or clips, of the shape of ``y``."""
        clips = y.ndim == 5
        out = self.code(y if clips else y[:, None], qp, codec, choices)
        return out.bits / (y[0].numel() / 3), out.frames if clips else out.frames[:, 0]

    def begin(self, same_choices: bool = True) -> Kept:
        """Something empty to keep in what calls on the same pictures share, the codec's choices if ``same_choices``."""
        return Kept(choices={} if same_choices else None)

    @torch.no_grad()
    def values(self, y: Tensor, qp: Tensor, codec: str) -> tuple[Tensor, Tensor]:
        """As ``coded`` without a gradient; where a real encoder gives the values, no virtual one runs."""
        if codec not in self.real:
            return self.coded(y, qp, codec)
        clip = y if y.ndim == 5 else y[:, None]
        blank = VirtualOut(clip, qp, clip.new_zeros(clip.shape[:2]), [])
        out = with_real_values(blank, clip, "qp", qp, EncodingAhead(self.real[codec], clip, qp))
        return out.bits / (y[0].numel() / 3), out.frames if y.ndim == 5 else out.frames[:, 0]

    def slopes_for(self, x: Tensor, qp: Tensor, codec: str, kept: Kept) -> dict[str, Slope | OwnSlope]:
        """What a unit of each analyser's loss is worth: as measured before, or else on ``x`` itself."""
        unknown = [n for n in self.analysers if (codec, n) not in self.slopes | kept.slopes]
        if unknown:
            kept.slopes |= {(codec, n): s for n, s in own_slopes(self, x, qp, codec).items() if n in unknown}
        return {n: self.slopes.get((codec, n)) or kept.slopes[codec, n] for n in self.analysers}

    def losses(
        self,
        clean: Tensor,
        decoded: Tensor,
        targets: Sequence[Any] | None = None,
        known: dict[str, Any] | None = None,
    ) -> dict[str, Tensor]:
        """What coding took from each analyser: (B,) by name. ``known``: what they make of ``clean``, filled here."""
        found, known = {}, {} if known is None else known
        for name, analyser in self.analysers.items():
            with computing_in(self.options.precision, clean.device):
                if self.loss is None:
                    if name not in known:
                        known[name] = reference_of(analyser, clean, self.options.task)
                    found[name] = coding_loss(analyser, clean, decoded, self.options.task, known[name])
                else:
                    found[name] = self.loss(analyser, clean, decoded, targets)
            if not isinstance(found[name], Tensor) or found[name].shape != clean.shape[:1]:
                shape = tuple(getattr(found[name], "shape", ()))
                raise InputError(
                    f"the loss of {name} has shape {shape} for {len(clean)} items; give ({len(clean)},)"
                )
        return found

    def code(self, clip: Tensor, qp: Tensor, codec: str, choices: list | None = None) -> VirtualOut:
        """The ``VirtualOut`` of clips (B, T, 3, H, W) at qp (B,), by the training's route; own codecs take theirs.

        choices: as ``VirtualCodec`` keeps them.
        """
        if codec in self.own_codecs:
            return self.codecs[codec](clip, qp)
        virtual = self.codecs[codec]
        more: dict[str, Any] = {"route": self.options.rounding}
        if isinstance(self.options, VideoTraining) and clip.shape[1] > 1:
            more["through"] = self.options.through
        real = EncodingAhead(self.real[codec], clip, qp) if codec in self.real else None
        if not isinstance(virtual, VirtualCodec):
            return virtual(clip, qp, real=real, **more)
        if max(clip.shape[-2:]) <= SIDE:
            return virtual(clip, qp, real=real, choices=choices, **more)
        out = in_tiles(virtual, clip, qp, choices, **more)
        return out if real is None else with_real_values(out, clip, "qp", qp, real)


def virtual_codec(codec: str | Callable, training: Training) -> Callable:
    """The virtual codec of that name, as ``training`` tells it, or the object ``codec`` itself."""
    if isinstance(codec, str):
        return VirtualCodec.like(codec, training.gop, training.fitted_rate)
    if isinstance(codec, Codec) or not callable(codec):
        raise InputTypeError(
            f"codec {codec!r} gives no gradient; give the name of a virtual one (with route='real_forward' the values "
            "are the real encoder's), or an object codec(clip, qp) with differentiable .frames and .bits"
        )
    return codec


class EncodingAhead:
    """A real codec that begins with every clip of a batch at once, and then gives one after the other.

    Its encoders run on the CPU in processes of their own, the virtual codec on the GPU or in this process: begun first
    and waited for last, they cost only what the virtual codec does not cover.

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
