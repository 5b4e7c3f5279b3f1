"""``mvlib fidelity`` and ``mvlib agreement``: a virtual codec beside the real one → JSON and a table."""

from pathlib import Path

from mvlib.fidelity_setup import Agreement, Setup


def fidelity(out: Path = Path("runs/fidelity"), **options) -> None:
    """Measure how faithful a virtual codec is to the real one: JSON, a table and a page of plots.

    Args:
        out: folder of the result.
        **options: see Setup.
    """
    setup = Setup(**options)
    from mvlib.fidelity import measure, store
    from mvlib.fidelity_page import page, table

    result = measure(setup, progress=True)
    what = "" if setup.material == "photos" else f"_{setup.material}"
    saved = store(result, out / f"fidelity_{setup.codec}_{setup.gop}{what}.json")
    drawn = page(result, saved.with_suffix(".png"))
    print(f"{table(result)}\n\nsaved to {saved}, drawn in {drawn}")


def agreement(out: Path = Path("runs/fidelity"), **options) -> None:
    """Measure whether classifiers see through a virtual codec what they see through the real one: JSON and a table.

    Args:
        out: folder of the result.
        **options: see Agreement.
    """
    setup = Agreement(**options)
    from mvlib.fidelity import store
    from mvlib.fidelity_agreement import measure, table

    result = measure(setup, progress=True)
    saved = store(result, out / f"agreement_{setup.codec}_{setup.gop}.json")
    print(f"{table({result['name']: result})}\n\nsaved to {saved}")
