"""What is measured, as data: the options of an experiment, saved with its result. Imports nothing heavy."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from mvlib._numbers import check_numbers
from mvlib.errors import InputError

ANCHOR = "codec alone"
MATERIALS = ("photos", "pedestrians", "pasted")
SCORES = ("kl", "top1", "label", "divergence", "ap", "features")
BASELINE_NAMES = (ANCHOR, "blur 0.5", "blur 0.8", "downscale 0.75")
CLIP_MATERIALS = ("acting", "films", "tracks")
CLIP_SCORES = ("kl", "top1", "label", "divergence", "ao", "sr50", "sr75", "features")
CLIP_BASELINE_NAMES = (*BASELINE_NAMES, "denoise")


def split_title(row: str) -> tuple[str, str]:
    """Title and what it stands for, of a row "title=what"; a row without a title is its own.

    A title holds no "=", ":", "/" or backslash, so what has one of these before its first "=" has no title:
    "runs/lr=3e-3/p.safetensors" is a path, and so is "./lr=3e-3/p.safetensors", which needs the "./".
    """
    title, equals, what = row.partition("=")
    return (title, what) if equals and title and not set(title) & set(":/\\") else (row, row)


@dataclass(frozen=True)
class ImageExperiment:
    """What is measured; saved with its result."""

    clips: ClassVar[bool] = False
    known: ClassVar[dict[str, tuple[str, ...]]] = {
        "material": MATERIALS,
        "score": SCORES,
        "condition": BASELINE_NAMES,
    }
    codecs: tuple[str, ...] = ("x265", "x264", "svtav1", "vp9", "jpeg", "webp", "avif")
    """Real encoders, by their names in RealCodec."""
    conditions: tuple[str, ...] = BASELINE_NAMES
    """Rows of the table: what stands before the codec; "codec alone" is the anchor."""
    preprocessors: tuple[str, ...] = ()
    """More rows: trained preprocessors, by name or path of their weights, with "title=" before it if the table shall
    say that (a title holds no ":", "/" or "="); "{qp}" in a path stands for each QP in turn, one network for each. And
    "refined:CODECS:ANALYSERS:STEPS": each picture or clip refined by gradient steps through the virtual codec, as in
    mvlib.preprocess.Refinement; with ":real=avif" at its end by the values of that encoder."""
    against: str = ANCHOR
    """Title of the row that the others are compared with. With a row of a cheap trick here, the same pictures
    say whether a network beats it."""
    material: str = "photos"
    """What is looked at: photos, pedestrians (frames of a film; no one labelled the objects) or pasted (photographs
    with pasted cut-outs, whose boxes are exact)."""
    dataset: str | None = None
    """A data set in place of ``material``: imagenet, imagenette, voc, coco, of clips kinetics400, got10k; or folder:
    any folder of pictures or clips, which nobody labelled and which has no split."""
    root: Path | None = None
    """Folder of the data set."""
    reader: dict[str, str | int | None] = field(default_factory=dict)
    """More options of its reader, such as {"short_side": 256} or {"year": 2007}."""
    analysers: tuple[str, ...] = ("efficientnet_lite0", "efficientnet_lite2")
    """Analysers, by their names in analysers.load."""
    scores: tuple[str, ...] = ()
    """Only these: kl, top1, label of classifiers; divergence, ap of detectors; features, the distance of their late
    maps. Empty: all but features."""
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
    """Use so many pictures only: the first, or of a public data set some from all over it (None: all; of pasted ones
    120, and any number can be made)."""
    draws: int = 1000
    """Bootstrap samples."""
    seed: int = 0
    """Seed of the bootstrap; nothing else is drawn."""
    dry_run: bool = False
    """Networks with random weights, which need no download: shows that all data are found; its numbers mean nothing."""

    def __post_init__(self) -> None:
        check_numbers(self)
        given = {"material": (self.material,), "score": self.scores, "condition": self.conditions}
        for what, names in given.items():
            if strange := [name for name in names if name not in self.known[what]]:
                raise InputError(
                    f"unknown {what} {', '.join(map(repr, strange))}; there are {', '.join(self.known[what])}"
                )
        titles = [split_title(row)[0] for row in self.rows]
        if self.against not in titles:
            raise InputError(
                f"the others are compared with {self.against!r}, which is no row; there are {', '.join(titles)}"
            )
        if twice := sorted({t for t in titles if titles.count(t) > 1}):
            raise InputError(
                f"two rows are called {', '.join(map(repr, twice))}; give each a title of its own"
            )
        if (self.dataset is None) != (self.root is None):
            raise InputError(f"dataset {self.dataset!r} and root {self.root} must be given both or neither")
        for what in ("codecs", "analysers", "qps", "scores"):
            given = getattr(self, what)
            if twice := [value for value in dict.fromkeys(given) if given.count(value) > 1]:
                raise InputError(f"{what} hold {', '.join(map(str, twice))} more than once; give each once")
            if not given and what != "scores":
                raise InputError(f"there are no {what}; give at least one")
        if len(self.qps) < 2:
            raise InputError(f"a curve needs at least two QPs; got {list(self.qps)}")
        if outside := [qp for qp in self.qps if not 0 <= qp <= 51]:
            raise InputError(f"QPs are on the H.264/HEVC scale, 0 to 51; got {', '.join(map(str, outside))}")
        if self.draws < 2:
            raise InputError(f"draws is {self.draws}; an interval needs at least 2, and 1000 are usual")
        if self.limit is not None and self.limit < 2:
            raise InputError(f"limit is {self.limit}; a bootstrap over pictures needs at least 2")

    @property
    def rows(self) -> tuple[str, ...]:
        """All conditions, the learned ones last."""
        return (*self.conditions, *self.preprocessors)


@dataclass(frozen=True)
class VideoExperiment(ImageExperiment):
    """What is measured on clips; saved with its result."""

    clips: ClassVar[bool] = True
    known: ClassVar[dict[str, tuple[str, ...]]] = {
        "material": CLIP_MATERIALS,
        "score": CLIP_SCORES,
        "condition": CLIP_BASELINE_NAMES,
    }
    codecs: tuple[str, ...] = ("x264", "x265", "svtav1", "vp9")
    """Real encoders, by their names in RealCodec."""
    conditions: tuple[str, ...] = CLIP_BASELINE_NAMES
    """Rows of the table: what stands before the codec; "codec alone" is the anchor."""
    material: str = "acting"
    """What is looked at: acting (generated scenes with exact actions and boxes), films (excerpts of real films that
    nobody labelled) or tracks (objects in films, boxes marked by eye)."""
    analysers: tuple[str, ...] = ("action_resnet3d",)
    """Analysers, by their names in analysers.load: of clips, or of pictures, which see every frame."""
    scores: tuple[str, ...] = ()
    """Only these: kl, top1, label of recognisers; ao, sr50, sr75 of trackers; divergence of detectors. Empty: all."""
    qps: tuple[int, ...] = (30, 35, 40, 45, 50)
    """On the H.264/HEVC scale."""
    gop: str = "stock"
    """stock, ippp or intra, as in RealCodec."""
    size: int | None = None
    """Side of the square that is coded, in pixels; None is the material's own: acting 224, films 176."""
    limit: int | None = 1000
    """At most so many clips; of films and public data sets from all over (None: all; of scenes a thousand)."""
    frames: int = 16
    """Frames in a clip."""
    scene_seed: int = 0
    """Which scenes are generated."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.frames < 2:
            raise InputError(f"frames is {self.frames}; a clip to be watched has at least 2")
