"""Large pictures and clips through a virtual codec at constant memory: tiles, each coded once more on the way back.

An encoder's decisions are local, an analyser's are not: it looks at the whole, at its own size. So only the codec works
in tiles; at their edges it predicts as at a picture's.
"""

from collections.abc import Callable
from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from mvlib.virtual.base import VirtualOut

SIDE = 512
"""Of a tile, in pixels: a multiple of all block sizes."""


def in_tiles(
    codec: Callable, clip: Tensor, qp: Tensor, choices: list | None = None, side: int = SIDE, **options: Any
) -> VirtualOut:
    """As ``codec(clip, qp, choices=choices, **options)``, for a clip (B, T, 3, H, W) of any size; differentiable.

    Args:
        codec: a ``VirtualCodec``.  choices: as it keeps them; here a list for each tile.
        side: of the tiles, a multiple of 64.
    """
    kept = iter(choices or ())
    tile_of: list[list] = []
    types: list[str] = []

    def code(tile: Tensor, made: list) -> tuple[Tensor, Tensor]:
        out = codec(tile, qp, choices=made, **options)
        types[:] = out.frame_types
        return out.frames, out.frame_bits

    rows, tile_bits = [], []
    for strip in clip.split(side, -2):
        row = []
        for tile in strip.split(side, -1):
            tile_of.append(next(kept, []))
            frames, bits = checkpoint(code, tile, tile_of[-1], use_reentrant=False)
            row.append(frames)
            tile_bits.append(bits)
        rows.append(torch.cat(row, -1))
    if choices is not None:
        choices[:] = tile_of
    bits = reduce(torch.add, tile_bits)
    return VirtualOut(torch.cat(rows, -2), bits.sum(1), bits, types)
