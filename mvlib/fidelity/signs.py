"""The sign test: small edits of a picture → virtual and real change of bits → do they point the same way?

    of edits that lower the virtual bits by half a percent or more, how many lower the real ones too?

A real encoder is no smooth function: a tremble that no eye sees (:func:`tremble`) moves the bits of a short clip by
one or two percent, because a decision that falls otherwise changes all that follow. No stand-in can foresee that.
The real encoder is therefore put to the same test against itself: how often does the picture confirm what its trembling
twin predicts? That share is what a perfect virtual codec could expect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mvlib._planes import to_frames, to_pictures
from mvlib.evaluation.bootstrap import draw_weights

WORTH = 0.005  # relative change of bits from which an edit counts
_TREMBLE = 0.02  # share of the samples that a tremble moves by one grey level
_DRAWS = 2000


class Change(NamedTuple):
    """The effect of one edit of one picture on its bits, in shares; of the real encoder on a trembling twin too."""

    item: int
    qp: int
    edit: str
    virtual: float
    real: float
    twin: float


def edits(picture: Tensor, gradient: Tensor, rng: torch.Generator) -> Iterator[tuple[str, Tensor]]:
    """Small changes to clips (B, T, 3, H, W): blur, contrast, sharpening, noise in a part; steps down the gradient."""
    h, w = picture.shape[-2:]
    flat = picture.flatten(0, 1)
    blurred = F.avg_pool2d(flat, 3, 1, 1, count_include_pad=False).reshape(picture.shape)
    mean = picture.mean((-2, -1), keepdim=True)
    noise = torch.randn(picture.shape, generator=rng) / 255
    for share in (0.5, 1.0):
        mask = torch.zeros(h, w)
        top = int(torch.randint(0, int(h * (1 - share)) + 1, (), generator=rng))
        left = int(torch.randint(0, int(w * (1 - share)) + 1, (), generator=rng))
        mask[top : top + int(h * share), left : left + int(w * share)] = 1
        yield "blur", picture + 0.3 * mask * (blurred - picture)
        yield "sharpen", picture - 0.3 * mask * (blurred - picture)
        yield "contrast down", picture + 0.05 * mask * (mean - picture)
        yield "contrast up", picture - 0.05 * mask * (mean - picture)
        yield "noise", picture + 2 * mask * noise
    unit = gradient / gradient.square().mean((1, 2, 3, 4), keepdim=True).sqrt().clamp(min=1e-12)
    for levels in (0.5, 1, 2):
        yield "gradient", picture - levels / 255 * unit


def tremble(items: Sequence[np.ndarray], seed: int) -> list[np.ndarray]:
    """The uint8 items with one sample in fifty a grey level higher or lower, by chance."""
    out = []
    for i, item in enumerate(items):
        rng = np.random.default_rng((seed, i))
        moved = rng.integers(0, 2, item.shape) * 2 - 1
        moved *= rng.random(item.shape) < _TREMBLE
        out.append((item + moved).clip(0, 255).astype(np.uint8))
    return out


def changes(
    items: list[np.ndarray],
    qps: Sequence[int],
    real: Callable[[list[np.ndarray], int], np.ndarray],
    virtual: Callable[[list[np.ndarray], int], np.ndarray],
    slope: Callable[[Tensor, int], Tensor],
    batch: int = 8,
) -> list[Change]:
    """Edit every item at every QP.

    Args:
        items: uint8 clips of one size.  real, virtual: clips, qp → bits (n,).
        slope: clips (B, T, 3, H, W) in [0, 1], qp → gradient of their virtual bits.
    """
    rows = []
    for qp in qps:
        for i in range(0, len(items), batch):
            part = items[i : i + batch]
            picture = to_pictures(np.stack(part))
            rng = torch.Generator().manual_seed(1000 * qp + i)
            before = virtual(part, qp), real(part, qp), real(tremble(part, 0), qp)
            for k, (name, changed) in enumerate(edits(picture, slope(picture, qp), rng)):
                edited = list(to_frames(changed))
                after = virtual(edited, qp), real(edited, qp), real(tremble(edited, k + 1), qp)
                moved = np.stack([a / b - 1 for a, b in zip(after, before, strict=True)], 1).round(5)
                rows += [Change(i + j, qp, name, *m.tolist()) for j, m in enumerate(moved)]
    return rows


def sign_test(rows: Sequence[Change]) -> dict:
    """Sum up changes: "all" and "twin" (the real encoder against itself), by "edits" and by "qps", and the "rows".

    Each is {"n": edits that fall in the codec that predicts, "share" of them that really fall, "interval" of the share
    (95 %, items drawn with replacement), "mean_change" of both}.
    """
    by_edit = {edit: [r for r in rows if r.edit == edit] for edit in sorted({r.edit for r in rows})}
    by_qp = {qp: [r for r in rows if r.qp == qp] for qp in sorted({r.qp for r in rows})}
    return {
        "all": agreeing(rows),
        "twin": agreeing(rows, "twin"),
        "edits": {edit: agreeing(some) for edit, some in by_edit.items()},
        "qps": {str(qp): agreeing(some) | {"twin": agreeing(some, "twin")} for qp, some in by_qp.items()},
        "columns": list(Change._fields),
        "rows": [list(r) for r in rows],
    }


def agreeing(rows: Sequence[Change], which: str = "virtual") -> dict:
    """Of the edits that fall by `WORTH` according to `which`, "virtual" or "twin": how many really fall."""
    falls = [r for r in rows if getattr(r, which) <= -WORTH]
    if not falls:
        return {"n": 0, "share": None, "interval": None, "mean_change": {}}
    right = np.array([r.real < 0 for r in falls])
    interval = interval_of_mean(right, [r.item for r in falls])
    return {
        "n": len(falls),
        "share": float(right.mean()),
        "interval": interval and [round(bound, 4) for bound in interval],
        "mean_change": {name: float(np.mean([getattr(r, name) for r in falls])) for name in (which, "real")},
    }


def interval_of_mean(values: np.ndarray, sources: Sequence) -> list[float] | None:
    """95 % interval of a mean of (n,), whole sources drawn with replacement; None for fewer than two sources."""
    if len(set(sources)) < 2:
        return None
    weights = draw_weights(sources, _DRAWS)
    return np.percentile(weights @ values / weights.sum(1), [2.5, 97.5]).tolist()
