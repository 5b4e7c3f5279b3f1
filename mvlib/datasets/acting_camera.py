"""A camera that moves: random pan, zoom and roll → where the world appears on the screen at any time → warped frames.

The world's plane has the frame's side as its unit: at rest the camera sees 0..1 x 0..1 of it.  A background canvas
reaches ``MARGIN`` further on each side, which no camera drawn here looks beyond.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .acting_paths import Path

MARGIN = 0.125
_PAN, _ZOOM, _ROLL = 0.07, 0.12, np.deg2rad(3)


@dataclass(frozen=True)
class Camera:
    """View at N times: centre x, y in the world, zoom (1 = one frame side fills the screen), roll in radians, (N,)."""

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
