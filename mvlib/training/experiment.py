"""What is trained, as data: the options of a training, saved with its weights. Imports nothing heavy."""

from dataclasses import dataclass
from pathlib import Path

ROUTES = ("virtual", "real_forward")


@dataclass(frozen=True)
class ImageTraining:
    """A joint training of an image preprocessor through a virtual codec."""

    architecture: str = "Compact"
    """Compact (ours) or NPP (Lu et al.)."""
    analysers: tuple[str, ...] = ("efficientnet_lite0",)
    """Frozen machines whose clean prediction is to survive; several give a preprocessor for machines in general."""
    codecs: tuple[str, ...] = ("x265",)
    """Virtual codecs, drawn in turn step by step."""
    route: str = "virtual"
    """virtual: the virtual codec both ways; real_forward: the real encoder's values, the virtual gradient."""
    rounding: str = "straight_through"
    """How the gradient passes the quantiser, as in VirtualCodec."""
    qp_low: int = 24
    qp_high: int = 47
    """QP is drawn uniformly per picture from qp_low..qp_high, both included."""
    qp_adaptive: bool = True
    """False hides the QP from the network (it always reads the middle of the range): an ablation."""
    slope_scale: float = 1.0
    """Factor on the codec's own slope; below 1 rate weighs more than the codec would let it."""
    fidelity: float = 0.0
    """Weight of the squared error between preprocessed and original picture, in bpp per (8-bit level)^2 / 100."""
    steps: int = 2000
    batch: int = 16
    size: int = 224
    """Side of the square crops, in pixels."""
    lr: float = 1e-3
    """Peak learning rate of AdamW, reached after `warmup` steps and let down to 0 by a cosine."""
    warmup: int = 100
    weight_decay: float = 1e-4
    clip: float = 1.0
    """Largest gradient norm."""
    ema: float = 0.998
    """Decay of the moving average of the weights, which is what is saved."""
    seed: int = 0
    workers: int = 1
    """Processes that load pictures."""
    checkpoint_every: int = 200
    device: str = "auto"
    """auto takes a GPU where there is one."""
    anchor: Path = Path("data/results/anchor_train.json")
    """Measured curves of the codec alone on the training pictures, which give the slope."""

    def __post_init__(self) -> None:
        if self.route not in ROUTES:
            raise ValueError(f"route {self.route!r} is unknown; choose one of {', '.join(ROUTES)}")
        if not 0 <= self.qp_low <= self.qp_high <= 51:
            raise ValueError(
                f"QPs must satisfy 0 <= qp_low <= qp_high <= 51; got {self.qp_low}..{self.qp_high}"
            )
        for name in ("steps", "batch", "size", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not self.analysers or not self.codecs:
            raise ValueError("a training needs at least one analyser and one codec")
