"""Options of refinement, for pictures and clips → checked, and the size of each step at a QP."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from mvlib._numbers import check_numbers, is_number
from mvlib.errors import InputError

from .base import QP_RANGE

NEAREST = {"x264": "x264", "jpeg": "jpeg", "mjpeg": "jpeg"}
"""The virtual codec whose gradient suits a real one; x265's suits all others."""

# Up to so many steps the codec's choices of the first hold for all, which saves time. Over twelve they no longer fit:
# on ten photographs at QP 42 the unseen analyser's KL was 0.77 nats, and 0.50 with choices made anew. The size of a few
# steps follows the QP, too; that of more is the same at all QPs, as it was where twelve steps were measured.
FEW = 5


@dataclass(frozen=True)
class RefinementConfig:
    """Options of refinement, for pictures and clips."""

    analysers: tuple[str, ...] = ("efficientnet_lite0",)
    """Analysers that look on; the more unlike, the better for those that don't."""
    codecs: tuple[str, ...] = ()
    """Virtual codecs, one step each in turn; empty: the one nearest to ``real``, or x265."""
    steps: int = 4
    lr: float | None = None
    """Of Adam: about how many grey levels a sample moves in a step, at QP 34 if ``by_qp``. None takes what was best on
    training and validation material: on clips 0.7 at QP 34, growing with the quantiser's step; on pictures 6 in all
    steps, of 1.5 to 4 each, growing up to QP 30; 1.5 at every QP where there are more than five; after a filter half as
    much at QP 34, growing as on clips."""
    by_qp: bool = False
    """Let the steps grow with the quantiser's, as 2^((QP - 34) / 6)."""
    until: int = 51
    """The QP above which steps no longer grow."""
    real: str = ""
    """A real codec whose decoded pictures and bits count: any name of ``mvlib.RealCodec``, or "module:name" of a
    ``Codec``; empty: on pictures the virtual codec's own, on clips, which gain nothing by those, the encoder of the
    first virtual codec's name."""
    views: bool = True
    """Look through a random crop, mirrored now and then, another one in every step."""
    task: str = "features"
    """What is kept, as in a training: features or output."""
    chunk: int = 8
    """Frames of a clip that are refined at a time."""
    overlap: int = 2
    """Refined frames before a chunk that the encoder is given with it."""
    through: int = 2
    """How many references in a row a gradient passes on its way back in time."""
    seed: int = 0
    after: str = ""
    """A preprocessor of single pictures whose output the steps begin from, any name of ``load_preprocessor``; empty:
    they begin from the picture itself."""
    update: str = ""
    """A learned rule that corrects each step: its name, or the path of its weights; empty: Adam alone."""
    anchor: Path | None = None
    """Measured curves of the codec alone, which give the slope; None: the package's own, or where there are none two
    encodings of the picture itself, which clips always take."""
    # Ablations.
    rounding: str = "straight_through"
    """As in a training: straight_through, noise or soft."""
    fitted_rate: bool = True
    """As in a training: false for the rate before any fit."""
    at_qp: int | None = None
    """Refine for this QP, whatever the codec will be given."""
    precision: str = "auto"
    """Of the analysers: float32, bf16, or auto, as in a training. On pictures, a refinement's bits agreed within 4 %
    and its distances of maps within 0.15 of those of coding alone, whichever was taken."""

    def __post_init__(self) -> None:
        check_numbers(self)
        if not self.codecs:
            object.__setattr__(self, "codecs", (NEAREST.get(self.real, "x265"),))
        if self.steps < 1 or not (self.lr is None or self.lr > 0):
            raise InputError(f"steps is {self.steps} and lr {self.lr}; both must be above 0")
        if self.chunk < 1 or self.overlap < 0 or self.through < 0:
            raise InputError(
                f"chunk is {self.chunk}, overlap {self.overlap} and through {self.through}; "
                "a chunk has at least 1 frame, the others are 0 or more"
            )
        if self.at_qp is not None and not (
            is_number(self.at_qp) and QP_RANGE[0] <= self.at_qp <= QP_RANGE[1]
        ):
            raise InputError(f"at_qp is {self.at_qp}; the H.264/HEVC scale goes from 0 to 51")

    def step_size(self, qp: Tensor, still: bool) -> Tensor:
        """Grey levels of a step at qp (B,), on pictures (``still``) or clips: (B,)."""
        level, at, until = self.lr, 34, self.until if self.by_qp else None
        if level is None:
            level, at, until = (min(4, max(1.5, 6 / self.steps)), 30, 30) if still else (0.7, 34, 51)
            if still and self.steps > FEW:
                until = None
            if still and self.after:
                level, at, until = level / 2, 34, 51
        return level * (torch.ones_like(qp) if until is None else 2 ** ((qp.clamp(max=until) - at) / 6))
