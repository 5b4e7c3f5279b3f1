"""One QP for all: qp 0..51 → table measured against x265 → the encoder's own number.

x264 and x265 have this scale themselves. For the others ``qp_tables.json`` holds, for every whole qp, the native value
at which the mean luma PSNR over photographs (stock GOPs: clips) is that of x265; ``mvlib/calibration/qp_tables.py``
made it and says how. Where a codec cannot reach x265's quality the table stays at the end of the scale: the table names
the qp from which on (``reached``).
"""

import json
from functools import cache

import numpy as np

from mvlib._numbers import is_number
from mvlib._packaged import finite, packaged, reading
from mvlib.errors import InputError, InputTypeError

from .encoders import ENCODERS, QP_MAX


@cache
def tables() -> dict:
    """``qp_tables.json``: codec -> kind -> natives for qp 0..51 and how they were measured."""
    path = packaged("codecs", "qp_tables.json")
    with reading(path):
        read = json.loads(path.read_text(encoding="utf-8"))
        for name, kinds in read["codecs"].items():
            if short := [k for k, table in kinds.items() if len(finite(table["native"])) != QP_MAX + 1]:
                raise InputError(f"{name}, {short[0]}: there must be {QP_MAX + 1} natives")
        return read


def native_from_qp(name: str, gop: str, count: int, qp: float) -> int:
    """The encoder's own number for a QP.

    Args:
        name: codec. gop: GOP structure. count: frames in the clip; a single picture in a stock GOP
            has its own table.
        qp: 0..51; a whole number for x264 and x265.

    Raises:
        TypeError: qp is no number.
        ValueError: qp out of range, or a fraction where the encoder has none.
    """
    if not is_number(qp):
        raise InputTypeError(f"qp must be a number in 0..{QP_MAX}, not {qp!r}")
    if not 0 <= qp <= QP_MAX:  # also catches nan
        raise InputError(f"qp {qp} is out of range: the scale of H.264 and HEVC is 0..{QP_MAX}")
    if name in ("x264", "x265"):
        if qp != int(qp):
            raise InputError(f"qp {qp} is no whole number, and {name} has no other; round it")
        return int(qp)
    kinds = tables()["codecs"][name]
    native = np.interp(qp, np.arange(QP_MAX + 1), kinds[table_kind(name, gop, count)]["native"])
    return int(np.clip(round(float(native)), *ENCODERS[name].native))


def qp_from_native(name: str, gop: str, count: int, native: float) -> float:
    """The QP 0..51 that an encoder's own number stands for, fractions included: ``native_from_qp`` turned round."""
    if name in ("x264", "x265"):
        return float(np.clip(native, 0, QP_MAX))
    table = np.array(tables()["codecs"][name][table_kind(name, gop, count)]["native"])
    qps = np.arange(QP_MAX + 1)
    order = np.argsort(table, kind="stable")  # of still codecs a higher number is a better picture
    return float(np.interp(native, table[order], qps[order]))


def table_kind(name: str, gop: str, count: int) -> str:
    """Which of a codec's tables holds: "intra" (fixed quantiser), "still" (stock, one picture) or "stock" (clip).

    Codecs without inter frames code each picture of a stock GOP as if it were alone.
    """
    if gop != "stock":
        return "intra"
    return "stock" if "stock" in tables()["codecs"][name] and count > 1 else "still"
