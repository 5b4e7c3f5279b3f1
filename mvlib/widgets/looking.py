"""What one move of the slider asks for: picture, codec, QP → real encoder → network → ``Look``."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from mvlib.analysers import Classifier, kl_to_clean
from mvlib.codecs import RealCodec

# Looks kept with their pictures: about 0.5 MB each at the panel's default size.
_KEPT = 256


@dataclass(frozen=True)
class Look:
    """A picture after coding, and what the network makes of it.

    Attributes:
        picture, codec, qp: what was asked for; ``native`` is the number that the encoder got on its own scale.
        original, decoded: uint8 (H, W, 3).
        bits: of the stream; ``bpp``: bits per pixel.
        psnr: over the three colour planes, in dB.
        clean, coded: class probabilities (C,) of original and decoded picture.
        kl: KL(clean ‖ coded) in nats.
    """

    picture: str
    codec: str
    qp: int
    native: float
    original: np.ndarray
    decoded: np.ndarray
    bits: int
    psnr: float
    clean: Tensor
    coded: Tensor
    kl: float

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

    A single picture is coded as one intra frame at exactly the QP asked for (``gop="intra"``).
    """

    def __init__(self, pictures: Mapping[str, np.ndarray], analyser: Classifier) -> None:
        self.pictures, self.analyser = dict(pictures), analyser
        self._codecs: dict[str, RealCodec] = {}
        self._clean: dict[str, Tensor] = {}
        self._looks: OrderedDict[tuple[str, str, int], Look] = OrderedDict()
        # (bpp, kept) by QP for each picture and codec: small, so never forgotten.
        self._points: dict[tuple[str, str], dict[int, tuple[float, float]]] = {}
        self._lock = Lock()

    def look(self, picture: str, codec: str, qp: int) -> Look:
        """Code ``picture`` at ``qp`` and look at the result, or remember it."""
        key = (picture, codec, qp)
        with self._lock:
            if key in self._looks:
                self._looks.move_to_end(key)
                return self._looks[key]
        # Encoding is outside the lock: a background curve must not hold up the slider.
        look = self._code(*key)
        with self._lock:
            self._looks[key] = look
            self._points.setdefault((picture, codec), {})[qp] = (look.bpp, look.kept)
            while len(self._looks) > _KEPT:
                self._looks.popitem(last=False)
        return look

    def knows(self, picture: str, codec: str, qp: int) -> bool:
        """Whether the point is on the curve already."""
        with self._lock:
            return qp in self._points.get((picture, codec), {})

    def curves(self, picture: str) -> dict[str, list[tuple[float, float]]]:
        """Per codec the points measured so far, (bits per pixel, probability left for the clean class), by rate."""
        with self._lock:
            return {
                codec: sorted(by_qp.values()) for (p, codec), by_qp in self._points.items() if p == picture
            }

    def _code(self, picture: str, codec: str, qp: int) -> Look:
        original = self.pictures[picture]
        if codec not in self._codecs:
            self._codecs[codec] = RealCodec(codec, gop="intra")
        coded = self._codecs[codec](original[None], qp=qp)
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
            decoded=decoded,
            bits=coded.bits,
            psnr=_psnr(original, decoded),
            clean=clean.softmax(-1)[0],
            coded=logits.softmax(-1)[0],
            kl=float(kl_to_clean(clean, logits)),
        )

    @torch.inference_mode()
    def _logits(self, picture: np.ndarray) -> Tensor:
        x = torch.tensor(picture).permute(2, 0, 1)[None].float() / 255  # (1, 3, H, W)
        return self.analyser(x.to(self.analyser.mean.device)).cpu()


def _psnr(original: np.ndarray, decoded: np.ndarray) -> float:
    error = np.mean(np.square(original.astype(np.float32) - decoded))
    return float(10 * np.log10(255**2 / error)) if error else float("inf")
