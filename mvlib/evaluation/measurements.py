"""What was measured of each picture or clip: rates, fidelities and scores per codec and row ↔ one small file.

The file is a plain ``.npz`` of numbers and JSON, without pickle.  Every mean, curve and interval of a result is
computed from what stands in it, and can be computed anew: against another row, with more draws.
"""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mvlib._files import replace_when_done
from mvlib.errors import InputError, MissingFile
from mvlib.samples import Crossed

from .averages import Precision, Score, join
from .bootstrap import ways
from .matching import Matches
from .scales import scale_of

Source = str | Crossed
"""Where an item comes from; of a scene its background and its actor. Items that share one are not independent."""


@dataclass
class Measurements:
    """Numbers of one codec and condition over N samples at Q QPs."""

    bpp: np.ndarray
    """(N, Q) bits per pixel of the source picture."""
    fidelity: Mapping[str, np.ndarray]
    """"psnr-rgb" and "psnr-y" in dB, "ms-ssim" (luma) → (N, Q); NaN where a picture is too small for it."""
    scores: Mapping[tuple[str, str], Score] = field(default_factory=dict)
    """(analyser, score) -> (N, Q) values, NaN where a sample has none; for "ap" a ``Precision``."""
    scales: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(analyser, score) -> its scale, "distance" or "accuracy"; empty: the known ones."""

    def scale(self, analyser: str, score: str) -> str:
        """What a mean of the score is: "distance" or "accuracy"."""
        return self.scales.get((analyser, score)) or scale_of(score, {})

    @staticmethod
    def joined(parts: "Sequence[Measurements]") -> "Measurements":
        """Numbers of all the samples of ``parts``, in their order."""
        first = parts[0]
        return Measurements(
            np.concatenate([p.bpp for p in parts]),
            {name: np.concatenate([p.fidelity[name] for p in parts]) for name in first.fidelity},
            {key: join([p.scores[key] for p in parts]) for key in first.scores},
            first.scales,
        )

    def as_stored(self) -> "Measurements":
        """The numbers as a file keeps them, in float32: what is computed from them is what a reader computes."""
        scores = {key: _stored(score) for key, score in self.scores.items()}
        fidelity = {name: _single(values) for name, values in self.fidelity.items()}
        return replace(self, bpp=_single(self.bpp), fidelity=fidelity, scores=scores)


Measured = Mapping[tuple[str, str], Measurements]
"""(codec, condition) → its numbers."""


def _single(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32).astype(np.float64)


def _stored(score: Score) -> Score:
    if isinstance(score, Precision):
        return score.compact()
    return _single(score) if isinstance(score, np.ndarray) else score


def file_of(result: str | Path) -> Path:
    """Where the measurements of the result ``x.json`` lie: ``x.npz`` beside it."""
    return Path(result).with_suffix(".npz")


def save(path: str | Path, measured: Measured, sources: Sequence[Source], belongs_to: str = "") -> None:
    """Write ``measured`` to ``path``, whole or not at all; the same numbers give the same bytes.

    Args:
        belongs_to: digest of the result that was computed from them.
    """
    each = ways(sources)
    names = [list(dict.fromkeys(way)) for way in each]
    first = next(iter(measured.values()))
    about = {
        "rows": list(map(list, measured)),
        "sources": names,
        "scores": list(map(list, first.scores)),
        "belongs_to": belongs_to,
        "scales": [[*key, scale] for key, scale in first.scales.items()],
    }
    arrays: dict[str, Any] = {
        "about": np.frombuffer(json.dumps(about, ensure_ascii=False).encode(), np.uint8),
        "source": np.array(
            [[of.index(s) for s in way] for of, way in zip(names, each, strict=True)], np.uint16
        ).T,
        "bpp": _planes([m.bpp for m in measured.values()]),
    }
    for name in first.fidelity:
        arrays[f"fidelity/{name}"] = _planes([m.fidelity[name] for m in measured.values()])
    for key, score in first.scores.items():
        every = [m.scores[key] for m in measured.values()]
        if isinstance(score, Precision):
            packed = _packed([s for s in every if isinstance(s, Precision)])
            arrays |= {f"matches/{'/'.join(key)}/{k}": v for k, v in packed.items()}
        else:
            arrays[f"score/{'/'.join(key)}"] = _planes([s for s in every if isinstance(s, np.ndarray)])
    with replace_when_done(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load(path: str | Path) -> tuple[dict[tuple[str, str], Measurements], list[Source], str]:
    """What ``save`` was given: measurements, in float32's precision, sources, digest of the result.

    Raises:
        FileNotFoundError: there is no such file.  ValueError: it is damaged, or something else.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"{path} does not exist; the measurements of a result lie beside its JSON")
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            arrays = dict(stored)
        return _read(arrays)
    except (zipfile.BadZipFile, ValueError, KeyError, EOFError, IndexError) as error:
        raise InputError(f"{path} holds no measurements of an evaluation, or is damaged: {error}") from error


def _read(arrays: Mapping[str, np.ndarray]) -> tuple[dict[tuple[str, str], Measurements], list[Source], str]:
    about = json.loads(arrays["about"].tobytes())
    sources = [
        Crossed(of[i] for of, i in zip(about["sources"], row, strict=True)) for row in arrays["source"]
    ]
    bpp = _values(arrays["bpp"])
    fidelity = {k.partition("/")[2]: _values(a) for k, a in arrays.items() if k.startswith("fidelity/")}
    scores: dict[tuple[str, str], Sequence[Score]] = {}
    for analyser, score in about["scores"]:
        name = f"{analyser}/{score}"
        if f"score/{name}" in arrays:
            scores[analyser, score] = list(_values(arrays[f"score/{name}"]))
        else:
            packed = {k.split("/")[-1]: a for k, a in arrays.items() if k.startswith(f"matches/{name}/")}
            scores[analyser, score] = _unpacked(packed)
    if wrong := [v for v in (bpp, *fidelity.values(), *scores.values()) if len(v) != len(about["rows"])]:
        raise InputError(f"{len(wrong[0])} and not {len(about['rows'])} rows")
    scales = {(analyser, score): scale for analyser, score, scale in about["scales"]}
    found = {
        (codec, row): Measurements(
            bpp[i], {k: v[i] for k, v in fidelity.items()}, {k: v[i] for k, v in scores.items()}, scales
        )
        for i, (codec, row) in enumerate(about["rows"])
    }
    return found, [of[0] if len(of) == 1 else of for of in sources], about["belongs_to"]


def _planes(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Numbers (R, N, Q) as float32, their first bytes first, then their second, …: they pack better: (4, R, N, Q)."""
    whole = np.ascontiguousarray(np.stack(rows), "<f4")
    return np.ascontiguousarray(np.moveaxis(whole.view(np.uint8).reshape(*whole.shape, 4), -1, 0))


def _values(planes: np.ndarray) -> np.ndarray:
    whole = np.ascontiguousarray(np.moveaxis(planes, 0, -1)).view("<f4")
    return whole[..., 0].astype(np.float64)


def _packed(rows: Sequence[Precision]) -> dict[str, np.ndarray]:
    """What was found in all rows at all QPs, one behind the other, and how many objects each has."""
    every = [m for row in rows for m in row.compact().matches]
    return {
        "found": np.array([len(m.score) for m in every], np.uint32).reshape(len(rows), -1),
        "picture": np.concatenate([m.picture for m in every]).astype(np.uint16),
        "label": np.concatenate([m.label for m in every]).astype(np.uint16),
        "hit": np.packbits(np.concatenate([m.hit for m in every], 1), axis=1),
        "aside": np.packbits(np.concatenate([m.aside for m in every], 1), axis=1),
        "there": np.stack([m.there for m in every]).astype(np.uint16),
    }


def _unpacked(packed: Mapping[str, np.ndarray]) -> list[Precision]:
    found = packed["found"]
    total = int(found.sum())
    flags = {k: np.unpackbits(packed[k], axis=1, count=total).astype(bool) for k in ("hit", "aside")}
    matches, start = [], 0
    for count, there in zip(found.ravel().tolist(), packed["there"], strict=True):
        of = slice(start, start + count)
        start += count
        rank = -np.arange(count, dtype=np.float64)  # they lie in the order of their scores
        hit, aside = (flags[k][:, of] for k in ("hit", "aside"))
        picture, label = (packed[k][of].astype(np.int64) for k in ("picture", "label"))
        matches.append(Matches(picture, label, rank, hit, there.astype(np.int64), aside))
    points = found.shape[1]
    return [Precision(tuple(matches[i : i + points])) for i in range(0, len(matches), points)]
