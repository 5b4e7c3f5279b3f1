"""Options of a recogniser's training, as data: saved with its weights. Imports nothing heavy."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mvlib.errors import InputError

from .experiment import AnyTraining

NETWORKS = ("action_resnet3d", "action_shift", "action_recurrent", "action_motion")


@dataclass(frozen=True)
class ActionTraining(AnyTraining):
    """A training of one recogniser on clean generated clips."""

    network: str = "action_resnet3d"
    """action_resnet3d, action_shift, action_recurrent; or action_motion, which learns from labels alone: no use of
    coarse and place."""
    clips: int = 2400
    """Generated clips of the training side; mirrors and backward playing make four of each."""
    check: int = 240
    """Generated clips of the validation side."""
    steps: int = 2000
    batch: int = 16
    coarse: int = 72
    """Side of the clips in the first half of the training; it grows to full size over the next quarter."""
    lr: float = 2e-3
    """Peak learning rate of AdamW, reached after a tenth of the steps and let down to 0 by a cosine."""
    weight_decay: float = 0.02
    smoothing: float = 0.05
    """Of the labels."""
    place: float = 0.5
    """Weight of finding the actor (its mask is known) beside naming its action."""
    seed: int = 0
    workers: int = 1
    """Processes that make and read clips."""
    cache: Path = Path("runs/action_clips")
    checkpoint_every: int = 200
    precision: str = "auto"
    """Of the network: float32, bf16 by autocast, or auto, the one that does a trial on this CPU the faster."""

    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {**AnyTraining.choices, "network": NETWORKS}
    at_least_one = (*AnyTraining.at_least_one, "clips", "check")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 32 <= self.coarse <= 112:
            raise InputError(f"coarse is {self.coarse}; clips are looked at with sides of 32..112 px")
