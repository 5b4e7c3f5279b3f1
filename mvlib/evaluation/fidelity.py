"""What a person would lose: clean and decoded frames → PSNR of RGB and of luma, and MS-SSIM of luma [1].

[1] Z. Wang, E. Simoncelli, A. Bovik, "Multiscale structural similarity for image quality assessment", 2003.
"""

from collections.abc import Sequence

import numpy as np
import torch
from pytorch_msssim import ms_ssim

from mvlib._numbers import psnr, psnr_of

FIDELITY = ("psnr-rgb", "psnr-y", "ms-ssim")
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # BT.709
_LEAST_SIDE = 161  # MS-SSIM halves a picture four times and then lays a window of 11 pixels on it
_MOST_DB = 100.0  # without an error: a mean over pictures needs a number


def fidelity_of(clean: Sequence[np.ndarray], decoded: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """``FIDELITY`` of each picture or clip, uint8 (T, H, W, 3): (n,) in dB, MS-SSIM in [0, 1].

    MS-SSIM is the mean over frames, and NaN where a side is below 161 pixels.
    """
    each = [_of_one(x, d) for x, d in zip(clean, decoded, strict=True)]
    return dict(zip(FIDELITY, np.array(each, np.float64).reshape(-1, len(FIDELITY)).T, strict=True))


def _of_one(clean: np.ndarray, decoded: np.ndarray) -> tuple[float, float, float]:
    x, d = clean @ _LUMA, decoded @ _LUMA
    luma = psnr_of(float(np.mean(np.square(x - d))))
    similarity = np.nan
    if min(x.shape[1:]) >= _LEAST_SIDE:
        # Frames as channels: each is still compared alone, and the windows' convolution is four times as fast.
        similarity = float(ms_ssim(*(torch.from_numpy(v)[None] for v in (x, d)), data_range=255))
    return min(psnr(clean, decoded), _MOST_DB), min(luma, _MOST_DB), similarity
