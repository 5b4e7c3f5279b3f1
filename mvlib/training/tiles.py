"""Large pictures and clips through a virtual codec at constant memory: tiles, each coded once more on the way back.

An encoder's decisions are local, an analyser's are not: it looks at the whole, at its own size. So only the codec works
in tiles; at their edges it predicts as at a picture's.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from mvlib.virtual.base import VirtualOut

SIDE = 512
"""Of a tile, in pixels: a multiple of all block sizes."""


def in_tiles(
    codec: Callable, clip: Tensor, qp: Tensor, choices: list | None = None, side: int = SIDE, **options
) -> VirtualOut:
    """As ``codec(clip, qp, choices=choices, **options)``, for a clip (B, T, 3, H, W) of any size; differentiable.

    Args:
        codec: a ``VirtualCodec``.  choices: as it keeps them; here a list for each tile.
        side: of the tiles, a multiple of 64.
    """
    kept, tile_of, types = iter(choices or ()), [], []

    def code(tile: Tensor, made: list) -> tuple[Tensor, Tensor]:
        out = codec(tile, qp, choices=made, **options)
        types[:] = out.frame_types
        return out.frames, out.frame_bits

    rows, bits = [], 0.0
    for strip in clip.split(side, -2):
        row = []
        for tile in strip.split(side, -1):
            tile_of.append(next(kept, []))
            frames, tile_bits = checkpoint(code, tile, tile_of[-1], use_reentrant=False)
            row.append(frames)
            bits = bits + tile_bits
        rows.append(torch.cat(row, -1))
    if choices is not None:
        choices[:] = tile_of
    return VirtualOut(torch.cat(rows, -2), bits.sum(1), bits, types)
