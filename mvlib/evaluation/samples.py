"""What is looked at: ``Material``, many samples, and what is printed of them with a result."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mvlib.analysers.trackers.overlap import SCORES as TRACKING
from mvlib.errors import InputError
from mvlib.samples import Sample

# Clean samples of a cell: with what is prepared and decoded of them, and of the next, a dozen times as much is held at
# once. 32 clips of 16 frames at 224x224 fit.
CELL_BYTES = 80_000_000


@dataclass(frozen=True)
class Material:
    """``count`` samples, made when they are read.

    Attributes:
        about, truth: what the samples are, and what counts as true in them; printed with the result.
        count: how many there are.
        get: gives the sample at a place, or None where it cannot be read and is left out.
        classes: the names that its labels number; None: not known, an analyser's own are taken for them.
        lacks: scores that nobody can be given here → why.
        clips: whether the samples are clips, and not pictures.
    """

    about: str
    truth: str
    count: int
    get: Callable[[int], Sample | None]
    classes: tuple[str, ...] | None = None
    lacks: Mapping[str, str] = field(default_factory=dict)
    clips: bool = False

    def __len__(self) -> int:
        return self.count

    def between(self, start: int, stop: int) -> list[Sample]:
        """Those of the samples ``start`` to ``stop`` that can be read."""
        return [sample for i in range(start, stop) if (sample := self[i]) is not None]

    def spans(self, most: int) -> list[tuple[int, int]]:
        """All places, cut into (start, stop) of at most ``most``, and of no more than fit ``CELL_BYTES``.

        The first sample that can be read tells how large they are. Raises ValueError where none can be.
        """
        first = next((sample for sample in map(self.get, range(self.count)) if sample is not None), None)
        if first is None:
            raise InputError(f"none of the {self.count} samples could be read: {self.about}")
        size = max(1, min(most, CELL_BYTES // first.frames.nbytes))
        return [(i, min(i + size, self.count)) for i in range(0, self.count, size)]

    def __getitem__(self, index: int) -> Sample | None:
        if not 0 <= index < self.count:
            raise IndexError(f"sample {index} does not exist, there are {self.count}")
        return self.get(index)


def spread(total: int, limit: int | None) -> list[int]:
    """At most ``limit`` places of ``total``, evenly apart: a list is sorted by class or film, its start is one."""
    count = total if limit is None else min(limit, total)
    return [i * total // count for i in range(count)]


# What counts as true, and what nobody can be given, as it is printed with a result.
PSEUDO = "no one labelled the objects: what the same detector finds in the clean picture counts as true (pseudo-truth)"
PSEUDO_CLIPS = (
    "nobody labelled the clips: what an analyser says of the clean clip counts as true (pseudo-truth)"
)
UNLABELLED = {"label": "nobody labelled these pictures or clips as a whole"}
UNMARKED = dict.fromkeys(TRACKING, "nobody marked an object to follow in these clips")
