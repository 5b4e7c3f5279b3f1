"""The virtual codec's one call: clip, qp → planes → frames coded one after the other → decoded clip and bits.

    vc = VirtualCodec.like("x265")
    out = vc(clip, qp)          # clip (B, T, 3, H, W) in [0, 1], qp (B,)
    loss = out.bits.sum() + ...  # gradients reach the clip

References: Lu et al., TCSVT 2024, arXiv 2206.05650 (real values forward, virtual gradient backward); Guleryuz et al.,
"Sandwiched Compression", arXiv 2402.05887 (straight-through quantisation).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mvlib.errors import InputError

from .checks import checked_clip, checked_qp, checked_through
from .colour import Planes, pad_planes, planes_to_rgb, rgb_to_planes
from .fitted import load_rates
from .intra import code_i
from .jpeg import VirtualJpeg
from .quantise import Rounding, rounding_of
from .rate import Features, FrameRate, level_features
from .result import VirtualOut, same_layout, with_real_values
from .sequence import CHAINS, Chain, code_chain, frame_features, frame_qps
from .settings import SETTINGS, Settings, settings_for

# What the stock encoders take off the QP of an I frame: 6 log2(1.4), rounded; the plain references take off nothing.
I_OFFSET = {"intra": 0.0, "ippp": 0.0, "stock": -3.0}


class VirtualCodec:
    """A differentiable imitation of one encoder; see the module's text.

    Args:
        settings: the encoder's fixed part.  rates: fitted rates by kind of frame ("I", "P").
        qp_offset: what the encoder adds to the QP of an I frame.
        chain: how frames after the first depend on one another; None: every frame is an I frame.
    """

    def __init__(
        self,
        settings: Settings,
        rates: dict[str, FrameRate],
        qp_offset: float = 0.0,
        chain: Chain | None = None,
    ):
        self.settings, self.rates, self.qp_offset, self.chain = settings, rates, qp_offset, chain

    @classmethod
    def like(cls, name: str, gop: str = "stock", fitted: bool = True) -> VirtualCodec | VirtualJpeg:
        """Return the virtual codec fitted to a real one.

        Args:
            name: "x264" or "x265" at preset medium, or "jpeg" as Pillow writes it.
            gop: what the real one was told: "intra" (every frame an I frame), "ippp" (each frame predicted from the
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
        if gop not in I_OFFSET:
            raise InputError(f"gop {gop!r} is not modelled; choose one of {', '.join(I_OFFSET)}")
        rates = load_rates(name, "intra" if gop == "ippp" else gop)
        if gop == "ippp":
            rates = rates | load_rates(name, gop)
        if not fitted:
            rates = {kind: rate.unfitted() for kind, rate in rates.items()}
        return cls(settings_for(name, gop), rates, I_OFFSET[gop], CHAINS[name].get(gop))

    @torch.compiler.disable  # what is computed hangs on the values at every turn
    def __call__(
        self,
        clip: Tensor,
        qp: Tensor | float,
        route: str = "straight_through",
        temperature: float = 0.2,
        rounding: Rounding | None = None,
        real: Callable | None = None,
        through: int | None = None,
        choices: list | None = None,
    ) -> VirtualOut:
        """Code a batch of clips.

        Args:
            clip: float (B, T, 3, H, W) in [0, 1], any T >= 1 and H, W >= 1.
            qp: number or (B,), 0..51.
            route: how the gradient passes the rounding: "straight_through" (hard values; slope one for the picture
                and the smoothed slope of ``rate.py`` for bits), "noise" (uniform noise instead of rounding), "soft"
                (smooth rounding of the given ``temperature``; anneal it to 0).
            rounding: your own rounding instead, see ``quantise.py``.
            real: a real codec, ``real(uint8 (T, H, W, 3), qp=number)`` with ``.frames`` and ``.frame_bits``:
                values are then its own, and only gradients are virtual.
            through: how many references in a row a gradient passes on its way back in time; None: all of them.
            choices: a list that the first call fills with its blocks, modes and vectors, for later calls on clips that
                hardly differ, which then choose nothing; None chooses every time.

        Raises:
            TypeError, ValueError: see ``checks.py``.
        """
        clip = checked_clip(clip)
        qp, through = checked_qp(qp, clip), checked_through(through)
        own_slope = rounding is not None or route != "straight_through"
        rounding = rounding or rounding_of(route, temperature)
        with torch.autocast(clip.device.type, enabled=False):
            code = self._code if self.chain is None or clip.shape[1] == 1 else self._code_chain
            out = code(clip.clamp(0, 1), qp, rounding, own_slope, through, [] if choices is None else choices)
            out.frames = same_layout(out.frames, clip)
            return out if real is None else with_real_values(out, clip, "qp", qp, real)

    def _code_chain(
        self,
        clip: Tensor,
        qp: Tensor,
        rounding: Rounding,
        own_slope: bool,
        through: int | None,
        choices: list,
    ) -> VirtualOut:
        """Code frames that depend on the one before."""
        b, t, _, h, w = clip.shape
        padded = pad_planes(rgb_to_planes(clip.flatten(0, 1)), self.settings.multiple)
        split = zip(*(p.unflatten(0, (b, t)).unbind(1) for p in padded), strict=True)
        coded = list(
            code_chain([Planes(*p) for p in split], qp, self.chain, self.settings, rounding, through, choices)
        )
        choices[:] = [coded[0].choices, *(frame.plan for frame in coded[1:])]
        bits = []
        for i, frame in enumerate(coded):
            rate = self.rates["P" if i else "I"]
            features = frame_features(frame, rate.groups, self.settings, self.chain.tools, own_slope)
            bits.append(rate.bits(features, frame_qps(qp, self.chain)[min(i, 1)]))
        bits = torch.stack(bits, 1)
        whole = Planes(
            *(torch.stack(p, 1).flatten(0, 1) for p in zip(*(f.planes for f in coded), strict=True))
        )
        frames = planes_to_rgb(whole, h, w).reshape(clip.shape)
        return VirtualOut(frames, bits.sum(1), bits, ["I"] + ["P"] * (t - 1))

    def _code(
        self, clip: Tensor, qp: Tensor, rounding: Rounding, own_slope: bool, _: int | None, choices: list
    ) -> VirtualOut:
        """Code every frame as an I frame, all at once."""
        b, t, _, h, w = clip.shape
        frame_qp = (qp + self.qp_offset).clamp(min=0).repeat_interleave(t)
        planes, features = self.code_intra(clip.flatten(0, 1), frame_qp, rounding, own_slope, choices)
        bits = self.rates["I"].bits(features, frame_qp).reshape(b, t)
        frames = planes_to_rgb(planes, h, w).reshape(clip.shape)
        return VirtualOut(frames, bits.sum(1), bits, ["I"] * t)

    def code_intra(
        self,
        rgb: Tensor,
        qp: Tensor,
        rounding: Rounding,
        own_slope: bool = False,
        choices: list | None = None,
    ) -> tuple[Planes, Features]:
        """Code pictures (B, 3, H, W) at the frame's own QP (B,): decoded planes, padded, and the rate's features."""
        planes = pad_planes(rgb_to_planes(rgb), self.settings.multiple)
        frame = code_i(planes, qp, self.settings, rounding, choices[0] if choices else None)
        if choices is not None:
            choices[:] = [frame.choices]
        grouped = self.settings.standard == "h265"
        features = level_features(frame.levels, len(qp), self.rates["I"].groups, grouped, own_slope)
        return frame.planes, features | frame.modes
