"""Tiles: the whole is what its tiles are, and a gradient reaches every pixel of it."""

import pytest
import torch

from mvlib.datasets import Photos
from mvlib.training.tiles import in_tiles
from mvlib.virtual import VirtualCodec


@pytest.mark.parametrize("frames", [1, 2])
def test_tiles_are_coded_as_pictures_of_their_own(frames):
    codec = VirtualCodec.like("x265", gop="stock" if frames > 1 else "intra")
    picture = Photos("val", size=160, crop="centre", flip=False)[0][:, :96, :144]
    clip = torch.stack([picture, picture.roll(2, -1)][:frames])[None].requires_grad_()
    choices = []
    out = in_tiles(codec, clip, torch.tensor([34.0]), choices, side=64)
    parts = [
        codec(clip[..., top : top + 64, left : left + 64], 34.0) for top in (0, 64) for left in (0, 64, 128)
    ]
    assert out.frames.shape == clip.shape and len(choices) == 6
    assert torch.equal(out.frames[..., 64:, 128:], parts[-1].frames)
    torch.testing.assert_close(out.frame_bits, sum(part.frame_bits for part in parts))
    assert out.frame_types == ["I", "P"][:frames]
    (gradient,) = torch.autograd.grad(out.bits.sum() + out.frames.square().sum(), clip)
    (expected,) = torch.autograd.grad(sum(p.bits.sum() + p.frames.square().sum() for p in parts), clip)
    torch.testing.assert_close(gradient, expected)
    again = in_tiles(codec, clip, torch.tensor([34.0]), choices, side=64)
    assert torch.equal(again.frames, out.frames), "what was chosen is kept"
