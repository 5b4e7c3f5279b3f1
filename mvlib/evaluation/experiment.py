"""What is measured, as data: the options of an experiment, saved with its result. Imports nothing heavy."""

from dataclasses import dataclass, field
from pathlib import Path

ANCHOR = "codec alone"
MATERIALS = ("photos", "pedestrians", "pasted")
SCORES = ("kl", "top1", "label", "divergence", "ap")
BASELINE_NAMES = (ANCHOR, "blur 0.5", "blur 0.8", "downscale 0.75")


@dataclass(frozen=True)
class ImageExperiment:
    """What is measured; saved with its result."""

    codecs: tuple[str, ...] = ("x265", "x264", "svtav1", "vp9", "jpeg", "webp", "avif")
    """Real encoders, by their names in RealCodec."""
    conditions: tuple[str, ...] = BASELINE_NAMES
    """Rows of the table: what stands before the codec; "codec alone" is the anchor."""
    preprocessors: tuple[str, ...] = ()
    """More rows: trained preprocessors, by name or path of their weights, with "title=" before it if the table shall
    say that; "{qp}" in a path stands for each QP in turn, one network for each."""
    material: str = "photos"
    """What is looked at: photos, pedestrians (frames of a film; no one labelled the objects) or pasted (photographs
    with pasted cut-outs, whose boxes are exact)."""
    dataset: str | None = None
    """A public data set in place of ``material``: imagenet, imagenette, voc, coco."""
    root: Path | None = None
    """Folder of the public data set."""
    reader: dict[str, str | int | None] = field(default_factory=dict)
    """More options of its reader, such as {"short_side": 256} or {"year": 2007}."""
    analysers: tuple[str, ...] = ("efficientnet_lite0", "efficientnet_lite2")
    """The machines that look, by their names in analysers.load."""
    scores: tuple[str, ...] = ()
    """Only these: kl, top1, label of classifiers; divergence, ap of detectors. Empty: all that an analyser has."""
    qps: tuple[int, ...] = (27, 32, 37, 42, 47)
    """On the H.264/HEVC scale; five points so that a PCHIP curve has three inner ones."""
    gop: str = "intra"
    """stock, ippp or intra, as in RealCodec."""
    preset: str = "medium"
    """The encoders' preset."""
    split: str = "test"
    """Which side of the data: train, val or test."""
    size: int | None = None
    """Side of the square that is coded, in pixels; None is the material's own, where compression hurts: photos 224."""
    limit: int | None = None
    """Use the first so many pictures only (None: all)."""
    draws: int = 1000
    """Bootstrap samples."""
    seed: int = 0
    """Seed of the bootstrap; nothing else is drawn."""
    dry_run: bool = False
    """Networks with random weights, which need no download: shows that all data are found; its numbers mean nothing."""

    def __post_init__(self) -> None:
        for what, given, known in (
            ("material", (self.material,), MATERIALS),
            ("score", self.scores, SCORES),
        ):
            if strange := [g for g in given if g not in known]:
                raise ValueError(
                    f"unknown {what} {', '.join(map(repr, strange))}; there are {', '.join(known)}"
                )
        unknown = [c for c in self.conditions if c not in BASELINE_NAMES]
        if unknown:
            raise ValueError(f"unknown conditions {unknown}; there are {list(BASELINE_NAMES)}")
        if ANCHOR not in self.conditions:
            raise ValueError(f"conditions must hold {ANCHOR!r}, which the others are compared with")
        titles = [row.rpartition("=")[0] or row for row in self.rows]
        if twice := sorted({t for t in titles if titles.count(t) > 1}):
            raise ValueError(
                f"two rows are called {', '.join(map(repr, twice))}; give each a title of its own"
            )
        if (self.dataset is None) != (self.root is None):
            raise ValueError(f"dataset {self.dataset!r} and root {self.root} must be given both or neither")
        if len(self.qps) < 2:
            raise ValueError(f"a curve needs at least two QPs; got {list(self.qps)}")
        if self.limit is not None and self.limit < 2:
            raise ValueError(f"limit is {self.limit}; a bootstrap over pictures needs at least 2")

    @property
    def rows(self) -> tuple[str, ...]:
        """All conditions, the learned ones last."""
        return (*self.conditions, *self.preprocessors)
