"""JPEG, the simplest codec: RGB → JFIF planes → 8×8 DCT → divide by the table, round → exact Huffman length.

Nothing is chosen and nothing predicted but the DC value, so distortion and bits agree with libjpeg's almost exactly;
only the slope of the bits is a model (``rate.py``, fitted to JPEG levels).

References: ITU-T T.81 (tables K.1, K.2); libjpeg's jcparam.c (quality to table) and jdsample.c (bilinear chroma).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mvlib.errors import InputError

from . import transform
from .checks import checked_clip, checked_qp
from .colour import Planes, pad_planes, planes_to_rgb, rgb_to_planes
from .fitted import load_rates, read
from .huffman import ac_counts, coded_bits, dc_counts
from .quantise import Rounding, hard, lookup, rounding_of, straight_through_round
from .rate import FrameRate, Levels, block_bits, sum_by_image
from .result import VirtualOut, same_layout, with_real_values

_LUMA = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)
_CHROMA = "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66" + " 99" * 38
HEADER_BITS = 8 * (
    623 + 2 - 348
)  # markers and quantiser tables as Pillow writes them, without the codes' symbols
STUFFING = 1 + 1 / 256  # every byte 255 of the scan is followed by a zero byte; taken as one byte in 256


def tables(quality: Tensor) -> tuple[Tensor, Tensor]:
    """Quantiser tables of luma and chroma, (B, 64) each, for a quality of 1..100, (B,)."""
    scale = torch.where(quality < 50, (5000 / quality).floor(), 200 - 2 * quality)[:, None]
    bases = (torch.tensor([float(v) for v in t.split()]).to(quality) for t in (_LUMA, _CHROMA))
    return tuple(((base * scale + 50) / 100).floor().clamp(1, 255) for base in bases)


def _previous_dc(dc: Tensor, columns: int, grouped: bool) -> Tensor:
    """DC level of the block before in the scan; luma's blocks go in squares of four. dc: (B, N)."""
    if not grouped:
        return torch.nn.functional.pad(dc[:, :-1], (1, 0))
    squares = dc.reshape(len(dc), -1, 2, columns // 2, 2).transpose(2, 3)  # (B, rows/2, columns/2, 2, 2)
    line = torch.nn.functional.pad(squares.reshape(len(dc), -1)[:, :-1], (1, 0))
    return line.reshape(squares.shape).transpose(2, 3).reshape(dc.shape)


class VirtualJpeg:
    """A differentiable baseline JPEG (4:2:0, standard quantiser tables, optimised codes), called like ``VirtualCodec``.

    Args:
        quality_of_qp: quality 1..100 at each whole qp of 0..51.  rate: log-odds of its levels, for the slope.
    """

    def __init__(self, quality_of_qp: Sequence[float], rate: FrameRate):
        self.quality_of_qp, self.rate = quality_of_qp, rate

    @classmethod
    def fitted(cls, gop: str = "stock") -> VirtualJpeg:
        """Return the codec whose qp means what it means to ``RealCodec("jpeg", gop=gop)``; "stock" or "intra"."""
        stored = read("jpeg")["quality_of_qp"]
        if gop not in stored:
            raise InputError(f"gop {gop!r} is not modelled; choose one of {', '.join(stored)}")
        return cls(stored[gop], load_rates("jpeg", "any")["I"])

    def quality(self, qp: Tensor) -> Tensor:
        """Quality 1..100, whole, at a qp of 0..51; any shape."""
        return torch.round(lookup(self.quality_of_qp, qp)).clamp(1, 100)

    @torch.compiler.disable  # what is computed hangs on the values at every turn
    def __call__(
        self,
        clip: Tensor,
        qp: Tensor | float,
        route: str = "straight_through",
        temperature: float = 0.2,
        rounding: Rounding | None = None,
        real: Callable | None = None,
    ) -> VirtualOut:
        """Code a batch of clips, each frame a JPEG file; arguments and result as in ``VirtualCodec``."""
        clip = checked_clip(clip)
        qp = checked_qp(qp, clip)
        own_slope = rounding is not None or route != "straight_through"
        rounding = rounding or rounding_of(route, temperature)
        with torch.autocast(clip.device.type, enabled=False):
            b, t = clip.shape[:2]
            quality = self.quality(qp).repeat_interleave(t)
            rgb, bits = self.code(clip.clamp(0, 1).flatten(0, 1), quality, rounding, own_slope)
            bits = bits.reshape(b, t)
            out = VirtualOut(same_layout(rgb.reshape(clip.shape), clip), bits.sum(1), bits, ["I"] * t)
            return out if real is None else with_real_values(out, clip, qp, real)

    def code(
        self, rgb: Tensor, quality: Tensor, rounding: Rounding, own_slope: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Code pictures (B, 3, H, W) at a quality (B,): decoded pictures and bits (B,)."""
        h, w = rgb.shape[-2:]
        decoded, bits = [], torch.full_like(quality, HEADER_BITS)
        for plane, table, chroma in _planes(rgb, quality):
            samples, levels, exact = _code_plane(plane, table, rounding, chroma, len(rgb))
            decoded.append(samples)
            bits = bits + exact * STUFFING
            if rgb.requires_grad and torch.is_grad_enabled():
                each = block_bits(levels, self.rate.groups[levels.group], False, own_slope)[0]
                slope = sum_by_image(each, levels.images, len(rgb))
                bits = bits + slope - slope.detach()
        planes = Planes(decoded[0], *decoded[1].chunk(2))
        return planes_to_rgb(planes, h, w, "jfif"), bits

    def levels(self, rgb: Tensor, quality: Tensor) -> list[Levels]:
        """The levels of luma and chroma that are sent, hard rounded."""
        planes = _planes(rgb, quality)
        return [_code_plane(plane, table, hard, chroma, len(rgb))[1] for plane, table, chroma in planes]


def _planes(rgb: Tensor, quality: Tensor) -> list[tuple[Tensor, Tensor, bool]]:
    """(plane, table, is chroma) of luma, and of Cb and Cr one after the other, (2B, 1, H/2, W/2)."""
    planes = pad_planes(rgb_to_planes(rgb, "jfif"), 16)
    luma, chroma = tables(quality)
    return [(planes.y, luma, False), (torch.cat([planes.cb, planes.cr]), chroma.repeat(2, 1), True)]


def _code_plane(
    plane: Tensor, table: Tensor, rounding: Rounding, chroma: bool, pictures: int
) -> tuple[Tensor, Levels, Tensor]:
    """Decoded plane, levels as they are sent, and exact bits of each picture; Cb and Cr share their codes."""
    b, _, h, w = plane.shape
    scaled = transform.forward(transform.to_blocks(plane - 128, 8)) / table[:, None]
    values = rounding(scaled, 0.5)  # (B, N, 64)
    decoded = transform.from_blocks(transform.inverse(values * table[:, None]), h, w) + 128
    whole = torch.floor(values.detach() + 0.5)
    previous = _previous_dc(whole[..., 0], w // 8, grouped=not chroma)
    # DC levels are sent as differences: what costs is how they change, not how large they are.
    first = torch.zeros_like(scaled)
    first[..., 0] = previous
    images = torch.arange(b, device=plane.device).repeat_interleave(scaled.shape[1]) % pictures
    group = "chroma8" if chroma else "luma8"
    levels = Levels(group, (values - first).flatten(0, 1), (scaled - first).flatten(0, 1), images)
    dc = dc_counts((whole[..., 0] - previous).flatten(), images, pictures)
    ac = ac_counts(whole.flatten(0, 1), images, pictures)
    exact = (coded_bits(dc) + coded_bits(ac)).to(plane.dtype)
    return straight_through_round(decoded).clamp(0, 255), levels, exact
