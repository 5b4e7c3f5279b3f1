"""What one move of a control asks for: picture, codec, QP → preprocessor → real encoder → network → ``Look``."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mvlib._psnr import psnr
from mvlib.analysers import Classifier, kl_to_clean
from mvlib.codecs import RealCodec
from mvlib.errors import InputError
from mvlib.preprocess import load_preprocessor, preprocess_frames

# Looks kept with their pictures: at most about 0.7 MB each at the panel's default size.
_KEPT = 256

Step = Callable[[np.ndarray, float], np.ndarray]
"""What may stand before a codec: (frames uint8 (T, H, W, 3), QP) → frames of the same shape."""


class Before(NamedTuple):
    """What stands before the codec: a preprocessor by name, and how much of its change is made."""

    name: str
    strength: float = 1.0
    """0 leaves the picture alone, 1 is what was trained."""


class Preparer:
    """Puts preprocessors before the codec, and remembers: the strength slider and every codec ask for the same again.

    Args:
        clips: name → uint8 (T, H, W, 3); of a picture, T is 1.
        functions: name → (frames, QP) → frames of the same shape; every other name is one for ``load_preprocessor``.
        kept: clips that are remembered.
    """

    def __init__(
        self, clips: Mapping[str, np.ndarray], functions: Mapping[str, Step] | None = None, kept: int = 64
    ) -> None:
        self._clips, self._functions = clips, dict(functions or {})
        self._changed = lru_cache(kept)(self._change)

    def __call__(self, clip: str, qp: int, before: Before) -> np.ndarray:
        """The clip with the share ``before.strength`` of the preprocessor's change: uint8 (T, H, W, 3)."""
        original = self._clips[clip]
        change = self._changed(clip, qp, before.name).astype(np.float32) - original
        return np.rint(original + before.strength * change).astype(np.uint8)

    def _change(self, clip: str, qp: int, name: str) -> np.ndarray:
        if name not in self._functions:
            network = load_preprocessor(name)
            self._functions[name] = lambda frames, qp: preprocess_frames(network, frames, qp)
        original, out = self._clips[clip], self._functions[name](self._clips[clip], qp)
        if getattr(out, "dtype", None) != np.uint8 or out.shape != original.shape:
            raise InputError(
                f"{name} makes {getattr(out, 'dtype', type(out).__name__)} {np.shape(out)} of frames "
                f"{original.shape}; it must return uint8 of the same shape"
            )
        return out


@dataclass(frozen=True)
class Look:
    """A picture after coding, and what the network makes of it.

    Attributes:
        picture, codec, qp: what was asked for; ``native`` is the number that the encoder got on its own scale.
        original, given, decoded: uint8 (H, W, 3): the picture, what the encoder was given, what came back.
        bits: of the stream; ``bpp``: bits per pixel.
        psnr: over the three colour planes, in dB.
        clean, coded: class probabilities (C,) of original and decoded picture.
        kl: KL(clean ‖ coded) in nats.
        before: what stood before the codec, or None; ``alone`` is then the look without it at the same QP.
    """

    picture: str
    codec: str
    qp: int
    native: float
    original: np.ndarray
    given: np.ndarray
    decoded: np.ndarray
    bits: int
    psnr: float
    clean: Tensor
    coded: Tensor
    kl: float
    before: Before | None = None
    alone: "Look | None" = None

    @property
    def bpp(self) -> float:
        height, width = self.original.shape[:2]
        return self.bits / (height * width)

    @property
    def target(self) -> int:
        """The class that the network saw in the clean picture."""
        return int(self.clean.argmax())

    @property
    def kept(self) -> float:
        """Probability that is left for ``target`` after coding, in [0, 1]."""
        return float(self.coded[self.target])


class Looker:
    """Codes pictures and looks at them, and remembers: safe to call from several threads.

    A single picture is coded as one intra frame at exactly the QP asked for (``gop="intra"``).  A preprocessor is
    told that QP, as in the evaluation.
    """

    def __init__(self, pictures: Mapping[str, np.ndarray], analyser: Classifier) -> None:
        self.pictures, self.analyser = dict(pictures), analyser
        self._codecs: dict[str, RealCodec] = {}
        self._clean: dict[str, Tensor] = {}
        self._looks: OrderedDict[tuple[str, str, int, Before | None], Look] = OrderedDict()
        # (bpp, kept) by QP for each picture, codec and preprocessor: small, so never forgotten.
        self._points: dict[tuple[str, str, Before | None], dict[int, tuple[float, float]]] = {}
        self._lock = Lock()
        self._prepare = Preparer({name: p[None] for name, p in self.pictures.items()})

    def look(self, picture: str, codec: str, qp: int, before: Before | None = None) -> Look:
        """Code ``picture`` at ``qp`` with ``before`` in front, and look at the result, or remember it."""
        key = (picture, codec, qp, before)
        with self._lock:
            if key in self._looks:
                self._looks.move_to_end(key)
                return self._looks[key]
        # Encoding is outside the lock: a background curve must not hold up the slider.
        look = self._code(*key)
        with self._lock:
            self._looks[key] = look
            self._points.setdefault((picture, codec, before), {})[qp] = (look.bpp, look.kept)
            while len(self._looks) > _KEPT:
                self._looks.popitem(last=False)
        return look

    def knows(self, picture: str, codec: str, qp: int, before: Before | None = None) -> bool:
        """Whether the point is on the curve already."""
        with self._lock:
            return qp in self._points.get((picture, codec, before), {})

    def curves(self, picture: str, before: Before | None = None) -> dict[str, list[tuple[float, float]]]:
        """Per codec the points measured so far, (bits per pixel, probability left for the clean class), by rate."""
        with self._lock:
            return {
                codec: sorted(by_qp.values())
                for (p, codec, b), by_qp in self._points.items()
                if (p, b) == (picture, before)
            }

    def _code(self, picture: str, codec: str, qp: int, before: Before | None) -> Look:
        original = self.pictures[picture]
        alone = None if before is None else self.look(picture, codec, qp)
        given = original if before is None else self._prepare(picture, qp, before)[0]
        if codec not in self._codecs:
            self._codecs[codec] = RealCodec(codec, gop="intra")
        coded = self._codecs[codec](given[None], qp=qp)
        decoded = coded.frames[0]
        if picture not in self._clean:
            self._clean[picture] = self._logits(original)
        clean, logits = self._clean[picture], self._logits(decoded)
        return Look(
            picture=picture,
            codec=codec,
            qp=qp,
            native=coded.native,
            original=original,
            given=given,
            decoded=decoded,
            bits=coded.bits,
            psnr=psnr(original, decoded),
            clean=clean.softmax(-1)[0],
            coded=logits.softmax(-1)[0],
            kl=float(kl_to_clean(clean, logits)),
            before=before,
            alone=alone,
        )

    @torch.inference_mode()
    def _logits(self, picture: np.ndarray) -> Tensor:
        x = torch.tensor(picture).permute(2, 0, 1)[None].float() / 255  # (1, 3, H, W)
        return self.analyser(x.to(self.analyser.mean.device)).cpu()
