"""How many pictures and clips a second the joint training takes, and where its time goes.

    python benchmarks/bench_training.py --threads 1 --device cpu
    python benchmarks/bench_training.py --device cuda --batch 64 --workers 8

Waiting for material is what the loader's processes did not cover; the codec's time includes the real encoder on the
route real_forward, where it runs beside the virtual one. The slopes are made up: time does not depend on them.
"""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from jsonargparse import auto_cli

from mvlib.training.experiment import ImageTraining, Training, VideoTraining
from mvlib.training.loop import Trainer
from mvlib.training.speed import Speed, measure_speed

STAGES = ("waiting for material", "preprocessor", "codec", "analysers", "backward and update")


def made_up_anchor(folder: Path, codec: str, analysers: tuple[str, ...]) -> Path:
    """A file with a curve of the codec alone."""
    results = {"qp": [20, 36, 51], "bpp": [1.5, 0.25, 0.04]}
    results |= {f"{score}:{a}": [0.03, 0.3, 2.5] for a in analysers for score in ("kl", "divergence")}
    path = folder / "anchor.json"
    path.write_text(
        json.dumps({"curves": [{"codec": codec, "condition": "codec alone", "results": results}]})
    )
    return path


def trainings(device: str, batch: int, clips: int, workers: int, anchor: Path) -> dict[str, Training]:
    """What is timed."""
    machine = {"analysers": ("efficientnet_lite0",), "device": device, "workers": workers}
    shared = machine | {"codecs": ("x265",), "steps": 100, "anchor": anchor}
    image = ImageTraining(batch=batch, **shared)
    video = VideoTraining(batch=clips, frames=8, size=160, gop="stock", **shared)
    found = {
        "pictures, 224x224": image,
        "pictures, real encoder forward": replace(image, route="real_forward"),
        "clips, 8 frames of 160x160": video,
    }
    fast = {"precision": "bf16", "compile": device == "cuda"}
    name = "bf16 analysers, compiled" if fast["compile"] else "bf16 analysers"
    return found | {f"{what}, {name}": replace(found[what], **fast) for what in list(found)[::2]}


def row(name: str, speed: Speed) -> str:
    """A line of the table."""
    speeds = f"{speed.per_second:.2f}", f"{speed.pixels / speed.seconds / 1e6:.3f}"
    times = [speed.seconds, speed.processor, *(speed.stages.get(stage, 0.0) for stage in STAGES)]
    cells = [*speeds, *(f"{1e3 * seconds:.0f}" for seconds in times)]
    return f"| {name} | {' | '.join(cells)} |"


def main(
    device: str = "auto", batch: int = 16, clips: int = 4, steps: int = 4, workers: int = 1, threads: int = 1
) -> None:
    """Print the table.

    Args:
        device: cpu, cuda, or auto.
        batch: pictures in a step.
        clips: clips in a step.
        steps: timed steps.
        workers: processes that load material.
        threads: of the CPU.
    """
    torch.set_num_threads(threads)
    device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    head = [
        "training",
        "items/s",
        "Mpixel/s",
        "ms a step",
        "processor, ms",
        *(f"{stage}, ms" for stage in STAGES),
    ]
    with tempfile.TemporaryDirectory() as folder:
        anchor = made_up_anchor(Path(folder), "x265", ("efficientnet_lite0",))
        for k, (name, training) in enumerate(trainings(device, batch, clips, workers, anchor).items()):
            speed = measure_speed(Trainer(training, Path(folder) / str(k)), steps)
            if k == 0:
                print(f"torch {torch.__version__}, {speed.device}, batch {batch} pictures or {clips} clips\n")
                print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
            print(row(name, speed), flush=True)


if __name__ == "__main__":
    auto_cli(main)
