"""Film an actor: a camera that moves; cut-out → size, light → warped at instants of an exposure → averaged → pasted.

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

MARGIN = 0.125
_PAN, _ZOOM, _ROLL = 0.07, 0.12, np.deg2rad(3)


@dataclass(frozen=True)
class Camera:
    """A camera that moves, over a world whose unit is the frame's side: at rest it sees 0..1 x 0..1 of it.

    At N times: centre x, y in the world, zoom (1 = one frame side fills the screen), roll in radians, (N,). A
    background canvas reaches ``MARGIN`` further on each side, which no camera drawn here looks beyond.
    """

    x: np.ndarray
    y: np.ndarray
    zoom: np.ndarray
    roll: np.ndarray

    @classmethod
    def draw(cls, time: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> "Camera":
        """A slow, smooth movement through ``time`` (N,) in 0..1; strength 0 stands still, 1 is the most."""

        def glide(low: float, high: float) -> np.ndarray:
            start, end = rng.uniform(low, high, 2) * strength
            return (
                start + (end - start) * time + rng.uniform(-0.2, 0.2) * (end - start) * np.sin(np.pi * time)
            )

        x, y, roll = glide(-_PAN, _PAN), glide(-_PAN, _PAN), glide(-_ROLL, _ROLL)
        # A hand that holds a camera trembles, by about a pixel of 224.
        tremble = rng.normal(0, 0.002 * strength, (2, 4)) @ np.sin(np.outer(np.arange(2, 6) * np.pi, time))
        return cls(0.5 + x + tremble[0], 0.5 + y + tremble[1], 1 + glide(0, _ZOOM), roll)

    @classmethod
    def handheld(cls, time: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> "Camera":
        """The camera of someone who walks: it sways and rolls several times in a clip, and zooms in and out.

        In ``draw`` it glides one way; no training has seen this one.
        """

        def sway(most: float, low: float, high: float) -> np.ndarray:
            often, phase = rng.uniform(low, high), rng.uniform(0, 2 * np.pi)
            return rng.uniform(0.5, 1) * most * strength * np.sin(2 * np.pi * often * time + phase)

        x, y = (sway(0.035, 1, 2) + sway(0.015, 3, 5) for _ in range(2))
        zoom = 1 + _ZOOM / 2 * strength + sway(_ZOOM / 2, 0.7, 1.5)
        return cls(0.5 + x, 0.5 + y, zoom, sway(_ROLL, 1, 2))

    def see(self, path: Path) -> Path:
        """Where an actor of the world appears on the screen (frame sides, 0..1 inside)."""
        dx, dy = path.x - self.x, path.y - self.y
        cos, sin = np.cos(self.roll) * self.zoom, np.sin(self.roll) * self.zoom
        return Path(
            0.5 + cos * dx - sin * dy,
            0.5 + sin * dx + cos * dy,
            path.scale * self.zoom,
            path.angle + self.roll,
        )

    def shoot(self, canvas: Tensor, size: int) -> Tensor:
        """Frames (N, 3, size, size) of a canvas (1 or N, 3, C, C) that reaches ``MARGIN`` beyond 0..1."""
        cos, sin = np.cos(self.roll) / self.zoom, np.sin(self.roll) / self.zoom
        # Screen and canvas in -1..1 both: half a screen is half a frame side, half a canvas 0.5 + MARGIN.
        shrink = 0.5 / (0.5 + MARGIN)
        rows = np.stack([cos, sin, 2 * (self.x - 0.5), -sin, cos, 2 * (self.y - 0.5)], axis=1).reshape(
            -1, 2, 3
        )
        theta = torch.from_numpy(rows * shrink).to(canvas.dtype)
        grid = F.affine_grid(theta, [len(theta), 3, size, size], align_corners=False)
        canvas = canvas.expand(len(theta), -1, -1, -1)
        return F.grid_sample(canvas, grid, padding_mode="border", align_corners=False)


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
