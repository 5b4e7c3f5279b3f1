"""What B frames are worth: the same encoder on the seven test films, as it comes and with P frames alone.

    python benchmarks/b_frames.py data/results/b_frames.json

The virtual codec models a chain of P frames. This says how far such a chain is from the usual setting, at equal luma
PSNR and for analysers; ``python -m mvlib fidelity --gop stock`` says how far the model is from the encoder.
"""

import shlex
import sys
from pathlib import Path

import mvlib
from mvlib.evaluation import Report

CHAIN = "I-P-P-P"


def main(out: Path) -> None:
    codecs = {
        (name, row): mvlib.RealCodec(name, gop=gop)
        for name in ("x265", "x264")
        for row, gop in (("codec alone", "stock"), (CHAIN, "ippp"))
    }
    report = mvlib.evaluate(
        mvlib.open_dataset("cameras", frames=16),
        analysers=["efficientnet_lite0", "nanodet"],
        codecs={", ".join(key): codec for key, codec in codecs.items()},
        qps=[22, 28, 34, 40, 46],
        baselines=[],
        scores=("kl", "divergence"),
    )
    # Evaluations compare rows of one codec: here the rows are its settings.
    measured = {key: report.measured[", ".join(key), "codec alone"] for key in codecs}
    command = shlex.join(["python", "benchmarks/b_frames.py", *sys.argv[1:]])
    result = report.to_dict() | {"command": command}
    report = Report(result, measured, report.sources).recomputed()
    report.save(out)
    print(report)
    for entry in report.to_dict()["fidelity"]:
        print({key: entry.get(key) for key in ("codec", "condition", "quality", "bd_rate", "low", "high")})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
