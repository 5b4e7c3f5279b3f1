"""Planes and pictures agree with what the real encoders are given and give back."""

import numpy as np
import pytest
import torch

from mvlib.codecs import rgb_to_yuv420, yuv420_to_rgb
from mvlib.datasets import Photos
from mvlib.virtual.colour import Planes, matrix, pad_planes, planes_to_rgb, rgb_to_planes


@pytest.fixture(scope="module")
def pictures():
    photos = Photos("train", 64, crop="centre", flip=False)
    x = torch.stack([photos[i] for i in range(4)])
    return (x * 255).round().byte().permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("colour", ["bt709", "jfif"])
def test_planes_are_within_one_level_of_the_real_path(pictures, colour):
    ours = rgb_to_planes(torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255, colour)
    for plane, real in zip(ours, rgb_to_yuv420(pictures, colour), strict=True):
        difference = plane[:, 0].numpy() - real
        assert np.abs(difference).max() <= 1
        assert np.abs(difference[..., 0]).mean() < (0.02 if colour == "bt709" else 0.6)


@pytest.mark.parametrize("colour", ["bt709", "jfif"])
def test_pictures_are_within_rounding_of_the_real_path(pictures, colour):
    planes = rgb_to_yuv420(pictures, colour)
    ours = planes_to_rgb(Planes(*(torch.from_numpy(p)[:, None].float() for p in planes)), 64, 64, colour)
    real = yuv420_to_rgb(*planes, colour)
    assert np.abs(ours.permute(0, 2, 3, 1).numpy() * 255 - real).max() < 0.61


def test_units_are_eight_bit_samples():
    white = rgb_to_planes(torch.ones(1, 3, 4, 4))
    assert white.y.unique().item() == 235 and white.cb.unique().item() == 128
    assert rgb_to_planes(torch.zeros(1, 3, 4, 4)).y.unique().item() == 16
    assert rgb_to_planes(torch.ones(1, 3, 4, 4), "jfif").y.unique().item() == 255


def test_odd_sides_and_padding_repeat_the_edge():
    x = torch.rand(1, 3, 15, 21)
    planes = rgb_to_planes(x)
    assert planes.y.shape == (1, 1, 16, 22) and planes.cb.shape == (1, 1, 8, 11)
    assert torch.equal(planes.y[..., -1], planes.y[..., -2])
    padded = pad_planes(planes, 16)
    assert padded.y.shape == (1, 1, 16, 32) and padded.cr.shape == (1, 1, 8, 16)
    assert torch.equal(padded.y[..., 25], planes.y[..., -1])
    assert planes_to_rgb(padded, 15, 21).shape == x.shape


def test_gradient_passes_the_rounding():
    x = torch.rand(1, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    rgb_to_planes(x).y.sum().backward()
    assert torch.allclose(x.grad[0, :, 0, 0], matrix()[0][0])


def test_unknown_colour_is_named():
    with pytest.raises(ValueError, match="'rgb' is unknown; choose one of bt709, jfif"):
        matrix("rgb")
