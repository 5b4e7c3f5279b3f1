"""Code a clip frame after frame: I frame → P frame on its reconstruction → P frame on that one → … → planes, features.

The only loop in time. Each frame's features are what its bits are estimated from: those of the levels, as in I
frames, and the counts of decisions and vector bits, each multiplied by what it costs nominally, so that every
fitted weight is near one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from .colour import Planes
from .inter import PFrame, code_p
from .intra import IFrame, IntraChoices, code_i
from .plan import INTER, INTRA, MERGE, SKIP, Plan
from .quantise import Rounding
from .rate import Features, GroupRate, level_features
from .settings import Settings

_NOMINAL = {SKIP: ("skip", 0.5), MERGE: ("merge", 2.5), INTER: ("inter", 4.0), INTRA: ("intra", 6.0)}


def plan_features(plan: Plan, blocks: tuple[int, ...]) -> Features:
    """Nominal bits of a P frame's decisions, (B,) each: per mode and size, of vectors, and of breaks between modes.

    A break is a cell that is skipped unlike its left or upper neighbour: flags among equals cost an adaptive
    coder little.
    """
    share = (8 / plan.size.float()) ** 2  # of a block, for each of its cells
    out = {}
    for mode, (name, bits) in _NOMINAL.items():
        for k in blocks:
            here = (plan.mode == mode) & (plan.size == k)
            out[f"{name}{k}.count"] = bits * (here * share).sum((1, 2))
    out["vectors.count"] = plan.vector_bits.sum((1, 2))
    skipped = plan.mode == SKIP
    pairs = (skipped[:, 1:] != skipped[:, :-1], skipped[:, :, 1:] != skipped[:, :, :-1])
    out["breaks.count"] = sum(pair.sum((1, 2)) for pair in pairs).float()
    return out


def code_chain(
    frames: list[Planes],
    qp: Tensor,
    settings: Settings,
    rounding: Rounding,
    through: int | None = None,
    choices: Sequence[IntraChoices | Plan] = (),
) -> Iterator[IFrame | PFrame]:
    """Code padded planes in order, the first as I, all others as P on the reconstruction before.

    frames: T pictures of (B, 1, H, W) planes. qp: (B,), the clip's. through: the gradient passes at most so many
    references in a row; None: all. choices: of a clip that hardly differs, a frame each; empty: it chooses. Yields each
    coded frame as it is done.
    """
    qps = frame_qps(qp, settings)
    coded: IFrame | PFrame = code_i(frames[0], qps["I"], settings, rounding, choices[0] if choices else None)
    yield coded
    for t, planes in enumerate(frames[1:], 1):
        reference = coded.planes
        if through is not None and t % (through + 1) == 0:
            reference = reference.detach()
        coded = code_p(planes, reference, qps["P"], settings, rounding, choices[t] if choices else None)
        yield coded


def frame_features(
    frame: IFrame | PFrame, groups: dict[str, GroupRate], settings: Settings, smooth: bool = False
) -> Features:
    """What a frame's bits are estimated from: features of its levels and of its decisions, (B,) each.

    smooth: see ``rate.block_bits``.
    """
    count, grouped = len(frame.planes.y), settings.standard == "h265"
    levels = level_features(frame.levels, count, groups, grouped, smooth)
    if isinstance(frame, IFrame):
        return levels | frame.modes
    if frame.skipped and not smooth:  # they cost nothing, but have a gradient
        silent = level_features(frame.skipped, count, groups, grouped)
        for name in (n for n in silent if n.endswith(".levels")):
            levels[name] = levels[name] + silent[name] if name in levels else silent[name]
    return levels | plan_features(frame.plan, settings.inter.blocks)


def frame_qps(qp: Tensor, settings: Settings) -> dict[str, Tensor]:
    """QP of the clip's I frame and of its P frames, within 0..51."""
    return {"I": (qp + settings.i_offset).clamp(0, 51), "P": qp}
