"""What is measured, as data: the options of an experiment, saved with its result. Imports nothing heavy."""

from dataclasses import dataclass

ANCHOR = "codec alone"
BASELINE_NAMES = (ANCHOR, "blur 0.5", "blur 0.8", "downscale 0.75")


@dataclass(frozen=True)
class ImageExperiment:
    """What is measured; saved with its result."""

    codecs: tuple[str, ...] = ("x265", "x264", "svtav1", "vp9", "jpeg", "webp", "avif")
    """Real encoders, by their names in RealCodec."""
    conditions: tuple[str, ...] = BASELINE_NAMES
    """Rows of the table: what stands before the codec; "codec alone" is the anchor."""
    preprocessors: tuple[str, ...] = ()
    """More rows: trained preprocessors, by name or path of their weights."""
    analysers: tuple[str, ...] = ("efficientnet_lite0", "efficientnet_lite2")
    """The machines that look, by their names in analysers.load."""
    qps: tuple[int, ...] = (27, 32, 37, 42, 47)
    """On the H.264/HEVC scale; five points so that a PCHIP curve has three inner ones."""
    gop: str = "intra"
    """stock, ippp or intra, as in RealCodec."""
    preset: str = "medium"
    """The encoders' preset."""
    split: str = "test"
    """Which photographs: train, val or test."""
    size: int = 224
    """Side of the square that is coded, in pixels: the analysers' own scale, where compression hurts."""
    limit: int | None = None
    """Use the first so many pictures only (None: all)."""
    draws: int = 1000
    """Bootstrap samples."""
    seed: int = 0
    """Seed of the bootstrap; nothing else is drawn."""

    def __post_init__(self) -> None:
        unknown = [c for c in self.conditions if c not in BASELINE_NAMES]
        if unknown:
            raise ValueError(f"unknown conditions {unknown}; there are {list(BASELINE_NAMES)}")
        if ANCHOR not in self.conditions:
            raise ValueError(f"conditions must hold {ANCHOR!r}, which the others are compared with")
        if len(self.qps) < 2:
            raise ValueError(f"a curve needs at least two QPs; got {list(self.qps)}")
        if self.limit is not None and self.limit < 2:
            raise ValueError(f"limit is {self.limit}; a bootstrap over pictures needs at least 2")

    @property
    def rows(self) -> tuple[str, ...]:
        """All conditions, the learned ones last."""
        return (*self.conditions, *self.preprocessors)
