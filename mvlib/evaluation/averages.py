"""What was scored, ready to be averaged anew: a value per picture, or matched objects → weights → mean per QP.

Most scores have one value per picture and QP.  Average precision has not: it is one number of a whole set.  Both
answer the same question, "what is the mean if the pictures count this often?", which is all a bootstrap asks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from mvlib._store import digest
from mvlib.errors import InputError

from .matching import Matches


@dataclass(frozen=True)
class Precision:
    """Average precision of N pictures at Q operating points: what was found there, already matched."""

    matches: tuple[Matches, ...]

    def __len__(self) -> int:
        return len(self.matches[0].there)

    def means(self, weights: np.ndarray) -> np.ndarray:
        """AP in [0, 1] for each weighting of the pictures: (R, N) → (R, Q)."""
        return np.stack([m.average_precision(weights) for m in self.matches], 1)

    def compact(self) -> "Precision":
        """The same means out of as little as they need."""
        return Precision(tuple(m.compact() for m in self.matches))


@dataclass(frozen=True)
class Drawn:
    """The means of a ``Precision`` under all weightings of one bootstrap, taken once: what is costly in it is done.

    values: (R, Q).  of: digest of these weightings.  count: N pictures.
    """

    values: np.ndarray
    of: str
    count: int

    @classmethod
    def once(cls, score: Precision, weights: np.ndarray) -> "Drawn":
        """``score`` under ``weights`` (R, N), of which the first row counts every picture once."""
        return cls(score.means(weights), digest(weights), len(score))

    def __len__(self) -> int:
        return self.count

    def means(self, weights: np.ndarray) -> np.ndarray:
        """As those of the ``Precision``. Raises ValueError for other weights than those that they were taken with."""
        if len(weights) == 1 and (weights == 1).all():
            return self.values[:1]
        if digest(weights) != self.of:
            raise InputError(f"these means were taken with other weights than the {weights.shape} given")
        return self.values


Stored = np.ndarray | Precision
"""(N, Q) values, NaN where a picture has none, or a ``Precision``."""
Score = Stored | Drawn
"""The same, or what is left of a ``Precision`` after a bootstrap."""


def means(score: Score, weights: np.ndarray) -> np.ndarray:
    """Mean of ``score`` at every operating point for each weighting of the pictures: (R, N) → (R, Q).

    A NaN doesn't count; where nothing counts the mean is NaN.
    """
    if not isinstance(score, np.ndarray):
        return score.means(weights)
    known = ~np.isnan(score)
    with np.errstate(invalid="ignore"):
        return weights @ np.where(known, score, 0) / (weights @ known)


def plain_means(score: Score) -> np.ndarray:
    """Means with every picture counted once: (Q,)."""
    return means(score, np.ones((1, len(score))))[0]


def join(parts: Sequence[Score]) -> Score:
    """One score of all the pictures of ``parts``, in their order."""
    matches = [part.matches for part in parts if isinstance(part, Precision)]
    if matches:
        return Precision(tuple(map(Matches.joined, zip(*matches, strict=True))))
    return np.concatenate([part for part in parts if isinstance(part, np.ndarray)])


def to_arrays(name: str, score: Stored) -> dict[str, np.ndarray]:
    """``score`` as arrays to be stored under keys that begin with ``name``."""
    if not isinstance(score, Precision):
        return {name: score}
    return {
        f"{name}/{i}/{f.name}": getattr(m, f.name) for i, m in enumerate(score.matches) for f in fields(m)
    }


def with_scores(arrays: Mapping[str, np.ndarray], scores: Mapping[str, Stored]) -> dict[str, np.ndarray]:
    """``arrays`` as ``to_arrays`` makes them, with ``scores`` in place of what stood there under these names."""
    kept = {key: array for key, array in arrays.items() if key.split("/")[0] not in scores}
    return kept | {k: v for name, score in scores.items() for k, v in to_arrays(name, score).items()}


def from_arrays(arrays: Mapping[str, np.ndarray]) -> dict[str, Stored]:
    """The scores that ``to_arrays`` took apart, by name."""
    scores: dict[str, Stored] = {k: v for k, v in arrays.items() if "/" not in k}
    for name in dict.fromkeys(k.split("/")[0] for k in arrays if "/" in k):
        points = dict.fromkeys(k.split("/")[1] for k in arrays if k.startswith(f"{name}/"))
        scores[name] = Precision(
            tuple(
                Matches(**{f.name: arrays[f"{name}/{i}/{f.name}"] for f in fields(Matches)}) for i in points
            )
        )
    return scores
