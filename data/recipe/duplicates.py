"""Look for one scene in two files: pictures → difference hashes and EfficientNet-Lite0 features → suspicious pairs.

    python data/recipe/duplicates.py --root data

Pairs that share a ``source_id`` are not reported: they are in one split anyway. The rest is for a person to look
at; what was found is a ``subject`` or a reason in choices.csv.
"""

import csv
from pathlib import Path

import numpy as np
import torch
from jsonargparse import auto_cli
from PIL import Image

from mvlib import analysers


def difference_hash(picture: Image.Image, side: int = 8) -> np.ndarray:
    """Return side*side bits: is each pixel of a tiny grey copy brighter than its left neighbour?"""
    grey = np.asarray(picture.convert("L").resize((side + 1, side), Image.Resampling.LANCZOS), dtype=np.int16)
    return (grey[:, 1:] > grey[:, :-1]).ravel()


@torch.no_grad()
def features(pictures: list[Image.Image]) -> torch.Tensor:
    """Return what EfficientNet-Lite0 sees: log-probabilities, centred and of unit length, (n, 1000)."""
    net = analysers.load("efficientnet_lite0")
    rows = []
    for picture in pictures:
        x = torch.from_numpy(np.array(picture.resize((224, 224)))).permute(2, 0, 1)[None].float() / 255
        rows.append(net(x)[0])
    logits = torch.stack(rows)
    return torch.nn.functional.normalize(logits - logits.mean(0), dim=1)


def main(root: Path = Path("data"), bits: int = 10, similarity: float = 0.8) -> None:
    """Print the pairs of different sources with at most ``bits`` differing hash bits or at least ``similarity``.

    Only whole pictures are compared; crops belong to the source of theirs.
    """
    with open(root / "photos.csv", newline="", encoding="utf-8") as f:
        rows = [row for row in csv.DictReader(f) if row["file"].endswith("_0.webp")]
    pictures = [Image.open(root / row["file"]).convert("RGB") for row in rows]
    hashes = np.stack([difference_hash(p) for p in pictures])
    distance = (hashes[:, None] != hashes[None]).sum(-1)
    cosine = features(pictures)
    cosine = (cosine @ cosine.T).numpy()
    for i, j in np.argwhere(np.triu((distance <= bits) | (cosine >= similarity), 1)):
        if rows[i]["source_id"] != rows[j]["source_id"]:
            splits = f"{rows[i]['split']}/{rows[j]['split']}"
            print(
                f"{distance[i, j]:2d} bits {cosine[i, j]:.2f} {splits:11s} {rows[i]['file']}  {rows[j]['file']}"
            )


if __name__ == "__main__":
    auto_cli(main, as_positional=False)
