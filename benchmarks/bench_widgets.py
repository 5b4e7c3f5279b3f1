"""What a move of the QP slider costs: new QP → encode, decode, look, draw → milliseconds per codec.

    python benchmarks/bench_widgets.py --moves 12

Every move is to a QP that was not coded before, with the curve in the background already complete; the time ends
when all values are handed to the page's widgets, so the browser's own part is not in it.  At the end the chart of one
move is drawn by this package and by other libraries, of which plotly and bqplot are measured where they are installed.
"""

import io
import json
import platform
import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median

import matplotlib.pyplot as plt
import numpy as np
import torch
from jsonargparse import auto_cli

from mvlib.widgets import QPExplorer
from mvlib.widgets.charts import SHARE, Line, line_chart, tag, text
from mvlib.widgets.drawing import RATE
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
    charts()


def charts(moves: int = 30) -> None:
    """Print for each library the median time to bring the chart of a rate curve to another QP, and what is sent."""
    rates = np.geomspace(0.05, 4, 11)
    ways = {"own SVG": _svg, "matplotlib": _matplotlib, "plotly": _plotly, "bqplot": _bqplot}
    for name, made in ways.items():
        if name in ("plotly", "bqplot") and find_spec(name) is None:
            print(f"chart by {name}: not installed")
            continue
        draw, times, sent = made(rates), [], 0
        for move in range(moves):
            start = time.perf_counter()
            sent = draw(np.linspace(0.1, 0.9, 11) ** (1 + move / moves), move % 11)
            times.append(1000 * (time.perf_counter() - start))
        print(f"chart by {name:10s} median {median(times):6.2f} ms, {sent / 1000:.1f} kB to the page")


def _svg(rates: np.ndarray) -> Callable[[np.ndarray, int], int]:
    def draw(shares: np.ndarray, at: int) -> int:
        x, y = RATE(rates[at]), SHARE(shares[at])
        marker = [tag("circle", cx=x, cy=y, r=7), text(x, y - 9, "QP 37")]
        line = Line(list(zip(rates, shares, strict=True)), "red", "x265")
        return len(line_chart([line], RATE, (0.02, 0.1, 1, 10), "rate", "", marker))

    return draw


def _matplotlib(rates: np.ndarray) -> Callable[[np.ndarray, int], int]:
    figure, ax = plt.subplots(figsize=(5.2, 2.3))
    (line,), (marker,) = ax.semilogx(rates, rates), ax.plot(1, 1, "o")
    ax.set(ylim=(0, 1), xlabel="rate")

    def draw(shares: np.ndarray, at: int) -> int:
        line.set_ydata(shares)
        marker.set_data([rates[at]], [shares[at]])
        file = io.StringIO()
        figure.savefig(file, format="svg")
        return len(file.getvalue())

    return draw


def _plotly(rates: np.ndarray) -> Callable[[np.ndarray, int], int]:
    from plotly.graph_objects import FigureWidget

    figure = FigureWidget()
    figure.add_scatter(x=rates, y=rates)
    figure.add_scatter(x=rates[:1], y=rates[:1])

    def draw(shares: np.ndarray, at: int) -> int:
        with figure.batch_update():
            figure.data[0].y = shares
            figure.data[1].x, figure.data[1].y = rates[at : at + 1], shares[at : at + 1]
        return len(json.dumps([shares.tolist(), rates[at], shares[at]]))

    return draw


def _bqplot(rates: np.ndarray) -> Callable[[np.ndarray, int], int]:
    import bqplot

    scales = {"x": bqplot.LogScale(), "y": bqplot.LinearScale(min=0, max=1)}
    line, marker = bqplot.Lines(x=rates, y=rates, scales=scales), bqplot.Scatter(x=[1], y=[1], scales=scales)
    bqplot.Figure(marks=[line, marker])

    def draw(shares: np.ndarray, at: int) -> int:
        line.y = shares
        with marker.hold_sync():
            marker.x, marker.y = rates[at : at + 1], shares[at : at + 1]
        return len(json.dumps([shares.tolist(), rates[at], shares[at]]))

    return draw


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
