"""A clip taken apart: frames → virtual codec → vectors, modes, what is left without and with motion, bits per frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from mvlib._numbers import psnr_of
from mvlib._planes import to_pictures
from mvlib.errors import InputError
from mvlib.virtual.codec import VirtualCodec, code_chain, frame_features, frame_qps, pad_planes
from mvlib.virtual.colour import Planes, planes_to_rgb, rgb_to_planes
from mvlib.virtual.inter import PFrame, predict
from mvlib.virtual.interpolate import CELL, chroma_phases, luma_phases
from mvlib.virtual.intra import IFrame
from mvlib.virtual.quantise import hard

MODES = ("skip", "merge", "inter", "intra")
COLOURS = ("#56B4E9", "#009E73", "#E69F00", "#CC79A7")
"""One a mode; they differ to most kinds of colour-blind eyes."""


@dataclass(frozen=True)
class Motion:
    """One coded frame, taken apart.

    Attributes:
        source, decoded: uint8 RGB (H, W, 3).  bits: estimated.  psnr: of RGB, in dB.
        vectors: integers (h, w, 2), (x, y) in quarter samples for every 8×8 cell, from a block to its place in the
            frame before; zeros in the I frame.
        mode, size: (h, w), which of ``MODES``, and the side of the block a cell belongs to; size is 0 in the I frame.
        still, moved: luma in grey levels (H, W) minus the decoded frame before, and minus the same moved along the
            vectors; None in the I frame.
    """

    source: np.ndarray
    decoded: np.ndarray
    bits: float
    psnr: float
    vectors: np.ndarray
    mode: np.ndarray
    size: np.ndarray
    still: np.ndarray | None
    moved: np.ndarray | None

    def share(self, mode: str) -> float:
        """Part of the picture that is coded so, 0..1; nothing of an I frame."""
        return float(np.mean((self.mode == MODES.index(mode)) & (self.size > 0)))


@torch.inference_mode()
def dissect_clip(clip: np.ndarray, qp: float, codec: VirtualCodec) -> list[Motion]:
    """Code uint8 RGB frames (T, H, W, 3) as I-P-P-P and keep what a viewer shows of each.

    Raises ValueError if the codec knows no P frames (``like(…, gop="ippp")`` does).
    """
    if codec.settings.inter is None:
        raise InputError('this virtual codec has I frames only; make one with like("x265", gop="ippp")')
    rgb = to_pictures(clip)
    planes = pad_planes(rgb_to_planes(rgb), codec.settings.multiple)
    frames = [Planes(*(p[t : t + 1] for p in planes)) for t in range(len(clip))]
    at = torch.tensor([float(qp)])
    out: list[Motion] = []
    before: Planes | None = None
    for t, coded in enumerate(code_chain(frames, at, codec.settings, hard)):
        kind = "P" if t else "I"
        rate = codec.rates[kind]
        features = frame_features(coded, rate.groups, codec.settings)
        bits = float(rate.bits(features, frame_qps(at, codec.settings)[kind]))
        decoded = planes_to_rgb(coded.planes, *clip.shape[1:3])
        out.append(
            _taken_apart(clip[t], decoded, bits, frames[t], coded, before, codec.settings.inter.interpolation)
        )
        before = coded.planes
    return out


def _taken_apart(
    source: np.ndarray,
    decoded: Tensor,
    bits: float,
    planes: Planes,
    coded: IFrame | PFrame,
    before: Planes | None,
    interpolation: str,
) -> Motion:
    height, width = source.shape[:2]
    pixels = 255 * decoded[0].permute(1, 2, 0)
    shown = pixels.round().byte().numpy()
    psnr = psnr_of(np.mean((pixels.numpy() - source) ** 2))
    if before is None or not isinstance(coded, PFrame):
        cells = (planes.y.shape[-2] // CELL, planes.y.shape[-1] // CELL)
        none = np.zeros(cells, int)
        return Motion(source, shown, bits, psnr, np.zeros((*cells, 2), int), none, none, None, None)
    phases = luma_phases(before.y, interpolation), chroma_phases(torch.cat(before[1:], 1), interpolation)
    moved = predict(*phases, coded.plan.vectors).y
    left = [(planes.y - guess)[0, 0, :height, :width].numpy() for guess in (before.y, moved)]
    fields = (coded.plan.vectors, coded.plan.mode, coded.plan.size)
    return Motion(source, shown, bits, psnr, *(f[0].numpy() for f in fields), *left)


def draw_motion(picture: np.ndarray, motion: Motion, scale: int = 3) -> np.ndarray:
    """The picture enlarged, every block with a frame in its mode's colour and an arrow to where it comes from.

    Args:
        picture: uint8 (H, W, 3).  scale: of the picture.
    """
    height, width = picture.shape[:2]
    image = Image.fromarray(picture // 2 + 127).resize(
        (width * scale, height * scale), Image.Resampling.NEAREST
    )
    pen = ImageDraw.Draw(image)
    for row, column in zip(*np.nonzero(motion.size), strict=True):
        size, mode = int(motion.size[row, column]), int(motion.mode[row, column])
        x, y = int(column) * CELL, int(row) * CELL
        if x % size or y % size or x >= width or y >= height:
            continue  # not the block's first cell, or nothing but padding
        box = [scale * v for v in (x, y, x + size, y + size)]
        if mode:
            pen.rectangle([box[0], box[1], box[2] - 1, box[3] - 1], outline=COLOURS[mode])
        dx, dy = motion.vectors[row, column] * (scale / 4)
        if mode < 3 and (dx or dy):
            _arrow(pen, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, dx, dy, COLOURS[mode])
    return np.asarray(image)


def _arrow(pen: ImageDraw.ImageDraw, x: float, y: float, dx: float, dy: float, colour: str) -> None:
    """From the block (x, y) to where it comes from; a short one is little but its head."""
    tip, long = np.array([x + dx, y + dy]), np.hypot(dx, dy)
    along = np.array([dx, dy]) / long * min(9.0, max(long, 5.0))
    aside = 0.45 * np.array([-along[1], along[0]])
    neck = tip - along
    head = [tuple(corner) for corner in (tip, neck + aside, neck - aside)]
    for width, paint in ((4, "black"), (2, colour)):
        pen.line([(x, y), tuple(neck)], fill=paint, width=width)
        pen.polygon(head, fill=colour, outline="black")
