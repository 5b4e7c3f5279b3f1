"""Refinement of a clip by its first frame: is it enough to change the key frame, and let prediction carry the change?

    python benchmarks/key_frames.py --out data/results/films_key_frames_train.json
    python benchmarks/key_frames.py --material cameras --frames 64 --limit 7 --ways '[first frame]'

With stock x265 the first of 8 frames is the only key frame, and the others copy from it; of 64 it is, too, where no
shot begins. Rows:

* *all frames*: a change for each frame, as ships;
* *first frame*: the same steps, and only the first frame may change;
* *first frame, carried*: one change, moved along the content to the other frames and optimised for the whole clip;
* *picture, carried*: the first frame is refined as a picture is, in two steps without the rest of the clip, and its
  change is moved along: two steps on one frame in place of five on eight.
"""

import shlex
import sys
from pathlib import Path

import torch
from jsonargparse import auto_cli
from torch import Tensor

import mvlib
from mvlib.preprocess import Refinement
from mvlib.preprocess.align import block_motion, moved

REFINED = "refined:x265:efficientnet_lite0+nanodet:5:by_qp=true:views=false:lr=0.7"
WAYS = ("all frames", "first frame", "first frame, carried", "picture, carried")
LUMA = (0.2126, 0.7152, 0.0722)  # BT.709
I_FRAME = 2.9
"""So much lower than asked is the QP of a stock key frame."""
MATCH = 16 / 255
"""From such a difference of luma on, what was moved along is other content, and none of the change goes there."""


class KeyFrame(Refinement):
    """Refinement of clips as ``name`` says, by a change of the first frame of each chunk."""

    def __init__(self, name: str, way: str) -> None:
        made = mvlib.load_preprocessor(name)
        super().__init__(made.pictures, made.clips, made.config, after=made.after)
        self.way, self.picture = way, mvlib.load_preprocessor(picture_name(name))

    def change(
        self, x: Tensor, done: Tensor, clean: Tensor, qp: Tensor, generator: torch.Generator
    ) -> Tensor:
        with torch.no_grad():
            begun = x if self.after is None else self.after(x, qp)
        if done.shape[1]:  # a later chunk of the clip has no key frame
            return begun - x
        carried = Carried(x) if "carried" in self.way else None
        if "picture" in self.way:
            first = self.picture.change(x[:, :1], x[:, :0], x[:, :0], qp - I_FRAME, generator)
            own = first - (begun - x)[:, :1]  # the steps' part: the filter does its own in every frame
            return begun - x + spread(own.detach(), x, carried)
        size = self.config.step_size(qp, still=False).view(-1, 1, 1, 1, 1)
        change = torch.zeros_like(x[:, :1]).requires_grad_()
        optimiser = torch.optim.Adam([change], lr=1 / 255, eps=1e-14)
        (codec,) = self.clips.codecs
        kept, whole = self.clips.begin(True), torch.cat([clean, x], 1)
        for _ in range(self.config.steps):
            y = torch.cat([done, (begun + size * spread(change, x, carried)).clamp(0, 1)], 1)
            (change.grad,) = torch.autograd.grad(self.clips(whole, y, qp, codec, kept=kept)["loss"], [change])
            optimiser.step()
        return begun - x + size * spread(change.detach(), x, carried)


class Carried:
    """Where the first frame's content lies in the others of clips (B, T, 3, H, W), and where it is not seen there."""

    def __init__(self, x: Tensor) -> None:
        luma = torch.einsum("btchw,c->bthw", x, x.new_tensor(LUMA))[:, :, None]
        self.motion = [block_motion(luma[:, t], luma[:, 0]) for t in range(1, x.shape[1])]
        missed = [(moved(luma[:, 0], m) - luma[:, t + 1]).abs() for t, m in enumerate(self.motion)]
        self.seen = [(1 - m / MATCH).clamp_min(0) for m in missed]

    def __call__(self, first: Tensor) -> list[Tensor]:
        return [moved(first, m) * seen for m, seen in zip(self.motion, self.seen, strict=True)]


def spread(change: Tensor, x: Tensor, carried: Carried | None) -> Tensor:
    """The change (B, 1, 3, H, W) of the first frame as one of all frames of ``x``."""
    if carried is None:
        return torch.cat([change, torch.zeros_like(x[:, 1:])], 1)
    return torch.stack([change[:, 0], *carried(change[:, 0])], 1)


def picture_name(name: str) -> str:
    """Two steps on a picture, guided alike and begun alike."""
    _, codecs, guides, _, *options = name.split(":")
    after = [option for option in options if option.startswith("after=")]
    return ":".join(["refined", codecs, guides, "2", "views=false", *after])


def main(
    out: Path = Path("runs/films_key_frames.json"),
    material: str = "films",
    split: str = "train",
    frames: int = 8,
    limit: int = 8,
    after: str = "contrast",
    ways: tuple[str, ...] = WAYS,
    analysers: tuple[str, ...] = (
        "efficientnet_lite0",
        "nanodet",
        "efficientnet_lite2",
        "centernet",
        "mobilenetv2",
    ),
    scores: tuple[str, ...] = ("kl", "divergence", "features"),
    qps: tuple[int, ...] = (28, 36, 44),
    cells: Path = Path("runs/cells"),
) -> None:
    """Measure rows with stock x265, beside the filter alone.

    Args:
        out: the result, as JSON.
        material, split, limit: films, or cameras (test only), and how many windows of them, from all over.
        frames: of a window; 8 are one chunk of a refinement.
        after: the filter that all rows begin with; empty: none.
        ways: which rows.
    """
    name = f"{REFINED}:after={after}" if after else REFINED
    rows: dict[str, str | Refinement] = {after: after} if after else {}
    rows |= {way: name if way == "all frames" else KeyFrame(name, way) for way in ways}
    options = {"split": split} if material == "films" else {}
    data = mvlib.open_dataset(material, frames=frames, **options)
    report = mvlib.evaluate(
        data, rows, analysers, ["x265"], qps, baselines=[], scores=scores, cells=cells, limit=limit, workers=1
    )
    report.result["command"] = f"python {shlex.join(sys.argv)}"
    report.save(out)
    print(report)


if __name__ == "__main__":
    auto_cli(main)
