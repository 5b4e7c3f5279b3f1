"""Draw an actor: cut-out → size, light → warped at several instants of an exposure → averaged → shadow, pasted.

Colours are premultiplied with alpha throughout, so that resampling never mixes in what lies under transparent pixels.
All frames of an actor are warped in one call, within a window that moves along.
"""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.functional import gaussian_blur

from .acting_paths import Path

INSTANTS = 3  # of one exposure; the middle one is what boxes and masks are taken from
SHUTTER = 0.5  # share of the frame interval that the shutter is open


def exposures(frames: int) -> np.ndarray:
    """Times (frames * INSTANTS,) in 0..1 of a clip: each frame's exposure, evenly sampled about its middle."""
    within = (np.arange(INSTANTS) - (INSTANTS - 1) / 2) / INSTANTS * SHUTTER
    time = (np.arange(frames)[:, None] + within) / max(1, frames - 1)
    return time.clip(0, 1).ravel()


@dataclass(frozen=True)
class Layer:
    """An actor to paste: windows (T, 4, P, P) premultiplied in 0..1, sharp alpha (T, P, P), corners (T, 2) x, y."""

    rgba: Tensor
    sharp: Tensor
    corner: np.ndarray


def texture(rgba: np.ndarray, pixels: float, gain: float) -> Tensor:
    """Cut-out (H, W, 4) → its longer side ``pixels`` long, colours times ``gain``: float (1, 4, h, w) in 0..1."""
    picture = Image.fromarray(rgba).convert("RGBa")
    ratio = pixels / max(picture.size)
    width, height = (max(2, round(side * ratio)) for side in picture.size)
    size = width, height
    small = torch.from_numpy(np.array(picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)))
    small = small.permute(2, 0, 1)[None].float() / 255
    small[:, :3] = (small[:, :3] * gain).minimum(small[:, 3:])
    return F.pad(small, (1, 1, 1, 1))  # a transparent rim, so that warped edges are soft


def warp(skin: Tensor, seen: Path, size: int) -> Layer:
    """Warp a texture (1, 4, h, w) along a path on the screen, sampled at ``exposures``."""
    place = np.stack([seen.x, seen.y], axis=1).reshape(-1, INSTANTS, 2) * size
    reach = np.hypot(*skin.shape[-2:]) / 2 * seen.scale.max() + np.abs(place - place[:, 1:2]).max()
    half = int(np.ceil(1.2 * reach)) + 2  # the rest is for the shadow's soft edge
    corner = np.round(place[:, 1]).astype(int) - half
    offset = (corner[:, None] + half - place).reshape(-1, 2)
    cos, sin = np.cos(seen.angle) / seen.scale, np.sin(seen.angle) / seen.scale
    inverse = np.stack([cos, sin, -sin, cos], axis=1).reshape(-1, 2, 2)
    theta = np.concatenate([half * inverse, inverse @ offset[..., None]], axis=2)
    theta *= np.array([2 / skin.shape[-1], 2 / skin.shape[-2]])[:, None]
    grid = F.affine_grid(
        torch.from_numpy(theta).float(), [len(theta), 4, 2 * half, 2 * half], align_corners=False
    )
    windows = F.grid_sample(skin.expand(len(theta), -1, -1, -1), grid, align_corners=False)
    windows = windows.unflatten(0, (-1, INSTANTS))
    return Layer(windows.mean(1), windows[:, INSTANTS // 2, 3], corner)


def shadow(layer: Layer, strength: float, shift: tuple[int, int]) -> Layer:
    """A soft black layer, the actor's alpha blurred and moved by ``shift`` pixels (x, y)."""
    sigma = max(1.0, 0.03 * layer.rgba.shape[-1])
    alpha = strength * gaussian_blur(layer.rgba[:, 3:], 2 * int(2 * sigma) + 1, sigma)
    black = torch.cat([alpha.new_zeros(1).expand(len(alpha), 3, *alpha.shape[-2:]), alpha], dim=1)
    return Layer(black, layer.sharp, layer.corner + np.array(shift))


def paste(frames: Tensor, layer: Layer) -> None:
    """Lay a layer over frames (T, 3, S, S) in 0..1, in place; what lies outside is cut off."""
    for t, (there, here) in enumerate(_overlaps(layer, frames.shape[-1])):
        over = layer.rgba[(t, slice(None), *there)]
        frames[(t, slice(None), *here)] *= 1 - over[3:]
        frames[(t, slice(None), *here)] += over[:3]


def masks(layer: Layer, size: int) -> np.ndarray:
    """Where the actor is at the middle of each exposure: bool (T, size, size), alpha at least 1/2."""
    out = torch.zeros(len(layer.sharp), size, size, dtype=torch.bool)
    for t, (there, here) in enumerate(_overlaps(layer, size)):
        out[(t, *here)] = layer.sharp[(t, *there)] >= 0.5
    return out.numpy()


def _overlaps(layer: Layer, size: int) -> list[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """For each frame the part of the window inside the frame, in the window's and in the frame's rows, columns."""
    side, found = layer.rgba.shape[-1], []
    for x, y in layer.corner:
        (a, b), (c, d) = ((max(0, v), max(0, min(size, v + side))) for v in (int(y), int(x)))
        found.append(((slice(a - y, max(a, b) - y), slice(c - x, max(c, d) - x)), (slice(a, b), slice(c, d))))
    return found
