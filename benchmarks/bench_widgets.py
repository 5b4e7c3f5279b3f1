"""What a move of the QP slider costs: new QP → encode, decode, look, draw → milliseconds per codec.

    python benchmarks/bench_widgets.py --moves 12

Every move is to a QP that was not coded before, with the curve in the background already complete; the time ends
when all values are handed to the page's widgets, so the browser's own part is not in it.
"""

import platform
import time
from statistics import median

import torch
from jsonargparse import auto_cli

from mvlib.widgets import QPExplorer
from mvlib.widgets.explorer import CODECS, CURVE_QPS


def bench(moves: int = 12, codecs: tuple[str, ...] = CODECS, limit_ms: float = 150) -> None:
    """Print least, median and longest time of ``moves`` slider moves for each codec.

    Args:
        moves: new QPs for each codec, spread over 0..51; at most 40, since the curve and the start take twelve.
        codecs: which codecs.
        limit_ms: what a median has to stay below.
    """
    panel = QPExplorer(codecs=codecs)
    height, width = panel.look.sample.frames.shape[1:3]
    print(
        f"picture {width}x{height}, {torch.get_num_threads()} threads, {platform.processor() or platform.machine()}"
    )
    start = panel.qp.value
    fresh = [qp for qp in range(52) if qp not in (*CURVE_QPS, start)]
    qps = [fresh[i * len(fresh) // moves] for i in range(moves)]
    for codec in codecs:
        panel.qp.value = CURVE_QPS[
            0
        ]  # turning to a codec codes at the QP that is shown: let it be one of the curve's
        panel.codec.value = codec
        panel.settle(everything=True)
        times = [_move(panel, qp) for qp in qps]
        verdict = "" if median(times) <= limit_ms else f"   above {limit_ms:g} ms"
        least, middle, most = min(times), median(times), max(times)
        print(f"{codec:7s} least {least:4.0f}   median {middle:4.0f}   longest {most:4.0f} ms{verdict}")
    panel.close()


def _move(panel: QPExplorer, qp: int) -> float:
    start = time.perf_counter()
    panel.qp.value = qp
    panel.settle()
    elapsed = 1000 * (time.perf_counter() - start)
    if f"at QP {qp}" not in panel.caption:
        raise RuntimeError(f"the move to QP {qp} failed: {panel.caption}")
    return elapsed


if __name__ == "__main__":
    auto_cli(bench)
