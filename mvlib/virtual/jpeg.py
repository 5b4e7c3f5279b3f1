"""JPEG, the simplest codec: RGB → JFIF planes → 8×8 DCT → divide by the table, round → exact Huffman length.

Nothing is chosen and nothing predicted but the DC value, so distortion and bits agree with libjpeg's almost exactly;
only the slope of the bits is a model (``rate.py``, fitted to JPEG levels).

What sets the quantiser is a qp, a quality or the tables themselves, each with a gradient: where JPEG rounds, it passes
straight through, as in Diff-JPEG; where a table stands at its end, 1 or 255, there is none.

References: ITU-T T.81 (tables K.1, K.2); libjpeg's jcparam.c (quality to table) and jdsample.c (bilinear chroma);
Reich, Debnath, Patel, Chakradhar, "Differentiable JPEG: The Devil is in the Details" (Diff-JPEG), WACV 2024,
arXiv 2309.06978.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mvlib._checks import each_number
from mvlib.errors import InputError, choose

from . import transform
from .base import Quantiser, VirtualBase, Way, checked_tables
from .colour import Planes, pad_planes, planes_to_rgb, rgb_to_planes
from .quantise import Rounding, hard, lookup, straight_through_round
from .rate import FrameRate, Levels, block_bits, sum_by_image
from .scan import ac_counts, coded_bits, dc_counts
from .settings import load_rates, read_fitted

_LUMA = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)
_CHROMA = "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66" + " 99" * 38
# Markers and quantiser tables as Pillow writes them, without the codes' symbols.
HEADER_BITS = 8 * (623 + 2 - 348)
STUFFING = 1 + 1 / 256  # every byte 255 of the scan is followed by a zero byte; taken as one byte in 256


Tables = tuple[Tensor, Tensor]
# Whose scale of QP holds, as for the real codec.
_GOPS = {"stock": "stock", "ippp": "intra", "intra": "intra"}


def standard_tables(quality: Tensor) -> Tables:
    """Quantiser tables of luma and chroma, (B, 64) each, row-major, for a whole quality of 1..100, (B,)."""
    scale = torch.where(quality < 50, _floor(5000 / quality), 200 - 2 * quality)[:, None]
    bases = (torch.tensor([float(v) for v in t.split()]).to(quality) for t in (_LUMA, _CHROMA))
    luma, chroma = (_floor((base * scale + 50) / 100).clamp(1, 255) for base in bases)
    return luma, chroma


def _floor(x: Tensor) -> Tensor:
    """The next whole number below, gradient of the identity."""
    return x + (x.detach().floor() - x.detach())


def _previous_dc(dc: Tensor, columns: int, grouped: bool) -> Tensor:
    """DC level of the block before in the scan; luma's blocks go in squares of four. dc: (B, N)."""
    if not grouped:
        return torch.nn.functional.pad(dc[:, :-1], (1, 0))
    squares = dc.reshape(len(dc), -1, 2, columns // 2, 2).transpose(2, 3)  # (B, rows/2, columns/2, 2, 2)
    line = torch.nn.functional.pad(squares.reshape(len(dc), -1)[:, :-1], (1, 0))
    return line.reshape(squares.shape).transpose(2, 3).reshape(dc.shape)


class VirtualJpeg(VirtualBase):
    """A differentiable baseline JPEG (4:2:0, optimised codes): every frame is a file, none refers to another.

    A call takes one of three: ``qp``; or ``quality``, a number or (B,), 1..100, rounded to the whole ones that libjpeg
    takes; or ``tables``, quantiser tables of luma and of chroma, each 64 steps in row-major order, one for all clips,
    (64,) or (8, 8), or one each, (B, 64) or (B, 8, 8); 1..255, rounded to whole ones, not together with ``real``.
    Gradients reach the clip and, where they are tensors, qp, quality and tables.

    Args:
        quality_of_qp: quality 1..100 at each whole qp of 0..51.  rate: log-odds of its levels, for the slope.
    """

    def __init__(self, quality_of_qp: Sequence[float], rate: FrameRate):
        super().__init__()
        self.quality_of_qp, self.rate = quality_of_qp, rate

    @classmethod
    def fitted(cls, gop: str = "stock") -> VirtualJpeg:
        """Return the codec whose qp means what it means to ``RealCodec("jpeg", gop=gop)``: "stock", "ippp", "intra"."""
        scale = _GOPS[choose("gop", gop, _GOPS)]
        return cls(read_fitted("jpeg")["quality_of_qp"][scale], load_rates("jpeg", "any")["I"])

    def quality(self, qp: Tensor) -> Tensor:
        """Quality 1..100, whole, at a qp of 0..51; any shape."""
        return straight_through_round(lookup(self.quality_of_qp, qp)).clamp(1, 100)

    def quantiser(
        self,
        clip: Tensor,
        qp: Tensor | float | None,
        quality: Tensor | float | None = None,
        tables: Tables | None = None,
    ) -> Quantiser:
        """Tables of whole steps, (B, 64) each, for one of qp, quality and tables."""
        if sum(given is not None for given in (qp, quality, tables)) != 1:
            raise InputError("give one of qp (0..51), quality (1..100) and tables (luma, chroma)")
        if tables is not None:
            return Quantiser(tuple(straight_through_round(t) for t in checked_tables(tables, clip)), None)
        if quality is None:
            qp = each_number(qp, clip)
            return Quantiser(standard_tables(self.quality(qp)), ("qp", qp))
        quality = straight_through_round(each_number(quality, clip, "quality", (1, 100), "in libjpeg"))
        return Quantiser(standard_tables(quality), ("native", quality))

    def code(self, clip: Tensor, setting: Tables, way: Way) -> tuple[Tensor, Tensor, list[str]]:
        """Frames (B, T, 3, H, W), bits (B, T) and types of a checked clip with tables (B, 64) of luma and chroma."""
        b, t, _, h, w = clip.shape
        rgb, (luma_steps, chroma_steps) = clip.flatten(0, 1), (s.repeat_interleave(t, 0) for s in setting)
        decoded, bits = [], rgb.new_full((b * t,), HEADER_BITS)
        for plane, table, chroma in _planes(rgb, (luma_steps, chroma_steps)):
            samples, levels, exact = _code_plane(plane, table, way.rounding, (h, w), chroma, b * t)
            decoded.append(samples)
            bits = bits + exact * STUFFING
            if levels.scaled.requires_grad:
                each = block_bits(levels, self.rate.groups[levels.group], False, way.smooth)[0]
                slope = sum_by_image(each, levels.images, b * t)
                bits = bits + slope - slope.detach()
        planes = Planes(decoded[0], *decoded[1].chunk(2))
        return planes_to_rgb(planes, h, w, "jfif").reshape(clip.shape), bits.reshape(b, t), ["I"] * t

    def levels(self, rgb: Tensor, quality: Tensor) -> list[Levels]:
        """The levels of luma and chroma that are sent at a quality (B,), hard rounded."""
        planes = _planes(rgb, standard_tables(quality))
        size = rgb.shape[-2], rgb.shape[-1]
        return [_code_plane(plane, table, hard, size, chroma, len(rgb))[1] for plane, table, chroma in planes]


def _planes(rgb: Tensor, tables: Tables) -> list[tuple[Tensor, Tensor, bool]]:
    """(plane, table, is chroma) of luma, and of Cb and Cr one after the other, (2B, 1, H/2, W/2)."""
    planes = pad_planes(rgb_to_planes(rgb, "jfif"), 16)
    luma, chroma = tables
    return [(planes.y, luma, False), (torch.cat([planes.cb, planes.cr]), chroma.repeat(2, 1), True)]


def _hollow_beyond(blocks: Tensor, size: tuple[int, int], columns: int) -> Tensor:
    """Luma's blocks (B, N, 64) with those that lie beyond a picture of ``size`` (H, W) as libjpeg fills them.

    Luma comes in squares of four blocks. What a square has too many gets the DC value of the block before it in the
    square and nothing else.
    """
    rows, across = ((side + 7) // 8 for side in size)
    grid = blocks.unflatten(1, (-1, columns))[:, :rows, :across]
    if across < columns:
        grid = torch.cat([grid, torch.nn.functional.pad(grid[:, :, -1:, :1], (0, 63))], 2)
    if rows % 2:
        last = grid[:, -1:, 1::2, :1].repeat_interleave(2, 2)
        grid = torch.cat([grid, torch.nn.functional.pad(last, (0, 63))], 1)
    return grid.flatten(1, 2)


def _code_plane(
    plane: Tensor, table: Tensor, rounding: Rounding, size: tuple[int, int], chroma: bool, pictures: int
) -> tuple[Tensor, Levels, Tensor]:
    """Decoded plane, levels as they are sent, and exact bits of each picture; Cb and Cr share their codes.

    size: (H, W) of the picture, before it was padded.
    """
    b, _, h, w = plane.shape
    scaled = transform.forward(transform.to_blocks(plane - 128, 8)) / table[:, None]
    values = rounding(scaled, 0.5)  # (B, N, 64)
    decoded = transform.from_blocks(transform.inverse(values * table[:, None]), h, w) + 128
    if not chroma:
        values, scaled = (_hollow_beyond(t, size, w // 8) for t in (values, scaled))
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
