"""One page of HTML that needs nothing else: tables, curves and enlarged crops at equal bits, pictures inside."""

import base64
import io
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mvlib._files import replace_when_done
from mvlib.samples import Sample

from . import markdown
from .evaluate import Ready
from .result import Report

SIDE = 128
"""Pixels of a crop; it is shown at twice the size, pixel by pixel."""
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { border: 1px solid #ccc; padding: .3rem .7rem; text-align: left }
.crops { display: flex; flex-wrap: wrap; gap: 1rem } figure { margin: 0 } figcaption { font-size: .85rem }
.crops img { width: 256px; image-rendering: pixelated; display: block } .curves svg { max-width: 100%; height: auto }
.warning { background: #fff3cd; padding: .5rem 1rem } code { overflow-wrap: anywhere }
"""


def write_page(report: Report, ready: Ready, path: str | Path) -> None:
    """Write the result of ``ready`` as one HTML file with some pictures or excerpts, whole or not at all."""
    result = report.to_dict()
    text, _, foot = report.text().rpartition("\n\n")
    count = len(ready.material)
    shown = dict.fromkeys(i * (count - 1) // 2 for i in range(min(3, count)))  # from all over
    parts = [
        _table(text) if text.startswith("|") else f"<p>{escape(text)}</p>",
        *(
            f'<p class="{"warning" if "warning" in line else ""}">{escape(line)}</p>'
            for line in foot.split("\n")
        ),
        "<p>In brackets: not significant. An entry is the percentage of bits that a row needs for what the codec alone "
        "keeps of the analyser's answer to the clean file. DisjointCurves: the two rows have no quality in common; "
        "NonMonotoneCurve: more bits did not help.</p>",
        *_more_tables(result),
        f'<h2>Curves</h2><div class="curves">{_svg(report)}</div>',
        "<h2>Crops at equal bits</h2>",
        *(_crops_of(report, ready, i) for i in shown),
        f"<h2>How it was made</h2><p>{escape(result['material'])}</p><p><code>{escape(result['command'])}</code></p>",
        f"<p>{escape(', '.join(f'{name} {version}' for name, version in result['versions'].items()))}</p>",
    ]
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Bits and analysers</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>Bits and what analysers still see</h1>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )
    with replace_when_done(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _more_tables(result: Mapping[str, Any]) -> Iterator[str]:
    for title, table in (
        ("Percent of bits at one quality", markdown.savings_table(result)),
        (markdown.AT_EQUAL_RATE, markdown.quality_table(result)),
        ("Percent of bits at equal luma PSNR and MS-SSIM, for people", markdown.fidelity_table(result)),
    ):
        if table.count("\n") > 1:
            yield f"<h2>{title}</h2>{_table(table)}"


def _table(text: str) -> str:
    """A table of Markdown as HTML."""
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.split("\n")]
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _svg(report: Report) -> str:
    import matplotlib.pyplot as plt

    figure, drawn = report.plot(), io.StringIO()
    figure.savefig(drawn, format="svg")
    plt.close(figure)
    text = drawn.getvalue()
    return text[text.index("<svg") :]


def _crops_of(report: Report, ready: Ready, index: int) -> str:
    sample = ready.material[index]
    assert sample is not None  # it was measured
    figures = "".join(
        f'<figure><img alt="{escape(title)}" src="data:image/png;base64,{_png(pixels)}">'
        f"<figcaption>{escape(title)}</figcaption></figure>"
        for title, pixels in crops(report, ready, index, sample)
    )
    return f'<h3>{escape(str(sample.source))}</h3><div class="crops">{figures}</div>'


def crops(report: Report, ready: Ready, index: int, sample: Sample) -> Iterator[tuple[str, np.ndarray]]:
    """The part of a picture, or of the middle frame, with most detail: the clean one, and of every codec and row.

    Each is a title and uint8 (h, w, 3). The codec alone is at the middle QP; every other row is at the QP where it
    needs about the same bits.
    """
    assert report.measured is not None
    shape, qps = sample.frames.shape[1:3], np.array(ready.experiment.qps, float)
    middle = len(sample.frames) // 2
    part = most_detail(sample.frames[middle])
    yield "clean", sample.frames[middle][part]
    order = np.argsort(qps)
    qp_alone = float(qps[order[len(qps) // 2]])
    for title, codec in ready.codecs.items():
        bits_alone = 0
        for row in ready.rows:
            qp = qp_alone
            if row is not ready.rows[0]:
                needed = report.measured[title, row.name].bpp[index] * np.prod(sample.frames.shape[:3])
                qp = round(float(np.interp(-np.log(bits_alone), -np.log(needed[order]), qps[order])))
            coded = codec(row.prepare(sample.frames, qp), qp=qp)
            bits_alone = bits_alone or coded.bits
            decoded = row.restore(coded.frames, shape)[middle]
            yield f"{title}, {row.name}, QP {qp:g}, {coded.bits:,} bits", decoded[part]


def most_detail(frame: np.ndarray) -> tuple[slice, slice]:
    """Where the square of ``SIDE`` pixels with the steepest edges lies in a frame (H, W, 3); all of a small one."""
    grey = frame.astype(np.float32).mean(2)
    energy = np.zeros_like(grey)
    energy[1:] += np.abs(np.diff(grey, axis=0))
    energy[:, 1:] += np.abs(np.diff(grey, axis=1))
    heights, widths = (range(0, max(1, side - SIDE + 1), SIDE // 4) for side in grey.shape)
    squares = [(slice(y, y + SIDE), slice(x, x + SIDE)) for y in heights for x in widths]
    return max(squares, key=lambda square: energy[square].sum())


def _png(pixels: np.ndarray) -> str:
    packed = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(packed, "PNG")
    return base64.b64encode(packed.getvalue()).decode("ascii")
