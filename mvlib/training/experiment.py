"""Options of a training, as data: saved with its weights. Imports nothing heavy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from mvlib._numbers import check_numbers
from mvlib.errors import InputError, choose

ROUTES = ("virtual", "real_forward")
TASKS = ("output", "features")
OUTLINED = ("outline", "guarded")
IMAGE_TASKS = (*TASKS, "outline")
VIDEO_TASKS = (*TASKS, *OUTLINED)
PRECISIONS = ("float32", "bf16", "auto")


class AnyTraining:
    """Options of a training: what all kinds check. A subclass is a frozen dataclass."""

    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"precision": PRECISIONS}
    """What options that are words may be."""
    at_least_one: ClassVar[tuple[str, ...]] = ("steps", "batch", "checkpoint_every")
    of_the_machine: ClassVar[tuple[str, ...]] = (
        "workers",
        "device",
        "compile",
        "checkpoint_every",
        "root",
        "cache",
        "seconds",
    )
    """Options that say how a machine does it, not what is trained: a training may go on elsewhere."""

    def __post_init__(self) -> None:
        check_numbers(self)
        for name, allowed in self.choices.items():
            choose(name, getattr(self, name), allowed)
        for name in self.at_least_one:
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least 1")


@dataclass(frozen=True)
class Training(AnyTraining):
    """Options that the trainings of image and video preprocessors share."""

    architecture: str
    """A class of mvlib.preprocess, or your own as "module:Class"."""
    analysers: tuple[str, ...] | str
    """Frozen analysers whose clean prediction is to survive, by name or "module:name"; several give a preprocessor for
    analysers in general."""
    codecs: tuple[str, ...] | str = ("x265",)
    """Virtual codecs, drawn in turn step by step."""
    task: str = "output"
    """What coding should leave alone: output (KL, divergence) or features (maps of the late layers), whose gradient
    says the same with far less noise."""
    gop: str = "intra"
    """Frame types of the encoder: stock, ippp or intra."""
    route: str = "virtual"
    """virtual: the virtual codec both ways; real_forward: the real encoder's values, the virtual gradient."""
    rounding: str = "straight_through"
    """How the gradient passes the quantiser, as in VirtualCodec."""
    fitted_rate: bool = True
    """false: the rate model's round numbers from before any fit, for an ablation."""
    qp_low: int = 24
    qp_high: int = 47
    """QP is drawn uniformly per picture or clip from qp_low..qp_high, both included, within what `anchor` measured."""
    slope_scale: float = 1.0
    """Factor on the codec's own slope; below 1 rate weighs more than the codec would let it."""
    fidelity: float = 0.0
    """Weight of the squared error between preprocessed and original picture, in bpp per (8-bit level)^2 / 100."""
    network: dict[str, Any] = field(default_factory=dict)
    """Options of the architecture, such as {"branches": "spatial"} of ZhaoPreprocessor; the others are its own."""
    start: Path | None = None
    """Weights to start from: of the same architecture, Compact for CompactVideo, or Filter for AdaptiveFilter; None
    starts untrained."""
    steps: int = 2000
    seconds: float | None = None
    """End after so much time, with a learning rate that falls as time runs out; 0 saves what a stopped training has."""
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
    """Decay of the moving average of the weights, which is what is saved; at step n at most n / (n + 5): it
    looks back no farther than a fifth of the way, so that a short training saves what it learnt and not its start."""
    seed: int = 0
    dataset: str | None = None
    """A public data set to train on: imagenet, coco, kinetics400 …, or folder: any folder of pictures or clips; None:
    the material that comes with the project."""
    root: Path | None = None
    """Folder of the public data set."""
    reader: dict[str, str | int | None] = field(default_factory=dict)
    """More options of its reader, such as {"split": "train2017"} or {"listed": "train.csv", "stride": 4}."""
    workers: int = 1
    """Processes that load pictures or clips."""
    precision: str = "float32"
    """Of the analysers: float32; bf16 by autocast, on a CPU that has it 1.2 to 1.6 times as fast, on others many times
    slower, with pixel gradients that agree with float32's to a cosine of 0.7 to 0.9; or auto, bf16 on a CPU that does
    a trial the faster with it, else float32. Preprocessor and codec stay in float32."""
    compile: bool = False
    """Let torch.compile fuse preprocessor and analysers (with task features the preprocessor alone); pays on a GPU,
    after minutes of compiling."""
    checkpoint_every: int = 200
    device: str = "auto"
    """auto takes a GPU where there is one."""
    anchor: Path | None = None
    """Measured curves of the codec alone on the training side, which give the slope; None: the
    package's own."""

    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {**AnyTraining.choices, "task": TASKS, "route": ROUTES}
    at_least_one = (*AnyTraining.at_least_one, "size")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("analysers", "codecs"):  # of one, its name will do
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
        if not 0 <= self.qp_low <= self.qp_high <= 51:
            raise InputError(
                f"QPs must satisfy 0 <= qp_low <= qp_high <= 51; got {self.qp_low}..{self.qp_high}"
            )
        if not 0 <= self.ema < 1:
            raise InputError(f"ema is {self.ema}; a decay is from 0 (no average) to below 1 (0.998 is usual)")
        if (self.dataset is None) != (self.root is None):
            raise InputError(f"dataset {self.dataset!r} and root {self.root} must be given both or neither")
        if self.task in OUTLINED and self.dataset:
            raise InputError(f"public data sets have no outlines; task {self.task} takes no dataset")
        if not self.analysers or not self.codecs:
            raise InputError("a training needs at least one analyser and one codec")


@dataclass(frozen=True)
class ImageTraining(Training):
    """A joint training of an image preprocessor through a virtual codec."""

    architecture: str = "Compact"
    """Compact (ours), NPP (Lu et al.), Filter (the control, constant gains), AdaptiveFilter (gains by what a classifier
    sees, or by the local contrast), Regions (all but things is smoothed; with task outline), or your own as
    "module:Class"."""
    analysers: tuple[str, ...] | str = ("efficientnet_lite0",)
    """Frozen analysers whose clean prediction is to survive, by name or "module:name"; several give a preprocessor for
    analysers in general."""
    task: str = "output"
    """What coding should leave alone: output (KL, divergence) or features (maps of the late layers), whose gradient
    says the same with far less noise; or outline: no codec, no analyser, pasted cut-outs stay, the rest is smoothed."""

    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {**Training.choices, "task": IMAGE_TASKS}


@dataclass(frozen=True)
class VideoTraining(Training):
    """A joint training of a video preprocessor through a virtual codec that predicts frames from frames."""

    architecture: str = "CompactVideo"
    """CompactVideo (ours), ZhaoPreprocessor, an image preprocessor, which treats each frame alone, or your own as
    "module:Class"."""
    analysers: tuple[str, ...] | str = ("action_resnet3d",)
    """Frozen analysers whose clean prediction is to survive, by name or "module:name": they look at clips, or at every
    frame."""
    task: str = "output"
    """As for pictures; or outline: no codec, no analyser, who acts in a generated scene stays and the rest is blurred,
    a start in little time; or guarded: rate through the virtual codec, and who acts in a generated scene must stay."""
    gop: str = "stock"
    """Frame types of the encoder: stock, ippp or intra (the ablation without prediction in time)."""
    through: int | None = None
    """How many references in a row a gradient passes on its way back in time; None: all of them."""
    qp_low: int = 30
    qp_high: int = 50
    """QP is drawn uniformly per clip from qp_low..qp_high, both included, within what `anchor` measured."""
    frames: int = 8
    """Frames in a clip."""
    batch: int = 4
    size: int = 224
    """Side of the square clips, in pixels."""
    excerpts: float = 0.25
    """Share of the clips that are excerpts of real films; the others are generated scenes."""

    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {**Training.choices, "task": VIDEO_TASKS}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.task in OUTLINED and self.excerpts:
            raise InputError(f"films have no outlines; task {self.task} takes excerpts 0")
        if self.frames < 1:
            raise InputError(f"frames is {self.frames}; a clip has at least 1")
        if self.through is not None and self.through < 0:
            raise InputError(
                f"through is {self.through}; it is a number of references, 0 or more, or null for all"
            )
        if not 0 <= self.excerpts <= 1:
            raise InputError(f"excerpts is {self.excerpts}; it is a share, 0..1")


@dataclass(frozen=True)
class UpdateTraining(ImageTraining):
    """A training of the rule by which a refinement steps (``mvlib.preprocess.LearnedUpdate``), through its steps."""

    architecture: str = "LearnedUpdate"
    guides: tuple[str, ...] = ("efficientnet_lite0",)
    """Analysers whose gradient the rule is given, as when a picture is refined."""
    analysers: tuple[str, ...] | str = ("efficientnet_lite0", "nanodet")
    """Frozen analysers that are to gain. From those that are no guides the rule learns what of a guide's gradient helps
    others."""
    task: str = "features"
    rounding: str = "soft"
    """Of the pass that is trained through; guides' gradients are those of a refinement, straight_through. Were eighteen
    refined photographs changed further, the loss would rise by 0.53 with Adam alone and by 0.28 with a rule of 37
    steps: soft says 0.75 and 0.28, straight_through -0.02 and -0.06."""
    unrolled: int = 2
    """Steps of the refinement."""
    after: str = ""
    """A preprocessor of single pictures whose output the steps begin from; empty: the picture itself."""
    views: bool = True
    """Let the guides look through random crops, other ones in every batch."""
    qp_low: int = 22
    steps: int = 400
    batch: int = 32
    lr: float = 3e-3
    warmup: int = 10
    weight_decay: float = 0.0
    ema: float = 0.98
    checkpoint_every: int = 20
    network: dict[str, Any] = field(default_factory=dict)
    """Options of ``UpdateConfig``, such as {"width": 24}."""

    at_least_one = (*ImageTraining.at_least_one, "unrolled")
