"""Our preprocessor: picture → three-level network steered by QP → gain per band and pixel + small residual.

The network does not paint a picture, it decides: how much of each frequency band (``detail_bands``) stays at each
pixel, for luma and chroma apart, plus a residual of bounded size.  A light blur is already worth bits to an
analyser; this is a blur that knows where and how much, and may sharpen instead.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mvlib._numbers import check_numbers
from mvlib._planes import repeat_edges
from mvlib.errors import InputError

from .base import Preprocessor, centre_qp, start_at_zero
from .filter import colour_matrices, detail_bands, mix_colours


@dataclass(frozen=True)
class CompactConfig:
    """Size of ``Compact``; the defaults cost 4.0 kMAC per pixel."""

    widths: tuple[int, ...] = (16, 48, 96)
    """Channels at 1/2, 1/4, 1/8 of the sides: width is cheap where pixels are few."""
    blocks: tuple[int, ...] = (1, 1, 2)
    """Blocks per level on the way down; the way up has one at each level but the smallest."""
    kernel: int = 5
    """Side of the depthwise filters, odd. At 1/8 a 5 reaches 32 pixels a block."""
    expansion: int = 2
    """Width inside a block over its width outside."""
    embedding: int = 32
    """Channels of the vector that QP becomes."""
    bands: int = 3
    """Frequency bands with a gain; 0 leaves the residual alone."""
    residual_bound: float = 0.1
    """Largest residual per luma or chroma sample, of a range of 1: about 25 grey levels."""
    qp_adaptive: bool = True
    """False hides the QP: the network is given the middle of the scale, in training and in use; an ablation."""

    def __post_init__(self) -> None:
        check_numbers(self)  # tuples too, which JSON has not
        if len(self.widths) != len(self.blocks) or not self.widths:
            raise InputError(
                f"{len(self.widths)} widths and {len(self.blocks)} blocks; give one of each a level"
            )
        if self.kernel % 2 == 0 or self.kernel < 1:
            raise InputError(f"kernel is {self.kernel}; give an odd number from 1")
        if not 0 <= self.bands <= 3:
            raise InputError(f"bands is {self.bands}; give 0..3, a fourth would reach beyond 16 pixels")


class Compact(Preprocessor):
    """Band gains and residual from a small network, QP-adaptive at every stage.

    Untrained it is exactly the identity.  Fully convolutional without statistics over the picture: what it
    does at a pixel does not depend on what is far away, and borders are treated as if the last pixel went on.
    """

    to_ycc: Tensor
    to_rgb: Tensor

    def __init__(self, config: CompactConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or CompactConfig()
        self.multiple = 2 ** len(c.widths)
        for name, matrix in zip(("to_ycc", "to_rgb"), colour_matrices(), strict=True):
            self.register_buffer(name, matrix, persistent=False)
        self.embed = nn.Sequential(
            nn.Linear(1, c.embedding), nn.SiLU(), nn.Linear(c.embedding, c.embedding), nn.SiLU()
        )
        self.stem = nn.Conv2d(12, c.widths[0], 1)
        self.encoder = nn.ModuleList(
            nn.ModuleList(Block(width, c) for _ in range(n))
            for width, n in zip(c.widths, c.blocks, strict=True)
        )
        pairs = list(zip(c.widths, c.widths[1:], strict=False))
        self.shrink = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairs)
        self.grow = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in pairs)
        self.decoder = nn.ModuleList(Block(fine, c) for fine, _ in pairs)
        # Luma decides per pixel (4 of them in a cell of 2×2), chroma per cell, as 4:2:0 keeps no more of it.
        self.outputs = (4 * (c.bands + 1), c.bands + 2)
        self.head = nn.Conv2d(c.widths[0], sum(self.outputs), 1)
        self.head_by_qp = nn.Linear(c.embedding, sum(self.outputs))
        start_at_zero(self.head, self.head_by_qp)

    @property
    def uses_qp(self) -> bool:
        return self.config.qp_adaptive

    def process(self, x: Tensor, qp: Tensor) -> Tensor:
        ycc = mix_colours(self.to_ycc, x)
        # Only the change goes through the matrix: a change of 0 leaves every bit of x as it is.
        return x + mix_colours(self.to_rgb, self.change(ycc, *self.decide(ycc, qp)))

    def change(self, ycc: Tensor, luma: Tensor, chroma: Tensor) -> Tensor:
        """What the decisions (see ``decide``) add to the picture ``ycc``: (B, 3, H, W)."""
        n = self.config.bands
        change = [self.config.residual_bound * part[:, n:] for part in (luma, chroma)]
        for k, band in enumerate(detail_bands(ycc, n)):
            for i, (gain, part) in enumerate(zip((luma, chroma), band.split([1, 2], 1), strict=True)):
                change[i] = torch.addcmul(change[i], gain[:, k : k + 1], part, value=-1)
        return torch.cat(change, 1)

    def decide(self, ycc: Tensor, qp: Tensor) -> tuple[Tensor, Tensor]:
        """What to do with the picture ``ycc`` (B, 3, H, W), sides multiples of ``multiple``, at qp (B,).

        Returns:
            luma (B, bands + 1, H, W) and chroma (B, bands + 2, H, W), all in (-1, 1).  First a gain for each
            band, where 1 removes it, 0 keeps it and -1 doubles it; then the residual, one channel for Y and
            two for Cb and Cr, in units of ``residual_bound``.
        """
        code = self.code(qp)
        h = self.features(self.stem(cells(ycc)), code)
        return to_pixels(self.head(h) + self.head_by_qp(code)[:, :, None, None], self.outputs)

    def code(self, qp: Tensor) -> Tensor:
        """What every stage is given of qp (B,): (B, E)."""
        known = centre_qp(qp)[:, None]
        return self.embed(known if self.config.qp_adaptive else torch.zeros_like(known))

    def features(self, h: Tensor, code: Tensor) -> Tensor:
        """Down and up again: (B, widths[0], H/2, W/2) from the stem, code (B, E) → the same shape."""
        skips = []
        for level, blocks in enumerate(self.encoder):
            if level:
                skips.append(h)
                h = self.shrink[level - 1](h)
            for block in blocks.children():
                h = block(h, code)
        for level in reversed(range(len(skips))):
            h = F.interpolate(self.grow[level](h), scale_factor=2.0, mode="bilinear", align_corners=False)
            h = self.decoder[level](h + skips[level], code)
        return h


class Block(nn.Module):
    """h + project(relu(expand(film(depthwise(h))))), where QP sets scale and shift of the film."""

    def __init__(self, width: int, config: CompactConfig) -> None:
        super().__init__()
        k, inner = config.kernel, config.expansion * width
        self.around = (k // 2,) * 4
        self.depthwise = nn.Conv2d(width, width, k, groups=width)
        self.film = nn.Linear(config.embedding, 2 * width)
        self.expand = nn.Conv2d(width, inner, 1)
        self.project = nn.Conv2d(inner, width, 1)

    def forward(self, h: Tensor, code: Tensor) -> Tensor:
        """(B, width, H, W), (B, E) → (B, width, H, W)."""
        scale, shift = self.film(code)[:, :, None, None].chunk(2, 1)
        mixed = self.depthwise(repeat_edges(h, *self.around)) * (1 + scale) + shift
        return h + self.project(F.relu(self.expand(mixed)))


def cells(picture: Tensor) -> Tensor:
    """Cells of 2×2 pixels, as channels: (B, C, H, W) → (B, 4 C, H/2, W/2)."""
    return F.pixel_unshuffle(picture, 2).contiguous(memory_format=torch.channels_last)


def to_pixels(out: Tensor, outputs: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """What a head says per cell, ``outputs`` channels for luma and chroma → both per pixel, in (-1, 1)."""
    luma, chroma = out.tanh().split(outputs, 1)
    chroma = F.interpolate(chroma, scale_factor=2.0, mode="bilinear", align_corners=False)
    return F.pixel_shuffle(luma, 2), chroma
