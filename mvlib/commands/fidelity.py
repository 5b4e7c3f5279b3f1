"""``mvlib fidelity`` and ``mvlib agreement``: a virtual codec beside the real one → JSON and a table."""

from pathlib import Path
from typing import Any

from mvlib._files import alone, write_json
from mvlib._interruption import stopping
from mvlib.fidelity.setup import Agreement, Setup

STOPPED = "stopped; nothing is kept of a measurement that isn't finished"


def fidelity(out: Path = Path("runs/fidelity"), **options: Any) -> None:
    """Measure how faithful a virtual codec is to the real one: JSON, a table and a page of plots.

    Args:
        out: folder of the result.
        **options: see Setup.
    """
    setup = Setup(**options)
    from mvlib.fidelity.measuring import measure
    from mvlib.fidelity.page import page, table

    what = "" if setup.material == "photos" else f"_{setup.material}"
    saved = out / f"fidelity_{setup.codec}_{setup.gop}{what}.json"
    with stopping(STOPPED), alone(saved, "measurement"):
        result = measure(setup, progress=True)
        write_json(saved, result)
        drawn = page(result, saved.with_suffix(".png"))
    print(f"{table(result)}\n\nsaved to {saved}, drawn in {drawn}")


def agreement(out: Path = Path("runs/fidelity"), **options: Any) -> None:
    """Measure whether classifiers see through a virtual codec what they see through the real one: JSON and a table.

    Args:
        out: folder of the result.
        **options: see Agreement.
    """
    setup = Agreement(**options)
    from mvlib.fidelity.agreement import measure, table

    saved = out / f"agreement_{setup.codec}_{setup.gop}.json"
    with stopping(STOPPED), alone(saved, "measurement"):
        result = measure(setup, progress=True)
        write_json(saved, result)
    print(f"{table({result['name']: result})}\n\nsaved to {saved}")
