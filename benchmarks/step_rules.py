"""Other rules for the two steps of a refinement: what a step's direction is made of, beside Adam's as it ships.

    python benchmarks/step_rules.py --out data/results/images_step_rules_val.json

Every rule takes two steps of the shipped length, from the picture itself or from what *contrast* makes of it:

* *sign*: each step by the sign of its own gradient, no memory of the step before;
* *soft sign*: g / (|g| + rms), scaled to the length of a sign step, so that samples with little gradient move less;
* *gradient*: g / rms, no sample farther than three steps;
* *low*, *high*: Adam on the gradient blurred by 3x3, or on the gradient and once more what that blur takes off;
* *luma*, *less chroma*: Adam on the mean of the three colours' gradients, or half way to it;
* *two views*: the loss is the mean over the picture and its mirror image;
* *rate masked*: the quarter of samples stays whose move raises the virtual rate most.
"""

import shlex
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from jsonargparse import auto_cli
from torch import Tensor

import mvlib
from mvlib.preprocess import Refinement

REFINED = "refined:x265:efficientnet_lite0:2:views=false"
STARTS = {"": REFINED, " after": f"{REFINED}:after=contrast"}
RULES = ("sign", "luma", "low", "high", "two views", "rate masked", "soft sign", "gradient", "less chroma")


class StepRule(Refinement):
    """Refinement of pictures through one virtual codec, as ``name`` says, whose steps follow ``rule``; "adam" ships."""

    def __init__(self, name: str, rule: str = "adam") -> None:
        made = mvlib.load_preprocessor(name)
        super().__init__(made.pictures, None, made.config, after=made.after)
        self.rule = rule

    def change(
        self, x: Tensor, done: Tensor, clean: Tensor, qp: Tensor, generator: torch.Generator
    ) -> Tensor:
        with torch.no_grad():
            begun = x if self.after is None else self.after(x, qp)
        size = self.config.step_size(qp, still=True).view(-1, 1, 1, 1, 1) / 255
        change, gradients, kept = torch.zeros_like(x), [], self.pictures.begin(True)
        for _ in range(self.config.steps):
            change.requires_grad_()
            gradients.append(self.gradient(x, (begun + size * change).clamp(0, 1), change, qp, kept))
            change = change.detach() - direction(self.rule, gradients)
        return begun - x + size * change

    def gradient(self, x: Tensor, y: Tensor, change: Tensor, qp: Tensor, kept: object) -> Tensor:
        """What the rule sees: (B, 1, 3, H, W)."""
        views = [None, mirrored] if self.rule == "two views" else [None]
        (codec,) = self.pictures.codecs
        parts = [self.pictures(x[:, 0], y[:, 0], qp, codec, view, kept=kept) for view in views]
        loss = sum(part["loss"] for part in parts) / len(parts)
        (gradient,) = torch.autograd.grad(loss, change, retain_graph=True)
        if self.rule == "rate masked":
            (rate,) = torch.autograd.grad(parts[0]["rate"], change)
            rise = -gradient.sign() * rate
            most = torch.quantile(rise.flatten(1), 0.75, 1).view(-1, 1, 1, 1, 1)
            return torch.where(rise < most, gradient, 0)
        return shaped(self.rule, gradient[:, 0])[:, None]


def mirrored(x: Tensor) -> Tensor:
    """Left and right exchanged."""
    return x.flip(-1)


def shaped(rule: str, gradient: Tensor) -> Tensor:
    """The gradient (B, 3, H, W) weighed by bands or colours."""
    if rule in ("low", "high"):
        low = F.avg_pool2d(F.pad(gradient, (1, 1, 1, 1), mode="replicate"), 3, 1)
        return low if rule == "low" else 2 * gradient - low
    grey = gradient.mean(1, keepdim=True).expand_as(gradient)
    return {"luma": grey, "less chroma": (grey + gradient) / 2}.get(rule, gradient)


def direction(rule: str, gradients: list[Tensor]) -> Tensor:
    """The step that the gradients so far ask for, in units of its length, one per sample."""
    last = gradients[-1]
    rms = last.square().mean((1, 2, 3, 4), keepdim=True).sqrt() + 1e-14
    if rule == "sign":
        return last.sign()
    if rule == "soft sign":
        soft = last / (last.abs() + rms)
        return soft / soft.square().mean((1, 2, 3, 4), keepdim=True).sqrt().clamp_min(1e-14)
    if rule == "gradient":
        return (last / rms).clamp(-3, 3)
    mean = square = torch.zeros_like(last)
    for g in gradients:
        mean, square = 0.9 * mean + 0.1 * g, 0.999 * square + 0.001 * g.square()
    n = len(gradients)
    return mean / (1 - 0.9**n) / ((square / (1 - 0.999**n)).sqrt() + 1e-14)


def main(
    out: Path = Path("runs/images_step_rules.json"),
    split: str = "val",
    limit: int = 24,
    rows: tuple[str, ...] = tuple(rule + start for rule in RULES for start in STARTS),
    analysers: tuple[str, ...] = ("efficientnet_lite0", "efficientnet_lite2", "nanodet", "mobilenetv2"),
    scores: tuple[str, ...] = ("kl", "divergence", "features"),
    qps: tuple[int, ...] = (22, 32, 42),
    cells: Path = Path("runs/cells"),
) -> None:
    """Measure rules with x265 intra, beside the refinement that ships.

    Args:
        out: the result, as JSON.
        split, limit: of the photographs, and how many, from all over.
        rows: which of ``RULES``, with " after" for steps from what the filter makes of the picture.
    """
    steps: dict[str, str | Refinement] = {"refined" + start: name for start, name in STARTS.items()}
    for row in rows:
        rule = row.removesuffix(" after")
        steps[row] = StepRule(STARTS[row.removeprefix(rule)], rule)
    data = mvlib.open_dataset("photos", split=split)
    options = {"baselines": [], "scores": scores, "cells": cells, "limit": limit, "workers": 1}
    report = mvlib.evaluate(data, steps, analysers, ["x265"], qps, **options)
    report.result["command"] = f"python {shlex.join(sys.argv)}"
    report.save(out)
    print(report)


if __name__ == "__main__":
    auto_cli(main)
