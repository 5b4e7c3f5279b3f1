"""One picture taken apart: picture, QP → virtual I frame → blocks, modes, and luma at every step of its coding.

The prediction that a block gets depends on its decoded neighbours, so it is worked out from the settled plane, just as
the codec itself does it; ``tests/test_widgets_blocks.py`` holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from mvlib._numbers import psnr
from mvlib._planes import to_frames, to_pictures
from mvlib.errors import InputError
from mvlib.virtual import transform
from mvlib.virtual.codec import VirtualCodec
from mvlib.virtual.colour import pad_planes, planes_to_rgb, rgb_to_planes
from mvlib.virtual.intra import code_i, settle
from mvlib.virtual.loopfilter import block_edges
from mvlib.virtual.neighbours import gather_neighbours, neighbour_index
from mvlib.virtual.partition import Chosen, predict, rough_decode
from mvlib.virtual.predictors import ANGLES, DC, HORIZONTAL, PLANAR, VERTICAL, prediction_matrices
from mvlib.virtual.quantise import hard, qstep
from mvlib.virtual.rate import level_features
from mvlib.virtual.settings import Settings

PLANES = ("source", "prediction", "residual", "levels", "decoded residual", "reconstruction")
_H265_NAMES = {PLANAR: "planar", DC: "DC", HORIZONTAL: "horizontal", VERTICAL: "vertical"}
_H264_NAMES = {0: "vertical", 1: "horizontal", 2: "DC"}
# Where H.264's directions come from, in samples to the right and down; H.265's follow from their angles.
_H264_FROM: tuple[tuple[float, float] | None, ...] = (
    (0, -1), (-1, 0), None, (1, -1), (-1, -1), (-0.5, -1), (-1, -0.5), (0.5, -1), (-1, 0.5),
)  # fmt: skip
_LINES, _MARK = (255, 221, 51), (213, 94, 0)


@dataclass(frozen=True)
class CodedBlock:
    """A luma block of ``k`` by ``k`` samples, the upper left one at ``x``, ``y``; ``mode`` as the standard counts."""

    x: int
    y: int
    k: int
    mode: int


@dataclass(frozen=True)
class Dissection:
    """A coded picture.

    Attributes:
        standard: "h265" or "h264".
        frame: decoded uint8 (H, W, 3).
        luma: by name of ``PLANES``, float32 (H', W') in 8-bit sample units, H' and W' padded; "levels" are whole
            numbers, each block's lowest frequency in its upper left corner; "reconstruction" is not deblocked.
        blocks: they cover the plane once.
        edges: bool (H'/4, W'/4) twice: cells of 4×4 whose left side, and whose top, is a block's edge.
        bits: estimated.  psnr: of ``frame``, in dB.
    """

    standard: str
    frame: np.ndarray
    luma: dict[str, np.ndarray]
    blocks: list[CodedBlock]
    edges: tuple[np.ndarray, np.ndarray]
    bits: float
    psnr: float

    def at(self, x: int, y: int) -> CodedBlock:
        """The block that holds sample (x, y)."""
        return next(b for b in self.blocks if b.x <= x < b.x + b.k and b.y <= y < b.y + b.k)

    def cut(self, name: str, block: CodedBlock) -> np.ndarray:
        """(k, k) of plane ``name``."""
        return self.luma[name][block.y : block.y + block.k, block.x : block.x + block.k]


def virtual_codec(name: str, gop: str) -> VirtualCodec:
    """The virtual codec of blocks that is fitted to ``name``; InputError where that one has none."""
    codec = VirtualCodec.like(name, gop=gop)
    if not isinstance(codec, VirtualCodec):
        raise InputError(f"{name} is no codec with blocks that can be shown; choose x264 or x265")
    return codec


@torch.no_grad()
def dissect(picture: np.ndarray, qp: float, codec: VirtualCodec) -> Dissection:
    """Code one picture, uint8 (H, W, 3), as an I frame at exactly ``qp`` and keep every step of luma."""
    rgb = to_pictures(picture)[None]
    qps, settings, rate = torch.tensor([float(qp)]), codec.settings, codec.rates["I"]
    planes = pad_planes(rgb_to_planes(rgb), settings.multiple)
    coded = code_i(planes, qps, settings, hard)
    features = level_features(coded.levels, 1, rate.groups, settings.standard == "h265") | coded.modes
    left, top = (e[0].numpy() for e in block_edges(coded.choices.used, *planes.y.shape[-2:]))
    frame = to_frames(planes_to_rgb(coded.planes, *picture.shape[:2])[0])
    return Dissection(
        standard=settings.standard,
        frame=frame,
        luma=_steps(planes.y, coded.choices.chosen, qstep(qps), settings),
        blocks=[b for c in coded.choices.chosen for b in _listed(c, planes.y.shape[-1], settings)],
        edges=(left, top),
        bits=float(rate.bits(features, qps)),
        psnr=psnr(picture, frame),
    )


def _steps(y: Tensor, chosen: list[Chosen], step: Tensor, settings: Settings) -> dict[str, np.ndarray]:
    """Every plane of ``PLANES`` for luma (1, 1, H, W)."""
    h, w = y.shape[-2:]
    settled = settle(y, rough_decode(y, step), chosen, step, settings, luma=True)
    out = {name: torch.zeros_like(y) for name in PLANES}
    for c in chosen:
        kind = settings.luma_transforms[c.k]
        matrices = prediction_matrices(settings.standard, c.k, settings.luma_modes[c.k])
        neighbours = gather_neighbours(settled, neighbour_index(h, w, c.k, settings.unit), c.images, c.blocks)
        source, prediction = transform.to_blocks(y, c.k)[c.images, c.blocks], predict(neighbours, c, matrices)
        levels = hard(transform.forward(source - prediction, kind) / step, settings.intra_offset)
        sent = transform.inverse(levels * step, kind)
        rows = (source, prediction, source - prediction, levels, sent, (prediction + sent + 0.5).floor())
        for name, values in zip(PLANES, rows, strict=True):
            placed = torch.zeros_like(transform.to_blocks(y, c.k))
            placed[c.images, c.blocks] = values
            out[name] += transform.from_blocks(placed, h, w)
    return {name: plane[0, 0].numpy() for name, plane in out.items()}


def _listed(chosen: Chosen, width: int, settings: Settings) -> list[CodedBlock]:
    across, modes = width // chosen.k, settings.luma_modes[chosen.k]
    places = zip(chosen.blocks.tolist(), chosen.modes.tolist(), strict=True)
    return [CodedBlock(n % across * chosen.k, n // across * chosen.k, chosen.k, modes[m]) for n, m in places]


def mode_name(mode: int, k: int, standard: str) -> str:
    """In words: "planar", "DC", "vertical", ..., else "direction 18" as the standard numbers it."""
    if standard == "h265":
        return _H265_NAMES.get(mode, f"direction {mode}")
    return "plane" if (k, mode) == (16, 3) else _H264_NAMES.get(mode, f"direction {mode}")


def direction(mode: int, k: int, standard: str) -> tuple[float, float] | None:
    """Where a block's prediction comes from, in samples to the right and down; None for DC, planar and plane."""
    if standard == "h264":
        return None if (k, mode) == (16, 3) else _H264_FROM[mode]
    if mode < 2:
        return None
    angle = ANGLES[mode] / 32
    return (-1, angle) if mode < 18 else (angle, -1)


def draw_blocks(
    picture: np.ndarray, found: Dissection, marked: CodedBlock | None = None, scale: int = 3, grid: bool = True,
) -> np.ndarray:  # fmt: skip
    """Draw blocks, and the directions of those of 8 samples and more, over a picture enlarged ``scale`` times.

    Args:
        picture: uint8 (H, W, 3), of the size of ``found.frame``.  marked: a block to frame thickly.
        grid: whether blocks and directions are drawn; without, there is the marked block alone.

    Returns:
        uint8 (H * scale, W * scale, 3).
    """
    large = picture.repeat(scale, 0).repeat(scale, 1)
    image = Image.fromarray(_with_grid(large, found, scale) if grid else large)
    pen = ImageDraw.Draw(image)
    for b in found.blocks if grid else ():
        towards = direction(b.mode, b.k, found.standard)
        if b.k >= 8 and towards is not None:
            x, y = (b.x + b.k / 2) * scale, (b.y + b.k / 2) * scale
            reach = 0.35 * b.k * scale / np.hypot(*towards)
            dx, dy = towards[0] * reach, towards[1] * reach
            ends = (x - dx, y - dy, x + dx, y + dy)
            pen.line(ends, fill=(0, 0, 0), width=4)
            pen.line(ends, fill=(255, 255, 255), width=2)
    if marked is not None:
        corner = (marked.x * scale, marked.y * scale)
        pen.rectangle((*corner, *(v + marked.k * scale for v in corner)), outline=_MARK, width=4)
    return np.asarray(image)


def _with_grid(large: np.ndarray, found: Dissection, scale: int) -> np.ndarray:
    """The enlarged picture with a line at the left and upper edge of every block."""
    left, top = (
        e.repeat(4 * scale, 0).repeat(4 * scale, 1)[: large.shape[0], : large.shape[1]] for e in found.edges
    )
    begins = np.arange(max(large.shape[:2])) % (4 * scale) == 0
    lines = (left & begins[: large.shape[1]]) | (top & begins[: large.shape[0], None])
    large[lines] = (large[lines] * 0.35 + np.array(_LINES) * 0.65).astype(np.uint8)
    return large
