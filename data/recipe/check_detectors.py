"""Converted detectors against the original runtime: photographs → both → largest and mean difference per output.

    npm install @tensorflow/tfjs          # in a folder of its own
    python data/recipe/check_detectors.py package/models FOLDER

Both get the same resized picture, bit for bit. TensorFlow.js runs the published graph in node on its plain
JavaScript backend (float32).  CenterNet's graph holds the 1/6 of its activations as 0.16663, half precision;
ours is 1/6, as in the network before it was packed, which makes nearly all of its difference.
"""

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from jsonargparse import auto_cli
from PIL import Image
from torch import Tensor

from mvlib.analysers.detectors import Detector, load_detector

RUNNER = Path(__file__).with_name("run_tfjs.mjs").resolve()
FOLDER = Path(__file__).parents[1] / "photos"
PHOTOS = (
    "gcompris-animals_bison_0.webp",
    "gcompris-resource_horse_0.webp",
    "gcompris-france_palaisdesPapes_0.webp",
)


def reference(graph: Path, x: Tensor, node: Path) -> dict[str, np.ndarray]:
    """Outputs of the TensorFlow.js model ``graph`` for the input ``x``, by name."""
    with tempfile.TemporaryDirectory() as folder:
        x.contiguous().numpy().astype("<f4").tofile(Path(folder) / "x.f32")
        shape = ",".join(map(str, x.shape))
        command = ["node", RUNNER, graph.resolve(), f"{folder}/x.f32", shape, folder]
        done = subprocess.run(command, cwd=node, check=True, capture_output=True, text=True)
        shapes = json.loads(done.stdout.strip().splitlines()[-1])
        return {n: np.fromfile(f"{folder}/{n}.f32", "<f4").reshape(s) for n, s in shapes.items()}


def both(detector: Detector, picture: Tensor, models: Path, node: Path) -> dict[str, tuple]:
    """What to compare: name → (ours, theirs), as arrays of one shape."""
    normalised = (detector.fit(picture)[0] - detector.mean) / detector.std
    with torch.inference_mode():
        logits, boxes = (t[0] for t in detector.network(normalised))
    scores, graph = logits.sigmoid().numpy(), models / f"{detector.name}.json"
    if detector.name == "nanodet":
        theirs = reference(graph, normalised.flip(1), node)  # BGR
        bins = [theirs[f"Identity_{i}"] for i in (3, 4, 5)]
        return {
            "scores": (
                scores,
                np.concatenate([theirs[n][0] for n in ("Identity", "Identity_1", "Identity_2")]),
            ),
            "box sides, strides": (_sides(boxes.numpy()), np.concatenate([_expected(b[0]) for b in bins])),
        }
    theirs = reference(graph, normalised.permute(0, 2, 3, 1), node)
    y, x = np.divmod(np.arange(128**2), 128)
    left, top, right, bottom = theirs["tower_0_wh"].reshape(-1, 4).clip(0).T
    at = np.stack([4 * x - left, 4 * y - top, 4 * x + right, 4 * y + bottom], -1)
    best = scores[detector.network.candidates(logits[None])[0].numpy()]
    return {
        "scores": (scores, theirs["tower_0_keypoints"].reshape(-1, 80)),
        "boxes, pixels": (boxes.numpy(), at),
        "100 best peaks": (np.sort(best)[-100:], np.sort(theirs["tower_0_detections"][0, :, 4])),
    }


def _expected(bins: np.ndarray) -> np.ndarray:
    """NanoDet's distributions (n, 44) → distances (n, 4) in strides."""
    share = np.exp(bins.reshape(-1, 4, 11) - bins.reshape(-1, 4, 11).max(-1, keepdims=True))
    return share @ np.arange(11) / share.sum(-1)


def _sides(boxes: np.ndarray) -> np.ndarray:
    """Our boxes (3549, 4) back to distances in strides, which is what the graph gives."""
    out, start = [], 0
    for stride in (8, 16, 32):
        n = (416 // stride) ** 2
        y, x = np.divmod(np.arange(n), 416 // stride)
        x, y = (x + 0.5) * stride, (y + 0.5) * stride
        b = boxes[start : start + n].T
        out.append(np.stack([x - b[0], y - b[1], b[2] - x, b[3] - y], -1) / stride)
        start += n
    return np.concatenate(out)


def main(models: Path, node: Path, photos: tuple[str, ...] = PHOTOS) -> None:
    """Print the differences.

    Args:
        models: the folder ``models`` of the npm package.
        node: the folder in which @tensorflow/tfjs is installed.
        photos: names in data/photos.
    """
    torch.set_num_threads(1)
    for name in ("nanodet", "centernet"):
        detector = load_detector(name)
        for photo in photos:
            pixels = np.array(Image.open(FOLDER / photo).convert("RGB"))
            picture = torch.tensor(pixels).permute(2, 0, 1)[None].float() / 255
            for what, (ours, theirs) in both(detector, picture, models, node).items():
                gap = np.abs(ours - theirs)
                print(
                    f"{name:9} {photo[:34]:34} {what:18} max {gap.max():.2e} mean {gap.mean():.2e}",
                    flush=True,
                )


if __name__ == "__main__":
    auto_cli(main)
