"""What one move of a control asks for: clip, codec, QP → preprocessor → real encoder → machines → ``ClipLook``."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mvlib._psnr import psnr
from mvlib.analysers import load
from mvlib.analysers.actions import Recogniser
from mvlib.analysers.actions.recogniser import fit_frames
from mvlib.analysers.trackers import Tracker
from mvlib.analysers.trackers.overlap import overlaps, sequence_scores
from mvlib.codecs import RealCodec
from mvlib.datasets import ACTIONS
from mvlib.evaluation.samples import Sample

from .looking import Before, Preparer, Step

# A clip of 16 frames at 224x224 is 2.4 MB, what it was given and what came back.
_KEPT = 24
WINDOW = 16
"""Frames that a recogniser looks at, at most: the length that those of the package were taught on."""


class Version(NamedTuple):
    """A clip as it came out of a codec; without a codec as it went in."""

    clip: str
    codec: str | None = None
    qp: int = 0
    before: Before | None = None


@dataclass(frozen=True)
class CodedClip:
    """What an encoder was given, wrote and gave back: uint8 (T, H, W, 3), bits and type of each frame."""

    given: np.ndarray
    decoded: np.ndarray
    frame_bits: list[int]
    frame_types: list[str]
    native: float


@dataclass(frozen=True)
class ClipLook:
    """A clip after coding, and what the machines make of it.

    Attributes:
        sample: the clip as it is, and what is known of it.
        codec, qp, before: what was asked for.
        clip: what the encoder was given, wrote and gave back.
        clean, coded: class probabilities (T, C) of original and decoded clip, as said after each frame; the first
            row is NaN.  None without a recogniser.
        clean_track, track: boxes (T, 4) that the tracker found in original and decoded clip, None without one.
        classes: names of the C classes.
        alone: the look without ``before`` at the same QP, or None.
    """

    sample: Sample
    codec: str
    qp: int
    clip: CodedClip
    clean: Tensor | None
    coded: Tensor | None
    clean_track: np.ndarray | None
    track: np.ndarray | None
    classes: tuple[str, ...] = ()
    before: Before | None = None
    alone: "ClipLook | None" = None

    @property
    def native(self) -> float:
        return self.clip.native

    @property
    def bits(self) -> int:
        return sum(self.clip.frame_bits)

    @property
    def bpp(self) -> float:
        return self.bits / np.prod(self.sample.frames.shape[:3])

    @cached_property
    def psnr(self) -> float:
        """Of all frames together, over the three colour planes, in dB."""
        return psnr(self.sample.frames, self.clip.decoded)

    @property
    def target(self) -> int:
        """The true action if it is known, else what the recogniser sees in the whole clean clip."""
        return self.sample.label if self.known else int(self.clean[-1].argmax())

    @property
    def known(self) -> bool:
        """Whether somebody knows what is done in the clip, and the recogniser could say it."""
        return self.classes == ACTIONS and self.sample.label is not None

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


class ClipLooker:
    """Codes clips and lets machines watch, and remembers: a version is coded once, and watched once by each machine.

    Args:
        clips: name → clip and what is known of it.
        functions: preprocessors that are no names for ``load_preprocessor``.
        machines: recognisers and trackers that are no names for ``mvlib.analysers.load``.
    """

    def __init__(
        self, clips: Mapping[str, Sample], functions: Mapping[str, Step] | None = None,
        machines: Mapping[str, Recogniser | Tracker] | None = None,
    ) -> None:  # fmt: skip
        self.clips, self._machines = dict(clips), dict(machines or {})
        self._prepare = Preparer({name: s.frames for name, s in self.clips.items()}, functions, _KEPT)
        self._codec = lru_cache(None)(RealCodec)
        self.coded = lru_cache(_KEPT)(self._code)
        self.said = lru_cache(16 * _KEPT)(self._say)
        self.tracked = lru_cache(16 * _KEPT)(self._track)

    def look(self, version: Version, recogniser: str | None = None, tracker: str | None = None) -> ClipLook:
        """Code a clip and let the machines of these names watch, or remember."""
        clip, codec, qp, before = version
        alone = None if before is None else self.look(Version(clip, codec, qp), recogniser, tracker)
        source, coded = Version(clip), self.coded(version)
        watched = tracker and self.clips[clip].boxes is not None
        return ClipLook(
            sample=self.clips[clip],
            codec=codec,
            qp=qp,
            clip=coded,
            clean=self.said(source, recogniser) if recogniser else None,
            coded=self.said(version, recogniser) if recogniser else None,
            clean_track=self.tracked(source, tracker) if watched else None,
            track=self.tracked(version, tracker) if watched else None,
            classes=self.machine(recogniser).classes if recogniser else (),
            before=before,
            alone=alone,
        )

    def machine(self, name: str) -> Recogniser | Tracker:
        """The recogniser or tracker of that name, loaded when it is first asked for."""
        if name not in self._machines:
            self._machines[name] = load(name)
        return self._machines[name]

    def _frames(self, version: Version) -> np.ndarray:
        return self.clips[version.clip].frames if version.codec is None else self.coded(version).decoded

    def _code(self, version: Version) -> CodedClip:
        clip, codec, qp, before = version
        given = self.clips[clip].frames if before is None else self._prepare(clip, qp, before)
        coded = self._codec(codec)(given, qp=qp)
        return CodedClip(given, coded.frames, coded.frame_bits, coded.frame_types, coded.native)

    def _say(self, version: Version, name: str) -> Tensor:
        return probabilities(self.machine(name), self._frames(version))

    def _track(self, version: Version, name: str) -> np.ndarray:
        return self.machine(name).track(self._frames(version), self.clips[version.clip].boxes[0])


@torch.inference_mode()
def probabilities(recogniser: Recogniser, frames: np.ndarray) -> Tensor:
    """What a recogniser says after each frame of uint8 (T, H, W, 3): (T, C), each row but the first of sum 1.

    It is shown what has come so far, at most the last ``WINDOW`` frames: a window that grows, and then slides.  After
    the last frame of a clip no longer than that, it says what it says of the whole clip, as in the evaluation.
    Nothing moves in a single frame, so the first row is NaN.
    """
    device = recogniser.mean.device
    clip = torch.tensor(frames, device=device).permute(0, 3, 1, 2)[None].float() / 255
    clip = fit_frames(clip, len(frames), recogniser.input_size[0])  # made small once, not at every frame
    seen = [recogniser(clip[:, max(0, t - WINDOW) : t]) for t in range(2, len(frames) + 1)]
    said = torch.cat(seen).softmax(-1).cpu()
    return torch.cat([said.new_full((1, said.shape[1]), torch.nan), said])
