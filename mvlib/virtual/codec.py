"""The virtual x264 and x265: clip, qp → planes → frames coded one after the other → decoded clip and bits.

    vc = VirtualCodec.like("x265")
    out = vc(clip, qp)          # clip (B, T, 3, H, W) in [0, 1], qp (B,)
    loss = out.bits.sum() + ...  # gradients reach the clip

Time is the only loop. Each frame's features are what its bits are estimated from: those of the levels, and in P frames
the counts of decisions and vector bits, each multiplied by what it costs nominally, so that every fitted weight is near
one.

References: Lu et al., TCSVT 2024, arXiv 2206.05650 (real values forward, virtual gradient backward); Guleryuz et al.,
"Sandwiched Compression", arXiv 2402.05887 (straight-through quantisation).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from mvlib.errors import InputError, choose

from .base import VirtualBase, Way
from .colour import Planes, pad_planes, planes_to_rgb, rgb_to_planes
from .inter import PFrame, code_p
from .intra import IFrame, code_i
from .jpeg import VirtualJpeg
from .plan import INTER, INTRA, MERGE, SKIP, Plan
from .quantise import Rounding
from .rate import Features, FrameRate, GroupRate, level_features
from .settings import GOPS, SETTINGS, Settings, load_rates, settings_for

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
    down, across = skipped[:, 1:] != skipped[:, :-1], skipped[:, :, 1:] != skipped[:, :, :-1]
    out["breaks.count"] = (down.sum((1, 2)) + across.sum((1, 2))).float()
    return out


def code_chain(
    frames: list[Planes],
    qp: Tensor,
    settings: Settings,
    rounding: Rounding,
    through: int | None = None,
    choices: Sequence[Any] = (),
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
    return levels | plan_features(frame.plan, settings.tools.blocks)


def frame_qps(qp: Tensor, settings: Settings) -> dict[str, Tensor]:
    """QP of the clip's I frame and of its P frames, within 0..51."""
    return {"I": (qp + settings.i_offset).clamp(0, 51), "P": qp}


class VirtualCodec(VirtualBase):
    """A differentiable imitation of one encoder; see the module's text.

    Args:
        settings: the encoder's fixed part.  rates: fitted rates by kind of frame ("I", "P").

    Example:
        >>> import torch, mvlib
        >>> clip = torch.rand(1, 2, 3, 32, 32, requires_grad=True)
        >>> out = mvlib.VirtualCodec.like("x265")(clip, 37)
        >>> out.frames.shape, out.bits.shape, out.frame_types
        (torch.Size([1, 2, 3, 32, 32]), torch.Size([1]), ['I', 'P'])
        >>> out.bits.sum().backward()
        >>> bool(clip.grad.abs().sum() > 0)
        True
    """

    def __init__(self, settings: Settings, rates: dict[str, FrameRate]):
        super().__init__()
        self.settings, self.rates = settings, rates

    @classmethod
    def like(cls, name: str, gop: str = "stock", fitted: bool = True) -> VirtualCodec | VirtualJpeg:
        """Return the virtual codec fitted to a real one.

        Args:
            name: "x264" or "x265" at preset medium, or "jpeg" as Pillow writes it.
            gop: the real one's structure: "intra" (every frame an I frame), "ippp" (each frame predicted from the
                one before, nothing adapted), or "stock" (as it comes: its B frames are imitated by P frames, with the
                rate fitted to what it writes). JPEG codes every frame alone in all of them.
            fitted: False takes the rate's round numbers from before any fit: the weak model of an ablation.
        """
        if name == "jpeg":
            if not fitted:
                raise InputError(
                    "the virtual jpeg counts Huffman codes, nothing is guessed: leave fitted (fitted_rate) true"
                )
            return VirtualJpeg.fitted(gop)
        choose("virtual codec", name, [*SETTINGS, "jpeg"])
        choose("gop", gop, GOPS)
        rates = load_rates(name, "intra" if gop == "ippp" else gop)
        if gop == "ippp":
            rates = rates | load_rates(name, gop)
        if not fitted:
            rates = {kind: rate.unfitted() for kind, rate in rates.items()}
        return cls(settings_for(name, gop), rates)

    def code(self, clip: Tensor, setting: Tensor, way: Way) -> tuple[Tensor, Tensor, list[str]]:
        """Frames (B, T, 3, H, W), bits (B, T) and types of a checked clip at qp (B,)."""
        b, t, _, h, w = clip.shape
        planes = pad_planes(rgb_to_planes(clip.flatten(0, 1)), self.settings.multiple)
        if self.settings.inter is None or t == 1:  # all frames at once
            frames, qp, types = [planes], setting.repeat_interleave(t), ["I"] * t
        else:
            frames = [
                Planes(*p) for p in zip(*(p.unflatten(0, (b, t)).unbind(1) for p in planes), strict=True)
            ]
            qp, types = setting, ["I"] + ["P"] * (t - 1)
        coded = list(code_chain(frames, qp, self.settings, way.rounding, way.through, way.choices))
        way.choices[:] = [frame.choices if isinstance(frame, IFrame) else frame.plan for frame in coded]
        bits = []
        for frame, kind in zip(coded, types, strict=False):
            rate = self.rates[kind]
            features = frame_features(frame, rate.groups, self.settings, way.smooth)
            bits.append(rate.bits(features, frame_qps(qp, self.settings)[kind]))
        decoded = (torch.stack(p, 1).flatten(0, 1) for p in zip(*(f.planes for f in coded), strict=True))
        rgb = planes_to_rgb(Planes(*decoded), h, w)
        return rgb.reshape(clip.shape), torch.stack(bits, 1).reshape(b, t), types
