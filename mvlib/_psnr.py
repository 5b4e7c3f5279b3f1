"""PSNR: mean squared error of 8-bit samples → decibels."""

import numpy as np


def psnr_of(mse: float) -> float:
    """PSNR in dB of samples in 0..255 with a mean squared error of ``mse``; infinite for none."""
    return 10 * float(np.log10(255**2 / mse)) if mse else float("inf")


def psnr(original: np.ndarray, decoded: np.ndarray) -> float:
    """PSNR in dB of uint8 arrays of one shape, all samples together; infinite where they are equal."""
    return psnr_of(np.mean(np.square(original.astype(np.float32) - decoded)))
