"""Options of a fidelity report and an agreement, as data: saved with the result. Imports nothing heavy."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Setup:
    """Options of a fidelity report: a virtual codec beside the real one.

    Attributes:
        codec: "x264", "x265" or "jpeg".  gop: see ``RealCodec``.
        material: "photos" (single pictures), "clips" or "cameras" (seven test films).  split: of the data set.
        count: at most so many pictures or clips.  size: side of the square.  frames: of a clip.
        qps: every picture is coded at each.  edit_qps, edit_count: the sign test's; its pictures are the first ones.
        analyser: whose top-1 class is compared; "" leaves it out.
    """

    codec: str = "x265"
    gop: str = "intra"
    material: str = "photos"
    split: str = "test"
    count: int = 120
    size: int = 224
    frames: int = 8
    qps: tuple[int, ...] = (22, 27, 32, 37, 42, 47, 51)
    edit_qps: tuple[int, ...] = (27, 37, 47)
    edit_count: int = 24
    analyser: str = "efficientnet_lite0"


@dataclass(frozen=True)
class Agreement:
    """Options of an agreement: analysers with a virtual codec and with the real one.

    Attributes:
        codec, gop: see ``RealCodec``.
        splits: of the photographs.  size: side of the square.
        crops: squares of each photograph: the largest in its centre, then others drawn at random.
        qps: every picture is coded at each.  analysers: classifiers.
    """

    codec: str = "x265"
    gop: str = "intra"
    splits: tuple[str, ...] = ("test", "val")
    size: int = 224
    crops: int = 2
    qps: tuple[int, ...] = (27, 32, 37, 42, 47)
    analysers: tuple[str, ...] = ("efficientnet_lite0", "efficientnet_lite2")
