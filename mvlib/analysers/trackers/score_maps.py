"""How far coding moves what a tracker sees: score maps of clean and coded clips → one number a clip.

It needs no boxes: where the clean clip's map has its peak, the coded one's should have it.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from mvlib.errors import InputError


def response_divergence(clean: Tensor, coded: Tensor) -> Tensor:
    """KL(clean ‖ coded) of where the object is, in nats, mean over frames: (B, N, r, r) twice → (B,) ≥ 0.

    The softmax of a map's logits is taken as the probability of each place.  Differentiable; 0 for equal maps.

    Raises:
        ValueError: the shapes differ.
    """
    if clean.ndim != 4 or clean.shape != coded.shape:
        raise InputError(
            f"clean maps {tuple(clean.shape)}, coded {tuple(coded.shape)}; give those of one tracker, "
            "(B, N, r, r), for the same clips and boxes"
        )
    log_p, log_q = (maps.float().flatten(2).log_softmax(-1) for maps in (clean, coded))
    # Rounding can leave −1e-8 for equal maps.
    divergence = F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1).clamp_min(0)
    return torch.mean(divergence, 1)
