"""``mvlib report``: the JSON of an evaluation and its measurements → tables and intervals, computed anew."""

from pathlib import Path


def report(
    file: Path,
    against: str | None = None,
    draws: int | None = None,
    seed: int | None = None,
    columns: tuple[str, ...] = (),
    curve: str | None = None,
    out: Path | None = None,
    workers: int | None = None,
) -> None:
    """Print the tables of a result, with all numbers computed anew from the measurements beside it.

    Args:
        file: the JSON of an evaluation; its measurements lie beside it.
        against: title of the row that the others are compared with; that of the result if not given.
        draws: bootstrap samples; those of the result if not given.
        seed: of the bootstrap.
        columns: which qualities the tables show: kl, top1, label, divergence, ap, ...; all if not given.
        curve: also print this column at every QP, as bpp, psnr-y, ms-ssim or top1:efficientnet_lite0.
        out: save the new result there, as JSON with its measurements.
        workers: processes that share the bootstrap; one for each core if not given.
    """
    from mvlib.evaluation import markdown
    from mvlib.evaluation.result import Report

    found = Report.load(file).recomputed(against, draws, seed, workers)
    result, wanted = found.to_dict(), columns or None
    print(found.text(wanted))
    for title, table in (
        ("Percent of bits at one quality", markdown.savings_table(result, _there(result["savings"], wanted))),
        ("Percent of bits at equal luma PSNR and MS-SSIM", markdown.fidelity_table(result)),
        ("Percent of bits by a monotone fit of the curves", markdown.monotone_table(result, wanted)),
        ("Share of the draws that save bits, P(BD-rate < 0)", markdown.probability_table(result, wanted)),
    ):
        if table.count("\n") > 1:
            print(f"\n{title}\n\n{table}")
    if curve:
        print(f"\n{curve}\n\n{markdown.curve_table(result, curve)}")
    if out:
        found.save(out)
        print(f"saved to {out}")


def _there(rows: list[dict], wanted: tuple[str, ...] | None) -> list[str] | None:
    """Those of the ``wanted`` qualities that ``rows`` has; a table of savings has not all."""
    return wanted and [name for name in wanted if any(row["quality"] == name for row in rows)]
