"""The base of all analysers: frames → batches in [0, 1] → frozen network → response → scores of what was coded.

A subclass says of which ``kind`` it is, which scores it has (``picture_scores``, ``clip_scores``), how one is measured
(``measure``) and what a training minimises (``divergence``, or the whole of ``task_loss``).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from mvlib._checks import check_unit
from mvlib.errors import InputError

from .agreement import feature_distance, features, watching

_ON_GPU = 32  # frames at a time
# A preprocessor may overshoot [0, 1] a little before it is clamped; a picture in 0..255 is far outside.
_BOUNDS = -1.0, 2.0


@dataclass(frozen=True)
class Response:
    """The response of an analyser to B pictures, or to a clip.

    Attributes:
        output: what its ``forward`` gives.
        maps: of its late layers, where they were wanted.
        objects: of a detector, a picture each.
    """

    output: Any
    maps: list[Tensor] = field(default_factory=list)
    objects: list = field(default_factory=list)


class Found(NamedTuple):
    """A score that belongs to a whole set: objects that are there and objects that were found, picture by picture."""

    truth: list
    found: list
    classes: int


class Analyser(nn.Module):
    """A frozen network behind its own preprocessing, for coded pictures or clips.

    Weights do not require gradients, and the network stays in eval mode even when a module that contains it is put
    into training mode: batch statistics must not drift with the pictures that a codec damaged.

    Attributes:
        kind: "classifier", "detector", "recogniser", "tracker", or a word of your own.
        takes_clips: whether it is given whole clips (B, T, 3, H, W); else pictures (B, 3, H, W), of a clip every frame.
        picture_scores, clip_scores: names of the scores that it has for pictures and for clips.
        scales: of scores that this package does not know: "accuracy" (a share, 1 is best) or "distance" (0 is best,
            decibels on a curve).
        differentiable: whether a training can use its output, and "features" the maps of its late layers.
        batch: frames at a time on a CPU, as fit its caches.
        name: what ``load`` was called with.
        classes: names of the C classes, in the order of the logits; empty: not known, then labels do not count.

    Example:
        >>> import torch
        >>> from mvlib.analysers import Analyser
        >>> class Brightness(Analyser):
        ...     kind, picture_scores, scales = "meter", ("darker",), {"darker": "distance"}
        ...
        ...     def forward(self, x):  # pictures (B, 3, H, W) -> (B,)
        ...         return self.checked(x).mean((1, 2, 3))
        ...
        ...     def divergence(self, clean, coded):
        ...         return (clean - coded).square()
        ...
        ...     def measure(self, score, clean, coded, samples):
        ...         return self.divergence(clean.output, coded.output)
        >>> meter = Brightness(torch.nn.Identity(), name="brightness")
        >>> meter.task_loss(torch.ones(2, 3, 8, 8), torch.zeros(2, 3, 8, 8))
        tensor([1., 1.])
    """

    kind: ClassVar[str] = "analyser"
    takes_clips: ClassVar[bool] = False
    picture_scores: ClassVar[tuple[str, ...]] = ()
    clip_scores: ClassVar[tuple[str, ...]] = ()
    scales: ClassVar[Mapping[str, str]] = {}
    differentiable: ClassVar[bool] = True
    batch: ClassVar[int] = 2

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        *,
        name: str,
        classes: Sequence[str] = (),
        mean: Sequence[float] = (0.0,) * 3,
        std: Sequence[float] = (1.0,) * 3,
    ) -> None:
        super().__init__()
        self.name, self.classes = name, tuple(classes)
        self.network = network.requires_grad_(False)
        for which, values in (("mean", mean), ("std", std)):
            buffer = torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)
            self.register_buffer(which, buffer, persistent=False)
        self.train(False)

    def train(self, mode: bool = True) -> "Analyser":
        """Stay in eval mode whatever ``mode`` says (see the class)."""
        return super().train(False)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.mean.device

    @torch.compiler.disable  # it reads values, which a compiled graph cannot do halfway
    def checked(self, x: Tensor) -> Tensor:
        """``x`` in the type that it computes in; its gradient passes.

        Args:
            x: float RGB in [0, 1]: pictures (B, 3, H, W), or clips (B, T, 3, H, W) with T of 2 or more.

        Raises:
            TypeError: not a floating-point tensor.
            ValueError: wrong shape, values far outside [0, 1] (a picture in 0..255), or one that is no number.
        """
        name, shape, dims = "a picture", "(B, 3, H, W)", 4
        if self.takes_clips:
            name, shape, dims = "a clip", "(B, T, 3, H, W) with T of 2 or more", 5
        check_unit(name, x, f"{shape}, for a single one x[None]", (dims,), _BOUNDS, least=2)
        return x.to(self.mean.dtype)

    def scores_of(self, clips: bool) -> tuple[str, ...]:
        """Names of its scores for pictures, or for ``clips``; "features" is a measure for training, only on demand."""
        return self.clip_scores if clips else self.picture_scores

    # What a training minimises.

    def divergence(self, clean: Any, coded: Any) -> Tensor:
        """What coding took from the clean output, (B,), 0 for equal ones; differentiable in ``coded``."""
        raise NotImplementedError(f"{self.name} does not say how two of its outputs differ")

    def task_loss(
        self, clean: Tensor, decoded: Tensor, task: str = "output", reference: Any = None
    ) -> Tensor:
        """What coding took from what it sees, (B,); differentiable in ``decoded``.

        Args:
            clean, decoded: pictures (B, 3, H, W) or clips (B, T, 3, H, W) in [0, 1]. Of clips, an analyser of pictures
                sees every frame, and the mean over frames counts.
            task: "output", its ``divergence``; or "features", the distance of late maps in shares of their size.
            reference: what ``seen`` gave for ``clean``, where that is known; None: it looks.
        """
        if reference is None:
            with torch.no_grad():
                reference = self.seen(clean, task)
        measure: Callable[[Any, Any], Tensor] = feature_distance if task == "features" else self.divergence
        harm = measure(reference, self.seen(decoded, task))
        by_frame = clean.ndim == 5 and not self.takes_clips
        return harm.unflatten(0, clean.shape[:2]).mean(1) if by_frame else harm

    def seen(self, x: Tensor, task: str = "output") -> Any:
        """Its output for ``x``, or the maps of its late layers for task "features"; of clips as in ``task_loss``."""
        pictures = x.flatten(0, 1) if x.ndim == 5 and not self.takes_clips else x
        return features(self, pictures) if task == "features" else self(pictures)

    # What an evaluation counts. A sample has ``frames``, uint8 (T, H, W, 3), and what is known of them.

    def remember(self, samples: Sequence[Any], scores: Sequence[str]) -> Any:
        """What is kept of clean ``samples``, to compare coded ones with."""
        return list(self._responses([sample.frames for sample in samples], scores, clean=True))

    def compare(
        self, samples: Sequence[Any], clean: Any, coded: Sequence[np.ndarray], scores: Sequence[str]
    ) -> Mapping[str, np.ndarray | Found]:
        """The ``scores`` of coded versions of ``samples``: (n,) each, NaN where nothing is known, or ``Found``.

        Args:
            clean: what ``remember`` gave for these samples.
            coded: n of uint8 (T, H, W, 3).
        """
        parts: dict[str, list] = {score: [] for score in scores}
        place = 0
        for (count, before), (_, after) in zip(
            clean, self._responses(coded, scores, clean=False), strict=True
        ):
            batch = samples[place : place + count]
            place += count
            for score, values in parts.items():
                if score == "features":
                    values.append(_per_sample(feature_distance(before.maps, after.maps), count))
                else:
                    values.append(_per_sample(self.measure(score, before, after, batch), count))
        return {score: _joined(values) for score, values in parts.items()}

    def measure(self, score: str, clean: Response, coded: Response, samples: Sequence[Any]) -> Tensor | Found:
        """One score of a batch: (B,), a value a picture, for clips a value a clip or a frame; or ``Found``."""
        raise NotImplementedError(f"{self.name} does not say how {score} is measured")

    def respond(self, x: Tensor, scores: Sequence[str], clean: bool) -> Response:
        """What it makes of ``x``, what its ``forward`` takes, as far as ``scores`` need it."""
        maps: AbstractContextManager[list] = watching(self) if "features" in scores else nullcontext([])
        with maps as seen:
            output = self(x)
        return Response(output, seen)

    @torch.inference_mode()
    def _responses(
        self, frames: Sequence[np.ndarray], scores: Sequence[str], clean: bool
    ) -> Iterable[tuple[int, Response]]:
        """Samples in a batch, and the response to it."""
        for batch in self._batches(frames):
            x = torch.from_numpy(batch).to(self.device).permute(0, 1, 4, 2, 3).float().div(255)
            yield len(batch), self.respond(x if self.takes_clips else x.flatten(0, 1), scores, clean)

    def _batches(self, frames: Sequence[np.ndarray]) -> Iterable[np.ndarray]:
        """Neighbours of one shape, stacked: (n, T, H, W, 3)."""
        most = _ON_GPU if self.device.type == "cuda" else self.batch
        for shape, same in groupby(frames, key=lambda sample: sample.shape):
            alike, size = list(same), 1 if shape[0] > 1 else most
            for i in range(0, len(alike), size):
                yield np.stack(alike[i : i + size])


def _per_sample(values: Tensor | Found, count: int) -> np.ndarray | Found:
    if isinstance(values, Found):
        return values
    if values.numel() % count:
        raise InputError(
            f"{values.numel()} values of a score for {count} pictures or clips; give one for each"
        )
    return values.detach().reshape(count, -1).mean(1).double().cpu().numpy()


def _joined(parts: list) -> np.ndarray | Found:
    if isinstance(parts[0], Found):
        truth, found = ([o for p in parts for o in p[which]] for which in (0, 1))
        return Found(truth, found, parts[0].classes)
    return np.concatenate(parts)
