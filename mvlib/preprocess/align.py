"""Motion between two frames: coarse-to-fine block search → motion per block → the earlier frame, moved.

The usual hierarchical search of video encoders [1], on luma alone and at half the sides at its finest.  There is
nothing to learn in it, and no gradient passes: what moved where is a fact of the clip.

[1] Bierling, "Displacement estimation by hierarchical blockmatching", SPIE Visual Communications 1988
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from mvlib._planes import shift_differences

BLOCK = 16
# First every whole vector up to this reach at a quarter of the sides, then one step around the best at half of them.
_COARSE, _REACH = 4, 5
_FINE, _STEPS = 2, (1.0, 0.5, 0.25)
# A candidate must beat the one in the middle by this mean difference of luma (0..1): noise must not move blocks.
_MARGIN = 2e-4


@torch.no_grad()
def block_motion(now: Tensor, before: Tensor) -> Tensor:
    """Where the content of each block of ``now`` lay in ``before``: (B, 2, H/16, W/16), x and y in pixels.

    Args:
        now, before: luma (B, 1, H, W) of two frames, sides multiples of 16.  The reach is 23 pixels, in steps of
            half a pixel.
    """
    motion = _COARSE * _whole_vectors(
        F.avg_pool2d(now, _COARSE), F.avg_pool2d(before, _COARSE), BLOCK // _COARSE
    )
    small, small_before = F.avg_pool2d(now, _FINE), F.avg_pool2d(before, _FINE)
    for step in _STEPS:
        offsets = now.new_tensor(_square(1)) * step
        tried = [motion / _FINE + offset[:, None, None] for offset in offsets]
        missed = [(moved(small_before, m, smooth=False) - small).abs() for m in tried]
        costs = torch.cat([F.avg_pool2d(m, BLOCK // _FINE) for m in missed], 1)
        motion = motion + _FINE * _best(offsets, _with_neighbours(costs))
    return motion


def _whole_vectors(now: Tensor, before: Tensor, block: int) -> Tensor:
    """The best whole vectors up to the reach, (B, 2, h, w): no block has moved yet."""
    offsets, side = _square(_REACH), 2 * _REACH + 1
    places = [(y + _REACH) * side + x + _REACH for x, y in offsets]
    costs = shift_differences(now, before, _REACH, block)[:, places]
    return _best(now.new_tensor(offsets), _with_neighbours(costs))


def _square(reach: int) -> list[tuple[int, int]]:
    """Offsets up to ``reach``, the middle first, which wins ties."""
    ticks = range(-reach, reach + 1)
    return sorted(((x, y) for x in ticks for y in ticks), key=lambda offset: abs(offset[0]) + abs(offset[1]))


def _with_neighbours(cost: Tensor) -> Tensor:
    """Costs (B, n, h, w) of blocks, half of each its neighbours' mean, as they often move together."""
    return (cost + F.avg_pool2d(cost, 3, stride=1, padding=1, count_include_pad=False)) / 2


def _best(offsets: Tensor, cost: Tensor) -> Tensor:
    """Of offsets (n, 2) the cheapest per block by cost (B, n, h, w): (B, 2, h, w)."""
    cost[:, 1:] += _MARGIN
    return offsets[cost.argmin(1)].permute(0, 3, 1, 2)


def moved(picture: Tensor, motion: Tensor, smooth: bool = True) -> Tensor:
    """``picture`` (B, C, H, W) fetched along ``motion``: at each pixel what lay at pixel + motion.

    Args:
        motion: (B, 2, h, w), x and y in pixels. Beyond the border the last pixel is repeated.
        smooth: interpolate between the centres of the h × w blocks, so that zooms and turns are followed too;
            False moves each block as one; h and w must divide H and W.
    """
    height, width = picture.shape[-2:]
    if smooth:
        motion = F.interpolate(motion, (height, width), mode="bilinear", align_corners=False)
    else:
        motion = motion.repeat_interleave(height // motion.shape[2], 2)
        motion = motion.repeat_interleave(width // motion.shape[3], 3)
    columns = torch.arange(width, device=picture.device, dtype=picture.dtype) + motion[:, 0]
    rows = torch.arange(height, device=picture.device, dtype=picture.dtype)[:, None] + motion[:, 1]
    grid = torch.stack([2 * columns / (width - 1) - 1, 2 * rows / (height - 1) - 1], -1)
    return F.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=True)
