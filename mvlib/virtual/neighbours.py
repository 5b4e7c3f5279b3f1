"""The samples that predict a block: coding order → which neighbours exist → one gather index per block.

A k×k block is predicted from 4k+1 samples around it: 2k down its left side, the corner, 2k along its top.
They lie in a row of 4k+1, from the lowest left sample up to the corner and on to the right. Samples that
are not coded yet, or outside the picture, repeat the last one that is there; a block without any takes
128. All of that depends on the picture's size alone, so it becomes a table of indices, made once.

Reference: ITU-T H.265 6.4.1 (order), 8.4.4.2.2 (substitution).
"""

import numpy as np
import torch
from torch import Tensor

from .tables import table

CELL = 4


def _coding_order(rows: int, columns: int, unit: int) -> np.ndarray:
    """When each 4×4 cell is coded: units of ``unit`` samples in raster order, Z-order inside. (rows, columns)."""
    cells = unit // CELL
    y, x = np.mgrid[:rows, :columns]
    order = (y // cells) * -(-columns // cells) + x // cells
    for bit in reversed(range(cells.bit_length() - 1)):
        order = order * 4 + ((y >> bit) & 1) * 2 + ((x >> bit) & 1)
    return order


def _positions(height: int, width: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of every block's neighbours, (N, 4k+1) each; outside the picture too."""
    along = np.arange(2 * k)
    dy = np.concatenate([along[::-1], [-1], np.full(2 * k, -1)])
    dx = np.concatenate([np.full(2 * k, -1), [-1], along])
    top, left = np.mgrid[0:height:k, 0:width:k]
    return top.reshape(-1, 1) + dy, left.reshape(-1, 1) + dx


@table
def neighbour_index(height: int, width: int, k: int, unit: int) -> np.ndarray:
    """Index of each block's neighbour samples into a flattened plane with one more sample, 128, at its end.

    Args:
        height, width: of the plane, multiples of k.
        k: side of the blocks.
        unit: side of the units that are coded one after the other (64 luma samples for HEVC, 16 for H.264).

    Returns:
        int64 (N, 4k+1), blocks in raster order.
    """
    order = _coding_order(height // CELL, width // CELL, unit)
    y, x = _positions(height, width, k)
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    yc, xc = y.clip(0, height - 1), x.clip(0, width - 1)
    own = order[:: k // CELL, :: k // CELL].reshape(-1, 1)
    there = inside & (order[yc // CELL, xc // CELL] < own)
    # Forward fill along the row of samples; the samples before the first that is there repeat it.
    count = 4 * k + 1
    last = np.maximum.accumulate(np.where(there, np.arange(count), -1), axis=1)
    last = np.where(last < 0, there.argmax(1)[:, None], last)
    flat = np.take_along_axis(yc * width + xc, last, axis=1)
    flat[~there.any(1)] = height * width
    return flat


def gather_neighbours(plane: Tensor, index: Tensor, images: Tensor, blocks: Tensor) -> Tensor:
    """Read the neighbour samples of chosen blocks.

    Args:
        plane: (B, 1, H, W).  index: of :func:`neighbour_index`.
        images, blocks: int64 (n,), which image and which block of it.

    Returns:
        (n, 4k+1).
    """
    flat = plane.flatten(1)
    flat = torch.cat([flat, flat.new_full((flat.shape[0], 1), 128.0)], 1)
    return flat.reshape(-1)[index[blocks] + images[:, None] * flat.shape[1]]
