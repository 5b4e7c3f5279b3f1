"""Where a tracker looks: box → square window around it → the same number of pixels, whatever the object's size.

A window is (B, 4): centre x, centre y, width, height in pixels of the frame.  Pixel (0, 0) covers the square
from (0, 0) to (1, 1), for boxes and windows alike.
"""

import torch
from torch import Tensor
from torchvision.ops import box_convert, roi_align


def around(boxes: Tensor, context: float) -> Tensor:
    """Square windows of ``context`` times the geometric mean of width and height: xyxy (..., 4) → (..., 4)."""
    centre_size = box_convert(boxes, "xyxy", "cxcywh")
    side = context * centre_size[..., 2:].prod(-1, keepdim=True).sqrt()
    return torch.cat([centre_size[..., :2], side, side], -1)


def cut(frames: Tensor, windows: Tensor, side: int) -> Tensor:
    """One window from each frame, resampled: (B, 3, H, W), (B, 4) → (B, 3, side, side), differentiable.

    Each pixel is the mean of as many bilinear samples as it covers pixels of the frame, so that large objects
    don't alias.  Beyond the frame lies its mean colour, as in [1], so that the edge is the weakest possible.

    [1] Bertinetto et al., "Fully-Convolutional Siamese Networks", ECCV Workshops 2016, arXiv 1606.09549
    """
    mean = frames.mean((2, 3), keepdim=True)
    index = torch.arange(len(frames), device=frames.device, dtype=frames.dtype)[:, None]
    rois = torch.cat([index, box_convert(windows.to(frames), "cxcywh", "xyxy")], 1)
    return roi_align(frames - mean, rois, (side, side), sampling_ratio=-1, aligned=True) + mean
