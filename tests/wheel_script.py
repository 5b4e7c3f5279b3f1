"""What the README shows, with an installed package and no checkout; run by test_wheel.py, which makes no difference."""

import subprocess
import sys
from importlib.metadata import version

import numpy as np
import torch
from PIL import Image

import mvlib
from mvlib import analysers
from mvlib.datasets import Clips, Photos
from mvlib.errors import MissingFile
from mvlib.preprocess import RefinementConfig, available_preprocessors
from mvlib.refined import refinement
from mvlib.training.slope import Slope, anchor_path

site = sys.argv[1]
assert mvlib.__file__.startswith(site), f"{mvlib.__file__} is not of the wheel in {site}"
assert version("coding-for-machines") == mvlib.__version__

# A picture and a clip of soft blobs, made here.
grid = np.stack(np.meshgrid(*[np.linspace(0, 6, 64)] * 2), -1)
frames = np.stack(
    [np.stack([127 + 100 * np.sin(grid.sum(-1) + c + t / 4) for c in range(3)], -1) for t in range(4)]
).astype(np.uint8)
clip = torch.from_numpy(frames).movedim(-1, 1)[None].float() / 255  # (1, T, 3, H, W)

for name, gop in (("x265", "stock"), ("x264", "ippp"), ("jpeg", "stock")):
    coded = mvlib.RealCodec(name, gop=gop)(frames, qp=37)
    out = mvlib.VirtualCodec.like(name, gop=gop)(clip.requires_grad_(), torch.tensor([37.0]))
    assert coded.frames.shape == frames.shape and coded.bits == sum(coded.frame_bits) > 0
    assert out.frames.shape == clip.shape and 0.2 < out.bits.item() / coded.bits < 5, (
        name,
        out.bits,
        coded.bits,
    )
    assert torch.autograd.grad(out.bits.sum(), clip)[0].abs().sum() > 0
clip = clip.detach()

for name in available_preprocessors():
    y = mvlib.load_preprocessor(name)(clip if name in ("video", "zhao") else clip[:, 0], 37)
    assert y.isfinite().all() and y.min() >= 0 and y.max() <= 1, name
assert {"filter", "image", "machines", "npp", "regions", "video", "zhao"} <= set(available_preprocessors())

for name in ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"):
    assert analysers.load(name)(clip[:, 0]).shape == (1, 1000)
for name in ("nanodet", "centernet"):
    assert len(analysers.load(name).detect(clip[:, 0])) == 1
for name in ("action_resnet3d", "action_shift", "action_recurrent", "action_motion"):
    assert analysers.load(name)(clip).shape == (1, 12)
for name in ("siam_lite0", "siam_nanodet"):
    analysers.load(name)

refined = refinement(RefinementConfig(steps=1))(clip[:, 0], 37)
assert refined.shape == clip[:, 0].shape and 0 < (refined - clip[:, 0]).abs().max() < 0.1
Slope.read(anchor_path("video", "output"), "x264", "action_resnet3d", "video")

curve = [(1.0, 30.0), (2.0, 33.0), (4.0, 36.0), (8.0, 39.0)]
assert abs(mvlib.bd_rate(curve, [(rate / 2, quality) for rate, quality in curve]) + 50) < 1e-6

for data in (Photos, Clips):
    try:
        data("test")
    except MissingFile as error:
        assert "checkout" in str(error) and "MVLIB_DATA" in str(error)
    else:
        raise AssertionError(f"{data} found files where there is no checkout")

Image.fromarray(frames[0]).save("picture.png")


def command(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "mvlib", *arguments], capture_output=True, text=True)


told = command(
    "encode", "picture.png", "out.jpg", "--preprocessor", "image", "--prepared", "given.png", "--sample", "0"
)
assert told.returncode == 0, told.stderr
assert Image.open("out.jpg").size == Image.open("given.png").size == (64, 64)
told = command("evaluate", "image", "--limit", "2")
assert told.returncode == 2 and "MVLIB_DATA" in told.stderr and told.stderr.count("\n") == 1, told.stderr
assert command("--version").stdout.split()[-1] == mvlib.__version__
print("all of it works")
