"""The work of a move of a control: picture or clip, codec, QP → preprocessor → real encoder → analysers → ``Look``."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from mvlib._numbers import psnr
from mvlib.analysers import Analyser, Classifier, kl_to_clean, load
from mvlib.analysers.actions import Recogniser
from mvlib.analysers.actions.recogniser import fit_frames
from mvlib.analysers.trackers import Tracker
from mvlib.analysers.trackers.overlap import overlaps, sequence_scores
from mvlib.codecs import RealCodec
from mvlib.codecs.coded import Coded
from mvlib.datasets import ACTIONS
from mvlib.errors import InputError, InputTypeError
from mvlib.preprocess import preprocess_frames
from mvlib.refined import load_preprocessor
from mvlib.samples import Sample

# Of coded frames that are remembered, and of what the encoder was given: 25 clips of 16 frames at 224x224.
_KEPT_BYTES = 120_000_000
_SLOW = 0.25
"""Seconds that a preprocessor may take before something else is shown in the meantime."""
WINDOW = 16
"""Frames that a recogniser is given, at most: the length in the training of those of the package."""

Prepare = Callable[[np.ndarray, float], np.ndarray]
"""A preprocessor as a function: (frames uint8 (T, H, W, 3), QP) → frames of the same shape."""
Part = TypeVar("Part")


class Before(NamedTuple):
    """A preprocessor by name, and how much of its change is made."""

    name: str
    strength: float = 1.0
    """0 leaves the picture alone, 1 is what was trained."""


class Version(NamedTuple):
    """A sample as it came out of a codec; without a codec as it went in."""

    sample: str
    codec: str = ""
    qp: int = 0
    before: Before | None = None


@dataclass(frozen=True, eq=False)
class Look:
    """A picture (T is 1) or a clip after coding, and what analysers see in it.

    Attributes:
        sample: the frames as they are, and what is known of them.
        version: codec, QP and preprocessor.
        given: uint8 (T, H, W, 3), what the encoder was given.
        written: what it wrote and gave back.
        clean_log, coded_log: logarithms of class probabilities (T, C) in the original and the decoded frames, see
            ``log_probabilities``; None without a classifier or recogniser.
        classes: names of the C classes.
        clean_track, track: boxes (T, 4) that the tracker found in the original and the decoded clip, None without one.
        alone: the look without the preprocessor at the same QP; None where there is no preprocessor.
    """

    sample: Sample
    version: Version
    given: np.ndarray
    written: Coded
    clean_log: Tensor | None = None
    coded_log: Tensor | None = None
    classes: tuple[str, ...] = ()
    clean_track: np.ndarray | None = None
    track: np.ndarray | None = None
    alone: "Look | None" = None

    @property
    def decoded(self) -> np.ndarray:
        return self.written.frames

    @cached_property
    def psnr(self) -> float:
        """Of all frames together, over the three colour planes, in dB."""
        return psnr(self.sample.frames, self.decoded)

    @cached_property
    def clean(self) -> Tensor:
        """Class probabilities (T, C) of the original frames."""
        return seen(self.clean_log).exp()

    @cached_property
    def coded(self) -> Tensor:
        """Class probabilities (T, C) of the decoded frames."""
        return seen(self.coded_log).exp()

    @property
    def known(self) -> bool:
        """Whether the true action is known, and one of the classes."""
        return self.classes == ACTIONS and self.sample.label is not None

    @property
    def target(self) -> int:
        """The true action if it is known, else the likeliest class of the whole original."""
        label = self.sample.label if self.known else None
        return int(self.clean[-1].argmax()) if label is None else label

    @property
    def kept(self) -> float:
        """Probability of ``target`` after coding, in [0, 1]."""
        return float(self.coded[-1, self.target])

    @cached_property
    def kl(self) -> float:
        """KL(clean ‖ coded) of the whole sample, in nats."""
        return float(kl_to_clean(seen(self.clean_log)[-1:], seen(self.coded_log)[-1:]))

    @cached_property
    def counted(self) -> np.ndarray:
        """Frames (T,) in which a track is scored: those with a known box, without any all; never the first."""
        visible = self.sample.visible
        counted = np.ones(len(self.sample.frames), bool) if visible is None else np.array(visible)
        counted[0] = False
        return counted

    def overlap(self, track: np.ndarray | None) -> np.ndarray:
        """Intersection over union (T,) of a track with the true boxes; NaN where none is known."""
        track, size = seen(track), self.sample.frames.shape[1:3]
        found = np.full(len(track), np.nan)
        found[self.counted] = overlaps(track[self.counted], seen(self.sample.boxes)[self.counted], size)
        return found

    def average_overlap(self, track: np.ndarray | None) -> float:
        """AO as in the evaluation, 0..1."""
        sample = self.sample
        size = sample.frames.shape[1:3]
        return sequence_scores(seen(track), seen(sample.boxes), size, sample.visible)["ao"]


def seen(part: Part | None) -> Part:
    """``part`` of a look; InputError where nobody looked for it."""
    if part is None:
        raise InputError(
            "nobody looked for this: choose a recogniser or a tracker, and a clip whose object is known"
        )
    return part


class Looker:
    """Codes samples and looks at them, and remembers: a version is coded once, and seen once by each analyser.

    Args:
        samples: name → frames and what is known of them.
        gop: of ``RealCodec``; "intra" codes a picture at exactly the QP that is wanted.
        functions: preprocessors by name; every other name is one for ``mvlib.load_preprocessor``.
        analysers: by name; every other name is one for ``mvlib.analysers.load``.
    """

    def __init__(
        self,
        samples: Mapping[str, Sample],
        gop: str = "stock",
        functions: Mapping[str, Prepare] | None = None,
        analysers: Mapping[str, Analyser] | None = None,
    ) -> None:
        self.samples = dict(samples)
        self._functions, self._analysers = dict(functions or {}), dict(analysers or {})
        self._points: defaultdict[tuple, dict[str, dict[int, tuple[float, float]]]] = defaultdict(dict)
        self._took: dict[str, float] = {}
        self._changed: set[tuple[str, int, str]] = set()
        kept = _KEPT_BYTES // max(2 * sample.frames.nbytes for sample in self.samples.values())
        self._codec = lru_cache(None)(partial(RealCodec, gop=gop))
        self._change = lru_cache(max(8, kept))(self._made_of)
        self._code = lru_cache(max(8, kept))(self._coded)
        self._see, self._follow = lru_cache(1024)(self._seen), lru_cache(1024)(self._followed)

    def look(self, version: Version, analyser: str | None = None, tracker: str | None = None) -> Look:
        """Code a version and let the analysers of these names look, or remember."""
        source, sample = Version(version.sample), self.samples[version.sample]
        given, written = self._code(version)
        found: dict[str, Any] = {}
        if analyser:
            found = {"classes": tuple(self.analyser(analyser).classes)}
            found |= {"clean_log": self._see(source, analyser), "coded_log": self._see(version, analyser)}
        if tracker and sample.boxes is not None:
            found |= {"clean_track": self._follow(source, tracker), "track": self._follow(version, tracker)}
        alone = self.look(version._replace(before=None), analyser, tracker) if version.before else None
        look = Look(sample, version, given, written, **found, alone=alone)
        if analyser:
            points = self.curves(version, analyser).setdefault(version.codec, {})
            points[version.qp] = written.bpp, look.kept
        return look

    def curves(self, version: Version, analyser: str) -> dict[str, dict[int, tuple[float, float]]]:
        """All that was measured of the same sample with the same preprocessor: codec → QP → (bpp, ``Look.kept``)."""
        return self._points[version.sample, version.before, analyser]

    def is_slow(self, version: Version) -> bool:
        """Whether the preprocessor of ``version`` still has to work on it, for long as far as one knows."""
        before = version.before
        if before is None or (version.sample, version.qp, before.name) in self._changed:
            return False
        return self._took.get(before.name, _SLOW) >= _SLOW

    def analyser(self, name: str) -> Analyser:
        """The analyser of that name, loaded when it is first needed."""
        if name not in self._analysers:
            self._analysers[name] = load(name)
        return self._analysers[name]

    def _frames(self, version: Version) -> np.ndarray:
        return self._code(version)[1].frames if version.codec else self.samples[version.sample].frames

    def _coded(self, version: Version) -> tuple[np.ndarray, Coded]:
        given, before = self.samples[version.sample].frames, version.before
        if before is not None:
            change = self._change(version.sample, version.qp, before.name).astype(np.float32) - given
            given = np.rint(given + before.strength * change).astype(np.uint8)
        return given, self._codec(version.codec)(given, qp=version.qp)

    def _made_of(self, sample: str, qp: int, name: str) -> np.ndarray:
        """What a preprocessor makes of a sample: the same for every strength and every codec."""
        if name not in self._functions:
            network = load_preprocessor(name)
            self._functions[name] = lambda frames, qp: preprocess_frames(network, frames, qp)
        original, began = self.samples[sample].frames, time.perf_counter()
        out = self._functions[name](original, qp)
        self._took[name] = time.perf_counter() - began
        self._changed.add((sample, qp, name))
        if getattr(out, "dtype", None) != np.uint8 or out.shape != original.shape:
            raise InputError(
                f"{name} makes {getattr(out, 'dtype', type(out).__name__)} {np.shape(out)} of frames "
                f"{original.shape}; it must return uint8 of the same shape"
            )
        return out

    def _seen(self, version: Version, name: str) -> Tensor:
        analyser = self.analyser(name)
        if not isinstance(analyser, Classifier | Recogniser):
            raise InputTypeError(f"{name} is a {analyser.kind}; give a classifier or a recogniser")
        return log_probabilities(analyser, self._frames(version))

    def _followed(self, version: Version, name: str) -> np.ndarray:
        tracker = self.analyser(name)
        if not isinstance(tracker, Tracker):
            raise InputTypeError(f"{name} is a {tracker.kind}; give a tracker")
        return tracker.track(self._frames(version), seen(self.samples[version.sample].boxes)[0])


@torch.inference_mode()
def log_probabilities(analyser: Classifier | Recogniser, frames: np.ndarray) -> Tensor:
    """Logarithms of class probabilities for each frame of uint8 (T, H, W, 3): (T, C).

    A classifier sees each frame by itself.  A recogniser sees what has come so far, at most the last ``WINDOW`` frames:
    a window that grows, and then slides.  After the last frame of a clip no longer than that, its answer is the one
    for the whole clip, as in the evaluation.  Nothing moves in a single frame, so its first row is NaN.
    """
    clip = torch.tensor(frames, device=analyser.mean.device).permute(0, 3, 1, 2).float() / 255
    if not isinstance(analyser, Recogniser):
        return analyser(clip).log_softmax(-1).cpu()
    clip = fit_frames(clip[None], len(frames), analyser.input_size[0])  # made small once, not at every frame
    answers = [analyser(clip[:, max(0, t - WINDOW) : t]) for t in range(2, len(frames) + 1)]
    log = torch.cat(answers).log_softmax(-1).cpu()
    return torch.cat([torch.full_like(log[:1], torch.nan), log])
