"""What is measured, as data: the options of an experiment, saved with its result. Imports nothing heavy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mvlib._numbers import check_numbers
from mvlib.errors import InputError

from .scales import SCORES

ANCHOR = "codec alone"
_BASELINES = (ANCHOR, "blur 0.5", "blur 0.8", "downscale 0.75", "downscale 0.5")
BD_FROM = 22
"""The QP from which points of the usual ones count in BD-rates: finer ones cost bits that few would spend."""


@dataclass(frozen=True)
class Kind:
    """What there is to measure on pictures or on clips, and what is usual.

    Attributes:
        result: the name of a result.
        materials: names of what can be looked at, the usual one first.
        conditions: baselines, the codec alone first.
        usual: options of an experiment that are not given.
    """

    result: str
    materials: tuple[str, ...]
    conditions: tuple[str, ...]
    usual: Mapping[str, Any]


KINDS: Mapping[str, Kind] = {
    "pictures": Kind(
        "images",
        ("photos", "pedestrians", "pasted"),
        _BASELINES,
        {
            "codecs": ("x265", "x264", "svtav1", "vp9", "jpeg", "webp", "avif"),
            "analysers": ("efficientnet_lite0", "efficientnet_lite2"),
            "qps": (17, 22, 27, 32, 37, 42, 47),
            "gop": "intra",
            "frames": 1,
        },
    ),
    "clips": Kind(
        "clips",
        ("acting", "films", "cameras", "tracks"),
        (*_BASELINES, "denoise"),
        {
            "codecs": ("x264", "x265", "svtav1", "vp9"),
            "analysers": ("action_resnet3d",),
            "qps": (22, 30, 35, 40, 45, 50),
            "gop": "stock",
            "frames": 16,
            "limit": 1000,
        },
    ),
}


def split_title(row: str) -> tuple[str, str]:
    """Title and what it stands for, of a row "title=what"; a row without a title is its own.

    A title holds no "=", ":", "/" or backslash, so what has one of these before its first "=" has no title:
    "runs/lr=3e-3/p.safetensors" is a path, and so is "./lr=3e-3/p.safetensors", which needs the "./".
    """
    title, equals, what = row.partition("=")
    return (title, what) if equals and title and not set(title) & set(":/\\") else (row, row)


def check_compared(bd_from: float, qps: Sequence[float], draws: int) -> None:
    """Raise ValueError unless two of ``qps`` count in a BD-rate, and its interval is of two ``draws`` or more."""
    if sum(qp >= bd_from for qp in qps) < 2:
        raise InputError(f"bd_from is {bd_from}; of the QPs {list(qps)} two at least must be as high")
    if draws < 2:
        raise InputError(f"draws is {draws}; an interval needs at least 2, and 1000 are usual")


def _usual() -> Any:
    """An option that takes the usual value of its kind where it is not given."""
    return field(default=None)


@dataclass(frozen=True)
class Experiment:
    """What is measured; saved with its result."""

    kind: str = "pictures"
    """pictures or clips."""
    codecs: tuple[str, ...] = _usual()
    """Real encoders, by their names in RealCodec; the usual: of clips x264, x265, svtav1, vp9, of pictures these and
    jpeg, webp, avif."""
    conditions: tuple[str, ...] = _usual()
    """Rows of the table: what stands before the codec; "codec alone" is the anchor; the usual: all baselines."""
    preprocessors: tuple[str, ...] = ()
    """More rows: trained preprocessors, by name or path of their weights, with "title=" before it if the table shall
    say that (a title holds no ":", "/" or "="); "{qp}" in a path stands for each QP in turn, one network for each. And
    "refined:CODECS:ANALYSERS:STEPS": each picture or clip refined by gradient steps through the virtual codec, as in
    mvlib.preprocess.Refinement; with ":real=avif" at its end by the values of that encoder."""
    against: str = ANCHOR
    """Title of the row that the others are compared with. With a row of a cheap trick here, the same pictures
    say whether a network beats it."""
    material: str = _usual()
    """What is looked at. Pictures: photos (the usual), pedestrians (frames of a film; no one labelled the objects) or
    pasted (photographs with pasted cut-outs, whose boxes are exact). Clips: acting (the usual: generated scenes with
    exact actions and boxes), films (excerpts of real films that nobody labelled), cameras (the same of seven other
    films of the test side, each by a camera of its own) or tracks (objects in films, boxes marked by eye)."""
    dataset: str | None = None
    """A data set in place of ``material``: imagenet, imagenette, voc, coco, of clips kinetics400, got10k; or folder:
    any folder of pictures or clips, which nobody labelled and which has no split."""
    root: Path | None = None
    """Folder of the data set."""
    reader: dict[str, str | int | None] = field(default_factory=dict)
    """More options of its reader, such as {"short_side": 256} or {"year": 2007}; of pasted pictures {"groups": 38}, of
    generated scenes {"held_out": true}: actions and a camera of no training."""
    analysers: tuple[str, ...] = _usual()
    """Analysers, by their names in analysers.load; those of pictures see every frame of a clip. The usual:
    efficientnet_lite0 and efficientnet_lite2, of clips action_resnet3d."""
    scores: tuple[str, ...] = ()
    """Only these: kl, top1, label of classifiers and recognisers; divergence, ap of detectors (ap of pictures alone);
    ao, sr50, sr75 of trackers; features, the distance of late maps. Empty: all but features."""
    qps: tuple[int | float, ...] = _usual()
    """On the H.264/HEVC scale; the usual: 17 to 47 by 5, of clips 22 and 30 to 50 by 5: curves begin where analysers
    are hardly ever wrong."""
    bd_from: int | float = _usual()
    """The QP from which points count in BD-rates; curves and savings at one quality show finer ones too. The usual: 22,
    but where QPs are given and this is not, all of them count."""
    gop: str = _usual()
    """stock, ippp or intra, as in RealCodec; the usual: intra, of clips stock."""
    preset: str = "medium"
    """The encoders' preset."""
    split: str = "test"
    """Which side of the data: train, val or test."""
    size: int | None = None
    """Side of the square that is coded, in pixels; None is the material's own, where compression hurts: photos 224,
    acting 224, films 176, cameras 176."""
    limit: int | None = None
    """At most so many pictures or clips: the first; of real films and public data sets some from all over. None: all
    pictures, 120 pasted ones, a thousand clips; of what is generated any number can be made."""
    frames: int = _usual()
    """Frames in a clip; the usual: 16."""
    scene_seed: int = 0
    """Which scenes are generated."""
    draws: int = 1000
    """Bootstrap samples."""
    seed: int = 0
    """Seed of the bootstrap; nothing else is drawn."""
    dry_run: bool = False
    """Networks with random weights, which need no download: shows that all data are found; its numbers mean nothing."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"kind is {self.kind!r}; give one of {', '.join(KINDS)}")
        of = KINDS[self.kind]
        if self.bd_from is None:
            object.__setattr__(self, "bd_from", BD_FROM if self.qps is None else 0)
        for name, value in {"conditions": of.conditions, "material": of.materials[0], **of.usual}.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        check_numbers(self)
        self._check_names()
        for what in ("codecs", "analysers", "qps", "scores"):
            given = getattr(self, what)
            if twice := [value for value in dict.fromkeys(given) if given.count(value) > 1]:
                raise InputError(f"{what} hold {', '.join(map(str, twice))} more than once; give each once")
            if not given and what != "scores":
                raise InputError(f"there are no {what}; give at least one")
        self._check_counts()

    def _check_names(self) -> None:
        of = KINDS[self.kind]
        scores = tuple(name for name, score in SCORES.items() if self.kind in score.kinds)
        for what, names, known in (
            ("material", (self.material,), of.materials),
            ("score", self.scores, scores),
            ("condition", self.conditions, of.conditions),
        ):
            if strange := [name for name in names if name not in known]:
                raise InputError(
                    f"unknown {what} {', '.join(map(repr, strange))}; there are {', '.join(known)}"
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

    def _check_counts(self) -> None:
        if len(self.qps) < 2:
            raise InputError(f"a curve needs at least two QPs; got {list(self.qps)}")
        check_compared(self.bd_from, self.qps, self.draws)
        if outside := [qp for qp in self.qps if not 0 <= qp <= 51]:
            raise InputError(f"QPs are on the H.264/HEVC scale, 0 to 51; got {', '.join(map(str, outside))}")
        if self.limit is not None and self.limit < 2:
            raise InputError(f"limit is {self.limit}; a bootstrap over pictures needs at least 2")
        if self.clips and self.frames < 2:
            raise InputError(f"frames is {self.frames}; a clip to be watched has at least 2")
        if not self.clips and self.frames != 1:
            raise InputError(f"frames is {self.frames}; a picture has 1, and kind='clips' has more")

    @property
    def clips(self) -> bool:
        """Whether clips are measured, and not pictures."""
        return self.kind == "clips"

    @property
    def rows(self) -> tuple[str, ...]:
        """All conditions, the learned ones last."""
        return (*self.conditions, *self.preprocessors)
