"""The report of fidelity: result of ``measuring.measure`` → a table as text, a page of plots."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mvlib._files import replace_when_done
from mvlib.evaluation.markdown import markdown


def table(result: dict) -> str:
    """The result as text, one line a QP."""
    lines = [
        "qp   dPSNR y     u     v   to real: virtual source   bits: median error  bias   Spearman   top-1 real virtual"
    ]
    for qp, row in result["qps"].items():
        d = row["psnr_difference"]
        seen = f"{row['top1_real']:.3f} {row['top1_virtual']:.3f}" if "top1_real" in row else ""
        error = f"{100 * row['median_relative_error']:6.2f} % {100 * row['bias']:+6.2f} %"
        lines.append(
            f"{qp:>3} {d['y']:+7.2f} {d['u']:+5.2f} {d['v']:+5.2f} {row['psnr_to_real']['y']:15.1f} "
            f"{row['psnr_real']['y']:7.1f} {error:>20} {row['spearman']:9.4f}   {seen}"
        )
    rate, sign = result["rate"], result["sign_test"]
    lines.append(
        f"all: median error {100 * rate['median_relative_error']:.2f} %, Pearson of log bits {rate['pearson_log']:.4f}"
    )
    kinds = {"all": sign["all"], **sign["edits"], **{f"QP {q}": r for q, r in sign["qps"].items()}}
    for name, row in kinds.items():
        if row["n"]:
            change = row["mean_change"]
            lines.append(
                f"sign test, {name}: {row['share']:.3f} of {row['n']}; "
                f"mean change virtual {100 * change['virtual']:+.2f} %, real {100 * change['real']:+.2f} %"
            )
    twin = sign["twin"]
    if twin["n"]:
        lines.append(
            f"the real encoder against itself on trembling twins: {twin['share']:.3f} of {twin['n']}"
        )
    return "\n".join(lines)


def page(result: dict, path: str | Path) -> Path:
    """Draw a result: bits against bits, PSNR difference, errors within a QP, agreement of the analyser; PNG or PDF."""
    import matplotlib.pyplot as plt

    qps = [int(qp) for qp in result["qps"]]
    rows = list(result["qps"].values())
    figure, axes = plt.subplots(2, 2, figsize=(11, 9), layout="constrained")
    bits, decibel, ratio, seen = axes.flat
    for qp, row in zip(qps, rows, strict=True):
        bits.loglog(row["bits_real"], row["bits_virtual"], ".", ms=4, label=f"QP {qp}")
    bits.axline((1e4, 1e4), (1e5, 1e5), color="0.6", lw=1)
    bits.set(xlabel="real bits", ylabel="virtual bits", title="bits of each picture")
    bits.legend()
    for plane in "yuv":
        decibel.plot(qps, [row["psnr_difference"][plane] for row in rows], "o-", label=plane)
    decibel.axhspan(-0.5, 0.5, color="0.92", zorder=0)
    decibel.set(xlabel="QP", ylabel="dB", title="PSNR, virtual minus real; band: ±0.5 dB")
    decibel.legend()
    ratio.boxplot([np.divide(row["bits_virtual"], row["bits_real"]) for row in rows], tick_labels=qps)
    ratio.axhline(1, color="0.6", lw=1)
    ratio.set(xlabel="QP", ylabel="virtual bits / real bits", title="ratio of bits")
    if "top1_real" in rows[0]:
        for name in ("real", "virtual"):
            seen.plot(qps, [row[f"top1_{name}"] for row in rows], "o-", label=f"through the {name} codec")
        seen.legend()
    seen.set(xlabel="QP", ylabel="share", title="top-1 class as on the clean picture")
    setup = result["setup"]
    figure.suptitle(
        f"{result['name']}, gop {setup['gop']}, {result['n']} {setup['material']} ({setup['split']})"
    )
    with replace_when_done(path) as temporary:
        figure.savefig(temporary, dpi=110)
    plt.close(figure)
    return Path(path)


def summary(results: dict[str, dict]) -> str:
    """Results by name as a Markdown table, one line each: the span over QP of each measure, its worst end included."""
    head = [
        *("virtual codec", "luma PSNR, dB", "chroma PSNR, dB", "bits, median error", "log-bits, Pearson"),
        *("bits in one QP, least Spearman", "edits with the right sign"),
    ]
    lines = [head]
    for name, result in results.items():
        rows = list(result["qps"].values())
        luma = [row["psnr_difference"]["y"] for row in rows]
        chroma = [row["psnr_difference"][plane] for row in rows for plane in "uv"]
        sign = result["sign_test"]["all"]
        cells = [
            name,
            f"{min(luma):+.2f} to {max(luma):+.2f}",
            f"{min(chroma):+.2f} to {max(chroma):+.2f}",
            f"{100 * result['rate']['median_relative_error']:.1f} %",
            f"{result['rate']['pearson_log']:.4f}",
            f"{min(row['spearman'] for row in rows):.3f}",
            f"{100 * sign['share']:.1f} % of {sign['n']}" + _of_twin(result["sign_test"])
            if sign["n"]
            else "–",
        ]
        lines.append(cells)
    return markdown(lines)


def pixels(results: dict[str, dict]) -> str:
    """Results by name as a Markdown table: luma PSNR to the real decode at each QP, of the virtual one / the source."""
    qps = list(next(iter(results.values()))["qps"])
    lines = [["virtual codec", *(f"QP {qp}" for qp in qps)]]
    for name, result in results.items():
        rows = (result["qps"][qp] for qp in qps)
        lines.append(
            [name, *(f"{row['psnr_to_real']['y']:.1f} / {row['psnr_real']['y']:.1f}" for row in rows)]
        )
    return markdown(lines)


def _of_twin(sign: dict) -> str:
    """Beside a share of right signs: its interval, and what the real encoder reaches against itself."""
    if "twin" not in sign:
        return ""
    low, high = (100 * x for x in sign["all"]["interval"])
    return f" [{low:.0f}, {high:.0f}]; itself {100 * sign['twin']['share']:.1f} % of {sign['twin']['n']}"
