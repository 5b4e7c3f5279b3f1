"""Parts of one's own through the public names alone; run in a folder of its own by the tests."""

import json
import sys
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

import mvlib
from mvlib.analysers import Analyser
from mvlib.codecs import Codec, Stream

assert mvlib.__file__.startswith(sys.argv[1]), mvlib.__file__


class Soften(nn.Module):
    """A preprocessor: the stronger, the higher the QP."""

    def __init__(self):
        super().__init__()
        self.blur = nn.Conv2d(3, 3, 3, padding=1, padding_mode="replicate", groups=3, bias=False)
        nn.init.constant_(self.blur.weight, 1 / 9)

    def forward(self, x, qp):
        strength = (qp / 51).view(-1, 1, 1, 1)
        return x + strength * (self.blur(x) - x)


class Edges(Analyser):
    """An analyser with a score of its own: how far coding moved the edges."""

    kind, picture_scores, scales = "edge detector", ("edges",), {"edges": "distance"}

    def forward(self, x):
        x = self.checked(x)
        return (x[..., 1:] - x[..., :-1]).flatten(1)

    def divergence(self, clean, coded):
        return (clean - coded).square().mean(1)

    def measure(self, score, clean, coded, samples):
        return self.divergence(clean.output, coded.output)


class Deflate(Codec):
    """A codec: quantised samples, deflated."""

    name, natives = "deflate", (1, 255)

    def native_of(self, qp, count):
        return max(1, round(2 ** ((qp - 4) / 6)))

    def encode(self, frames, native):
        packets = [(i, zlib.compress((f // native).tobytes())) for i, f in enumerate(frames)]
        return Stream(b"", packets, frames.shape[:3])

    def decode(self, stream, native, planes=False):
        levels = [np.frombuffer(zlib.decompress(data), np.uint8) for _, data in stream.packets]
        frames = np.minimum(np.stack(levels).astype(int) * native + native // 2, 255).astype(np.uint8)
        return self.result(stream, frames.reshape(*stream.size, 3), ["I"] * len(levels), native)


def quieter(frames, qp):
    return (frames * (1 - qp / 500) + 128 * qp / 500).astype(np.uint8)


torch.manual_seed(0)
classifier = nn.Sequential(
    nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 5)
)
grid = np.stack(np.meshgrid(*[np.linspace(0, 9, 48)] * 2), -1)
for i in range(4):
    wave = 127 + 90 * np.sin(np.stack([grid @ (1 + i, c - i) for c in range(3)], -1))
    noise = np.random.default_rng(i).normal(0, 12, wave.shape)
    Image.fromarray((wave + noise).clip(0, 255).astype(np.uint8)).save(f"picture_{i}.png")

report = mvlib.evaluate(
    mvlib.open_dataset("folder", root="."),
    preprocessors={"mine": Soften(), "quieter": quieter, "shipped": "image"},
    analysers={"mine": classifier, "edges": Edges(nn.Identity(), name="edges")},
    codecs={"jpeg": "jpeg", "fast x264": mvlib.RealCodec("x264", options={"psy": 0}), "own": Deflate()},
    qps=[22, 30, 38, 46],
    baselines=["blur 0.5"],
    draws=20,
    cells="cells",
    progress=False,
)
print(report)
for codec in ("jpeg", "fast x264", "own"):
    value, low, high = report.bd_rate(codec, "quieter", "edges")
    assert low <= value <= high, (codec, value, low, high)
figure = report.plot()
assert len(figure.axes) == 2 and len(figure.axes[0].lines) == 3 * 5
report.save("result.json")
saved = json.loads(Path("result.json").read_text())
assert saved == json.loads(json.dumps(report.to_dict(), default=str)) and saved["n"] == 4
assert saved["options"]["analysers"]["edges"].startswith("__main__.Edges ")
assert classifier.training and all(p.requires_grad for p in classifier.parameters()), "it was copied"
print("all of it works")
