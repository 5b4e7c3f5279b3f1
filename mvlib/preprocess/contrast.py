"""Local contrast, a trunk without weights: picture → log energy of its bands and mean colours, at 1/8, 1/16 and 1/32.

In place of a classifier's trunk it says how strong the texture is at each place, and not what is there.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from .bands import detail_bands
from .compact import colour_matrices, mix_colours

_BANDS = 3
CONTRASTS = 3 + 3 * _BANDS
"""Channels of each map."""
_FLOOR = 1e-6  # of the energy, of a range of 1: texture of a quarter of a grey level hardly counts


def contrast_maps(x: Tensor) -> list[Tensor]:
    """Maps (B, 12, H/8, W/8), (B, 12, H/16, W/16), (B, 12, H/32, W/32) of pictures (B, 3, H, W) in [0, 1].

    Channels: the mean Y, Cb and Cr, then the logarithms of the mean squares of three bands of each, finest first, both
    of a standard deviation near 1 on photographs.
    """
    ycc = mix_colours(colour_matrices()[0].to(x), x)
    centre, scale = (ycc.new_tensor(v)[:, None, None] for v in ([0.5, 0.0, 0.0], [4.0, 16.0, 16.0]))
    usual = ycc.new_tensor([-4.0, -6.0, -6.0] * _BANDS)[:, None, None]
    level = (ycc - centre) * scale
    energy = torch.cat([band.square() for band in detail_bands(ycc, _BANDS)], 1)
    maps = []
    for smaller in (8, 2, 2):
        level, energy = F.avg_pool2d(level, smaller), F.avg_pool2d(energy, smaller)
        maps.append(torch.cat([level, (energy + _FLOOR).log() / 2 - usual], 1))
    return maps
