"""``mvlib compare``: pictures or films of one's own → evaluation → a table, a figure and one page of HTML."""

import json
from collections.abc import Sequence
from pathlib import Path

from mvlib._arguments import command_line
from mvlib._interruption import stopping
from mvlib.errors import InputError


def compare(
    paths: list[Path],
    out: Path = Path("runs/compare"),
    codecs: tuple[str, ...] = ("x265",),
    preprocessors: tuple[str, ...] = ("contrast",),
    analysers: tuple[str, ...] = ("efficientnet_lite0", "nanodet"),
    baselines: tuple[str, ...] = ("blur 0.5",),
    qps: tuple[int, ...] | None = None,
    scores: tuple[str, ...] = (),
    frames: int = 16,
    excerpts: int = 8,
    limit: int | None = None,
    draws: int = 1000,
    cells: Path = Path("runs/cells"),
    workers: int | None = None,
    device: str = "auto",
) -> None:
    """Compare preprocessors with real codecs on your own pictures or films: bits saved, and what analysers still see.

    What counts is what an analyser says of the clean file. Intervals are drawn over files; over the shots of a film
    that is alone. A comparison that was killed goes on where it was.

    Args:
        paths: pictures, or films, or folders of them.
        out: folder for result.json (with result.npz), curves.png and page.html.
        codecs: x265, x264, svtav1, vp9; of pictures also jpeg, webp, avif.
        preprocessors: names or paths of trained ones, "module:Class", or refined:..., with "title=" before it if you
            like.
        analysers: by their names: classifiers and detectors; of films they see every frame.
        baselines: cheap tricks beside them: blur 0.5, blur 0.8, downscale 0.75, downscale 0.5, of films denoise.
        qps: on the H.264/HEVC scale; if not given 17 to 47 by 5, of films 22 and 30 to 50 by 5. BD-rates count from 22,
            or all of the QPs that are given.
        scores: only these of the analysers: kl, top1, divergence, ap, features; if not given all but features.
        frames: in an excerpt of a film.
        excerpts: most of one film, evenly spread.
        limit: most pictures or excerpts, from all over.
        draws: bootstrap samples.
        cells: folder of finished work, by what it depends on; deleting it is safe.
        workers: processes that encode; one for each core if not given.
        device: where networks work: auto, cpu or cuda.
    """
    from mvlib.datasets.readers import OwnFiles
    from mvlib.evaluation.evaluate import prepare
    from mvlib.evaluation.material import given_material
    from mvlib.evaluation.page import write_page

    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; give a folder")
    material = given_material(OwnFiles(paths, frames, excerpts), limit=limit)
    parts = {"preprocessors": preprocessors, "analysers": analysers, "codecs": codecs, "baselines": baselines}
    with stopping(f"stopped; what is finished is kept in {cells}: the same command goes on from there"):
        ready = prepare(material, qps, parts, device, draws=draws)
        report = ready.run(command_line(), scores, cells, workers)
        report.save(out / "result.json")
        report.plot().savefig(out / "curves.png", dpi=150)
        write_page(report, ready, out / "page.html")
        print(report)
        print(f"saved to {out}: page.html, curves.png, result.json")


def listed(arguments: Sequence[str]) -> list[str]:
    """``arguments`` with the paths of ``compare FILE FILE ...`` as one list, which is what the parser takes."""
    if arguments[:1] != ["compare"]:
        return list(arguments)
    options, paths, rest = [], [], iter(arguments[1:])
    for argument in rest:
        if not argument.startswith("-"):
            paths.append(argument)
            continue
        options.append(argument)
        if argument.startswith("--") and "=" not in argument and argument not in ("--help", "--print_config"):
            options += [value] if (value := next(rest, None)) is not None else []
    return ["compare", *([json.dumps(paths)] if paths else []), *options]
