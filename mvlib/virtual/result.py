"""What a virtual codec gives back, and how a real codec's values replace its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class VirtualOut:
    """Decoded clips and estimated bits.

    Attributes:
        frames: (B, T, 3, H, W) in [0, 1].  bits: (B,).  frame_bits: (B, T).
        frame_types: one letter a frame, "I" or "P".
    """

    frames: Tensor
    bits: Tensor
    frame_bits: Tensor
    frame_types: list[str]


def with_real_values(
    out: VirtualOut, clip: Tensor, scale: str, numbers: Tensor, real: Callable
) -> VirtualOut:
    """Replace values by a real codec's, keeping the gradient: real + (virtual - virtual.detach()).

    Args:
        clip: (B, T, 3, H, W).  scale: "qp" or "native".  numbers: (B,) on it, rounded for the real codec.
        real: ``real(uint8 (T, H, W, 3), qp=number)`` with ``.frames``, ``.frame_bits`` and ``.frame_types``.
    """
    pictures = (clip.detach().clamp(0, 1) * 255).round().byte().permute(0, 1, 3, 4, 2).cpu().numpy()
    coded = [real(frames, **{scale: round(q)}) for frames, q in zip(pictures, numbers.tolist(), strict=True)]
    frames = torch.stack([torch.from_numpy(c.frames) for c in coded]).permute(0, 1, 4, 2, 3)
    frames = frames.to(out.frames) / 255
    bits = torch.tensor([c.frame_bits for c in coded]).to(out.frame_bits)
    frame_bits = bits + (out.frame_bits - out.frame_bits.detach())
    return VirtualOut(
        frames + (out.frames - out.frames.detach()), frame_bits.sum(1), frame_bits, coded[0].frame_types
    )


def same_layout(frames: Tensor, clip: Tensor) -> Tensor:
    """Lay the frames (B, T, 3, H, W) out in memory as the clip's are: channels last stays channels last."""
    pictures = clip.flatten(0, 1)
    if pictures.is_contiguous() or not pictures.is_contiguous(memory_format=torch.channels_last):
        return frames
    return frames.flatten(0, 1).contiguous(memory_format=torch.channels_last).unflatten(0, clip.shape[:2])
