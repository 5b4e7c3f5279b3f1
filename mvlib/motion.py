"""Full search of motion: every whole shift of the frame before → how much each block of this one differs.

The virtual codec searches as an encoder does, the video preprocessor to lay one frame over the next. Both begin here,
on reduced pictures, and go on in their own way: by the price of a vector, or by what neighbours found.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def shift_differences(now: Tensor, before: Tensor, reach: int, block: int) -> Tensor:
    """Mean absolute difference of every block of ``now`` to ``before``, for every shift.

    Args:
        now, before: (B, 1, H, W) with sides that are multiples of ``block``; beyond its border ``before`` is repeated.
        reach: of the shifts, in samples.

    Returns:
        (B, (2 reach + 1)², H/block, W/block); shifts (x, y) from -reach on, x runs first.
    """
    height, width = now.shape[-2:]
    padded = F.pad(before, (reach,) * 4, mode="replicate")[:, 0]
    rows = []
    for y in range(2 * reach + 1):  # a row of shifts at a time, to bound the memory
        shifted = (
            padded[:, y : y + height].unfold(2, width, 1).transpose(1, 2)
        )  # (B, 2 reach + 1, H, W), a view
        rows.append(F.avg_pool2d((shifted - now).abs_(), block))
    return torch.cat(rows, 1)
