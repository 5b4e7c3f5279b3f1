"""What a move of a control needs: picture or clip, codec, QP → preprocessor → real encoder → analysers → ``Look``."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mvlib._numbers import psnr
from mvlib.analysers import Classifier, kl_to_clean, load
from mvlib.analysers.actions import Recogniser
from mvlib.analysers.actions.recogniser import fit_frames
from mvlib.analysers.trackers import Tracker
from mvlib.analysers.trackers.overlap import overlaps, sequence_scores
from mvlib.codecs import RealCodec
from mvlib.codecs.coded import Coded
from mvlib.datasets import ACTIONS
from mvlib.errors import InputError
from mvlib.preprocess import load_preprocessor, preprocess_frames
from mvlib.samples import Sample

# Of coded frames that are remembered, and of what the encoder was given: 25 clips of 16 frames at 224x224.
_KEPT_BYTES = 120_000_000
WINDOW = 16
"""Frames that a recogniser looks at, at most: the length that those of the package were taught on."""

Prepare = Callable[[np.ndarray, float], np.ndarray]
"""What may stand in front of a codec: (frames uint8 (T, H, W, 3), QP) → frames of the same shape."""
Analyser = Classifier | Recogniser | Tracker


class Before(NamedTuple):
    """What stands in front of the codec: a preprocessor by name, and how much of its change is made."""

    name: str
    strength: float = 1.0
    """0 leaves the picture alone, 1 is what was trained."""


class Version(NamedTuple):
    """A sample as it came out of a codec; without a codec as it went in."""

    sample: str
    codec: str | None = None
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
        return self.clean_log.exp()

    @cached_property
    def coded(self) -> Tensor:
        """Class probabilities (T, C) of the decoded frames."""
        return self.coded_log.exp()

    @property
    def known(self) -> bool:
        """Whether the true action is known, and one of the classes."""
        return self.classes == ACTIONS and self.sample.label is not None

    @property
    def target(self) -> int:
        """The true action if it is known, else the likeliest class of the whole original."""
        return self.sample.label if self.known else int(self.clean[-1].argmax())

    @property
    def kept(self) -> float:
        """Probability of ``target`` after coding, in [0, 1]."""
        return float(self.coded[-1, self.target])

    @cached_property
    def kl(self) -> float:
        """KL(clean ‖ coded) of the whole sample, in nats."""
        return float(kl_to_clean(self.clean_log[-1:], self.coded_log[-1:]))

    @cached_property
    def counted(self) -> np.ndarray:
        """Frames (T,) in which a track is scored: those with a known box, without any all; never the first."""
        visible = self.sample.visible
        counted = np.ones(len(self.sample.frames), bool) if visible is None else np.array(visible)
        counted[0] = False
        return counted

    def overlap(self, track: np.ndarray) -> np.ndarray:
        """Intersection over union (T,) of a track with the true boxes; NaN where none is known."""
        found = np.full(len(track), np.nan)
        size = self.sample.frames.shape[1:3]
        found[self.counted] = overlaps(track[self.counted], self.sample.boxes[self.counted], size)
        return found

    def average_overlap(self, track: np.ndarray) -> float:
        """AO as in the evaluation, 0..1."""
        sample = self.sample
        return sequence_scores(track, sample.boxes, sample.frames.shape[1:3], sample.visible)["ao"]


class Looker:
    """Codes samples and looks at them, and remembers: a version is coded once, and seen once by each analyser.

    Args:
        samples: name → frames and what is known of them.
        gop: of ``RealCodec``; "intra" codes a picture at exactly the QP that is wanted.
        functions: preprocessors by name; every other name is one for ``load_preprocessor``.
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
        kept = _KEPT_BYTES // max(2 * sample.frames.nbytes for sample in self.samples.values())
        self._codec = lru_cache(None)(partial(RealCodec, gop=gop))
        self._change, self._code = (lru_cache(max(8, kept))(f) for f in (self._change, self._code))
        self._see, self._follow = (lru_cache(1024)(f) for f in (self._see, self._follow))

    def look(self, version: Version, analyser: str | None = None, tracker: str | None = None) -> Look:
        """Code a version and let the analysers of these names look, or remember."""
        source, sample = Version(version.sample), self.samples[version.sample]
        given, written = self._code(version)
        seen, followed = {}, {}
        if analyser:
            seen = {"classes": tuple(self.analyser(analyser).classes)}
            seen |= {"clean_log": self._see(source, analyser), "coded_log": self._see(version, analyser)}
        if tracker and sample.boxes is not None:
            followed = {"clean_track": self._follow(source, tracker), "track": self._follow(version, tracker)}
        alone = self.look(version._replace(before=None), analyser, tracker) if version.before else None
        look = Look(sample, version, given, written, **seen, **followed, alone=alone)
        if analyser:
            self.curves(version, analyser).setdefault(version.codec, {})[version.qp] = (
                written.bpp,
                look.kept,
            )
        return look

    def curves(self, version: Version, analyser: str) -> dict[str, dict[int, tuple[float, float]]]:
        """All that was measured of the same sample with the same preprocessor: codec → QP → (bpp, ``Look.kept``)."""
        return self._points[version.sample, version.before, analyser]

    def analyser(self, name: str) -> Analyser:
        """The analyser of that name, loaded when it is first needed."""
        if name not in self._analysers:
            self._analysers[name] = load(name)
        return self._analysers[name]

    def _frames(self, version: Version) -> np.ndarray:
        return self._code(version)[1].frames if version.codec else self.samples[version.sample].frames

    def _code(self, version: Version) -> tuple[np.ndarray, Coded]:
        given, before = self.samples[version.sample].frames, version.before
        if before is not None:
            change = self._change(version.sample, version.qp, before.name).astype(np.float32) - given
            given = np.rint(given + before.strength * change).astype(np.uint8)
        return given, self._codec(version.codec)(given, qp=version.qp)

    def _change(self, sample: str, qp: int, name: str) -> np.ndarray:
        """What a preprocessor makes of a sample: the same for every strength and every codec."""
        if name not in self._functions:
            network = load_preprocessor(name)
            self._functions[name] = lambda frames, qp: preprocess_frames(network, frames, qp)
        original = self.samples[sample].frames
        out = self._functions[name](original, qp)
        if getattr(out, "dtype", None) != np.uint8 or out.shape != original.shape:
            raise InputError(
                f"{name} makes {getattr(out, 'dtype', type(out).__name__)} {np.shape(out)} of frames "
                f"{original.shape}; it must return uint8 of the same shape"
            )
        return out

    def _see(self, version: Version, name: str) -> Tensor:
        return log_probabilities(self.analyser(name), self._frames(version))

    def _follow(self, version: Version, name: str) -> np.ndarray:
        return self.analyser(name).track(self._frames(version), self.samples[version.sample].boxes[0])


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
    seen = [analyser(clip[:, max(0, t - WINDOW) : t]) for t in range(2, len(frames) + 1)]
    log = torch.cat(seen).log_softmax(-1).cpu()
    return torch.cat([torch.full_like(log[:1], torch.nan), log])
