"""The virtual x264 and x265: clip, qp → planes → frames coded one after the other → decoded clip and bits.

    vc = VirtualCodec.like("x265")
    out = vc(clip, qp)          # clip (B, T, 3, H, W) in [0, 1], qp (B,)
    loss = out.bits.sum() + ...  # gradients reach the clip

References: Lu et al., TCSVT 2024, arXiv 2206.05650 (real values forward, virtual gradient backward); Guleryuz et al.,
"Sandwiched Compression", arXiv 2402.05887 (straight-through quantisation).
"""

from __future__ import annotations

import torch
from torch import Tensor

from mvlib.errors import InputError

from .base import VirtualBase
from .colour import Planes, pad_planes, planes_to_rgb, rgb_to_planes
from .fitted import load_rates
from .intra import IFrame
from .jpeg import VirtualJpeg
from .quantise import Rounding
from .rate import FrameRate
from .sequence import code_chain, frame_features, frame_qps
from .settings import GOPS, SETTINGS, Settings, settings_for


class VirtualCodec(VirtualBase):
    """A differentiable imitation of one encoder; see the module's text.

    Args:
        settings: the encoder's fixed part.  rates: fitted rates by kind of frame ("I", "P").
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
        if name not in SETTINGS:
            raise InputError(f"there is no virtual {name!r}; choose one of {', '.join([*SETTINGS, 'jpeg'])}")
        if gop not in GOPS:
            raise InputError(f"gop {gop!r} is not modelled; choose one of {', '.join(GOPS)}")
        rates = load_rates(name, "intra" if gop == "ippp" else gop)
        if gop == "ippp":
            rates = rates | load_rates(name, gop)
        if not fitted:
            rates = {kind: rate.unfitted() for kind, rate in rates.items()}
        return cls(settings_for(name, gop), rates)

    def code(
        self,
        clip: Tensor,
        setting: Tensor,
        rounding: Rounding,
        smooth: bool,
        through: int | None,
        choices: list,
    ) -> tuple[Tensor, Tensor, list[str]]:
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
        coded = list(code_chain(frames, qp, self.settings, rounding, through, choices))
        choices[:] = [frame.choices if isinstance(frame, IFrame) else frame.plan for frame in coded]
        bits = []
        for frame, kind in zip(coded, types, strict=False):
            rate = self.rates[kind]
            features = frame_features(frame, rate.groups, self.settings, smooth)
            bits.append(rate.bits(features, frame_qps(qp, self.settings)[kind]))
        decoded = (torch.stack(p, 1).flatten(0, 1) for p in zip(*(f.planes for f in coded), strict=True))
        rgb = planes_to_rgb(Planes(*decoded), h, w)
        return rgb.reshape(clip.shape), torch.stack(bits, 1).reshape(b, t), types
