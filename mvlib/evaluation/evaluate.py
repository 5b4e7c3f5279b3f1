"""An evaluation of one's own parts in one call: data, preprocessors, analysers, codecs → real streams → ``Report``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from mvlib._processes import Processes
from mvlib._store import digest
from mvlib.analysers import Analyser, as_analyser
from mvlib.codecs import Codec, RealCodec
from mvlib.errors import InputError, InputTypeError

from .comparison import HOW
from .conditions import BASELINES, Condition, Step, condition, row_of
from .experiment import ANCHOR, Experiment, split_title
from .identity import facts
from .material import Material, given_material
from .protocol import measure
from .report import make_report
from .result import Report


def evaluate(
    data: Any,
    preprocessors: Mapping[str, Step] | Sequence[str] = (),
    analysers: Mapping[str, str | nn.Module] | Sequence[str] = ("efficientnet_lite0", "efficientnet_lite2"),
    codecs: Mapping[str, str | Codec] | Sequence[str | Codec] = ("x265",),
    qps: Sequence[float] | None = None,
    *,
    baselines: Sequence[str] = ("blur 0.5",),
    against: str = ANCHOR,
    bd_from: float | None = None,
    scores: Sequence[str] = (),
    draws: int = 1000,
    seed: int = 0,
    cells: str | Path | None = None,
    limit: int | None = None,
    frames: int = 16,
    workers: int | None = None,
    device: str = "auto",
    progress: bool = True,
) -> Report:
    """Measure preprocessors in front of real codecs: rate, and what analysers make of decoded pictures or clips.

    Args:
        data: what ``mvlib.open_dataset`` gives; a folder; file names; or uint8 arrays, (H, W, 3) a picture,
            (T, H, W, 3) a clip, as a list or by the name of their source. A confidence interval needs two sources.
            Of long films ``datasets.readers.OwnFiles`` takes several excerpts.
        preprocessors: titles → a name or path as for ``load_preprocessor``, "refined:…", a module (pictures
            (B, 3, H, W) in [0, 1] and qp (B,) → the same shape; of clips see ``conditions.row_of``), or a function of
            uint8 frames (T, H, W, 3) and qp → the same. Or a list of names.
        analysers: titles → a name as for ``load_analyser``, an ``Analyser``, or any module that takes pictures
            (B, 3, H, W) in [0, 1], as large as they are, and gives logits. Or a list of names.
        codecs: names (intra for pictures, stock for clips), ``Codec`` objects, or titles → either.
        qps: on the codecs' scale, 0..51; two or more. None: 17 to 47 by 5, of clips 22 and 30 to 50 by 5.
        baselines: rows beside them, that a preprocessor must beat: "blur 0.5", "blur 0.8", "downscale 0.75",
            "downscale 0.5", of clips "denoise". The codec alone always is a row.
        against: title of the row that the others are compared with.
        bd_from: the QP from which points count in BD-rates; curves and savings at one quality show finer ones too.
            None: 22, or all of the QPs that are given.
        scores: only these; empty: all that the analysers have for such data.
        draws, seed: of the bootstrap.
        cells: folder of finished work, by all that it depends on; None keeps it in memory. What it holds of parts of
            your own is found again only while their code and weights are the same.
        limit: most pictures or clips, from all over the data.
        frames: of the window in the middle of a film, where files are given.
        workers: processes that encode; None: one for each core.
        device: where networks work: "auto" takes a GPU where there is one; or "cpu", "cuda".
        progress: show bars.

    Raises:
        TypeError, ValueError: something that cannot be evaluated; the message names it.  FileNotFoundError: not there.

    Example:
        >>> import numpy as np, torch, mvlib
        >>> pictures = list(np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8))
        >>> def flatten(frames, qp):  # less contrast the higher the QP
        ...     return (128 + (frames.astype(float) - 128) * (1 - qp / 200)).astype(np.uint8)
        >>> classifier = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5), torch.nn.AdaptiveAvgPool2d(1),
        ...                                  torch.nn.Flatten())
        >>> report = mvlib.evaluate(pictures, {"flat": flatten}, {"own": classifier}, ["jpeg"], [30, 40, 50],
        ...                         baselines=[], draws=20, progress=False)
        >>> value, low, high = report.bd_rate("jpeg", "flat", "own")
        >>> report.to_dict()["n"]
        3
    """
    parts = {"preprocessors": preprocessors, "analysers": analysers, "codecs": codecs, "baselines": baselines}
    material = given_material(data, frames, limit)
    ready = prepare(material, qps, parts, device, against=against, bd_from=bd_from, draws=draws, seed=seed)
    return ready.run("mvlib.evaluate(…)", scores, cells, workers, progress)


@dataclass(frozen=True)
class Ready:
    """An evaluation whose parts have been looked at, and that can begin.

    Attributes:
        material: what is coded.
        experiment: which rows, QPs and bootstrap.
        rows, codecs, analysers: the parts, in the order of the result.
        options: the parts in words, for the result.
        device: where networks work.
    """

    material: Material
    experiment: Experiment
    rows: Sequence[Condition]
    codecs: Mapping[str, Codec]
    analysers: Mapping[str, Analyser]
    options: Mapping[str, Any]
    device: str

    def run(
        self,
        command: str,
        scores: Sequence[str] = (),
        cells: str | Path | None = None,
        workers: int | None = None,
        progress: bool = True,
    ) -> Report:
        """Measure it; arguments as of ``evaluate``."""
        parts = {k: getattr(self, k) for k in ("analysers", "codecs", "rows", "material", "device")}
        given = {"scores": scores, "workers": workers}
        measured, sources = measure(self.experiment, progress, cells=cells, **parts, **given)
        options = {**self.options, "scores": list(scores)}
        result = make_report(self.experiment, measured, sources, command, self.material, options, workers)
        return Report(result, measured, sources)


def prepare(
    material: Material,
    qps: Sequence[float] | None,
    parts: Mapping[str, Any],
    device: str = "auto",
    **compared: Any,
) -> Ready:
    """Look at the parts of an evaluation: what cannot be measured is named before anything is.

    Args:
        parts: "preprocessors", "analysers", "codecs", "baselines" as of ``evaluate``.
        **compared: "against", "bd_from", "draws", "seed".
    """
    looking, steps = (titled(parts[name], name) for name in ("analysers", "preprocessors"))
    seen = {title: as_analyser(title, given) for title, given in looking.items()}
    gop = "stock" if material.clips else "intra"
    coders = {title: _codec(title, given, gop) for title, given in _by_name(parts["codecs"]).items()}
    compared |= {} if qps is None else {"qps": tuple(qps)}
    experiment = Experiment(
        "clips" if material.clips else "pictures",
        codecs=tuple(coders),
        conditions=(ANCHOR, *(name for name in parts["baselines"] if name != ANCHOR)),
        preprocessors=tuple(f"{title}=given" for title in steps),
        analysers=tuple(seen),
        **compared,
    )
    rows = [condition(name, experiment.qps) for name in experiment.conditions]
    where = Processes(device).device
    rows += [row_of(title, step, experiment.qps, where) for title, step in steps.items()]
    options = {
        "codecs": {title: _described(codec) for title, codec in coders.items()},
        "conditions": list(experiment.conditions),
        "preprocessors": {title: _described(step) for title, step in steps.items()},
        "analysers": {title: _described(given) for title, given in looking.items()},
        **{name: getattr(experiment, name) for name in HOW},
    }
    return Ready(material, experiment, rows, coders, seen, options, device)


def titled(given: Mapping[str, Any] | Sequence[str], what: str) -> dict[str, Any]:
    """Titles → parts; a name without a title is its own.

    Raises TypeError for an object without a title, and ValueError for a title that cannot stand in a table of results.
    """
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, Mapping):
        if nameless := [thing for thing in given if not isinstance(thing, str)]:
            raise InputTypeError(
                f"{what} hold a {type(nameless[0]).__name__} without a title; give {{'title': it}}"
            )
        given = dict(map(split_title, given))
    for title, thing in given.items():
        if title != thing and (not isinstance(title, str) or not title or set(title) & set("=:/\\|")):
            raise InputError(f"{what} have the title {title!r}; give text without any of = : / \\ |")
        if title in BASELINES:
            raise InputError(f"{what} have the title {title!r}, which is a baseline's; give it another")
    return dict(given)


def _by_name(codecs: Mapping[str, str | Codec] | Sequence[str | Codec]) -> dict[str, str | Codec]:
    """Titles → codecs; one without a title is called by its name."""
    if isinstance(codecs, Mapping):
        return titled(codecs, "codecs")
    listed = [codecs] if isinstance(codecs, str | Codec) else list(codecs)
    names = [codec if isinstance(codec, str) else getattr(codec, "name", "") for codec in listed]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise InputError(f"two codecs are called {twice[0]!r}; give {{'title': codec}}")
    return dict(zip(names, listed, strict=True))


def _codec(title: str, given: str | Codec, gop: str) -> Codec:
    if isinstance(given, str):
        return RealCodec(given, gop=gop)
    if not isinstance(given, Codec):
        raise InputTypeError(f"codec {title!r} is {type(given).__name__}; give a name or an mvlib Codec")
    return given


def _described(thing: Any) -> str:
    """A part in a word, for the result: a name, or what was given and a digest of all that it is made of."""
    if isinstance(thing, str | Path):
        return str(thing)
    if isinstance(thing, RealCodec):
        return repr(thing)
    kind = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{kind.__module__}.{kind.__qualname__} {digest(*facts(thing))[:12]}"
