"""The two colour conversions against the formulas of BT.709, BT.601 and bilinear interpolation in float64."""

import numpy as np
import pytest

from mvlib.codecs import ENCODERS, RealCodec, rgb_to_yuv420, yuv420_to_rgb

LUMA = {"bt709": (0.2126, 0.0722), "jfif": (0.299, 0.114)}
SCALE = {"bt709": (16, 219, 224), "jfif": (0, 255, 255)}


def formula_down(rgb: np.ndarray, colour: str) -> list[np.ndarray]:
    (kr, kb), (offset, luma, chroma) = LUMA[colour], SCALE[colour]
    r, g, b = np.moveaxis(rgb / 255, -1, 0)
    y = kr * r + (1 - kr - kb) * g + kb * b
    halves = []
    for c in ((b - y) / (2 - 2 * kb), (r - y) / (2 - 2 * kr)):
        t, h, w = c.shape
        halves.append(128 + chroma * c.reshape(t, h // 2, 2, w // 2, 2).mean(axis=(2, 4)))
    return [offset + luma * y, *halves]


def bilinear(c: np.ndarray, axis: int) -> np.ndarray:
    c = np.moveaxis(c, axis, 0)
    edge = np.concatenate([c[:1], c, c[-1:]])
    out = np.stack([0.75 * c + 0.25 * edge[:-2], 0.75 * c + 0.25 * edge[2:]], axis=1)
    return np.moveaxis(out.reshape(-1, *c.shape[1:]), 0, axis)


def formula_up(y, u, v, colour: str) -> np.ndarray:
    (kr, kb), (offset, luma, chroma) = LUMA[colour], SCALE[colour]
    y = (y.astype(float) - offset) / luma
    cb, cr = (bilinear(bilinear((c - 128.0) / chroma, 1), 2) for c in (u, v))
    r, b = y + (2 - 2 * kr) * cr, y + (2 - 2 * kb) * cb
    return 255 * np.stack([r, (y - kr * r - kb * b) / (1 - kr - kb), b], -1).clip(0, 1)


@pytest.mark.parametrize("colour", LUMA)
def test_planes_are_the_rounded_formula_without_bias(colour):
    rgb = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), dtype=np.uint8)
    for plane, exact in zip(rgb_to_yuv420(rgb, colour), formula_down(rgb, colour), strict=True):
        assert plane.shape == exact.shape
        assert np.abs(plane - exact).max() < 0.52
        assert abs((plane - exact).mean()) < 0.03


@pytest.mark.parametrize("colour", LUMA)
def test_pictures_are_the_rounded_formula_without_bias(colour):
    rng = np.random.default_rng(1)
    y, u, v = (
        rng.integers(85, 170, shape, dtype=np.uint8) for shape in ((2, 64, 96), (2, 32, 48), (2, 32, 48))
    )
    error = yuv420_to_rgb(y, u, v, colour) - formula_up(y, u, v, colour)
    assert np.abs(error).max() < 0.52
    assert np.abs(error.mean(axis=(0, 1, 2))).max() < 0.03


@pytest.mark.parametrize("name", ENCODERS)
def test_grey_ramp_and_patches_come_back_without_a_constant_error(name):
    codec = RealCodec(name, gop="intra")
    finest = {"jpeg": 100, "webp": 100, "avif": 100}.get(name, codec.encoder.native[0] + 1)
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16).repeat(8, 0).repeat(8, 1)
    ramp = np.stack([grey] * 3, -1)[None]
    error = codec(ramp, native=finest).frames.astype(int) - ramp
    assert np.abs(error).max() <= 2
    assert abs(error.mean()) < 0.2
    for patch in (
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (200, 30, 90),
        (30, 120, 200),
        (0, 0, 0),
        (255, 255, 255),
    ):
        flat = np.full((1, 32, 32, 3), patch, np.uint8)
        assert np.abs(codec(flat, native=finest).frames.astype(int) - flat).max() <= 2, patch


@pytest.mark.parametrize("name", [name for name, encoder in ENCODERS.items() if not encoder.still])
def test_decoded_frames_are_exactly_the_decoded_planes(name, clip):
    # A decoder that believes chroma to sit at the left shifts colours by a quarter of a pixel, and this fails.
    coded = RealCodec(name)(clip[:4], qp=22, planes=True)
    assert np.array_equal(yuv420_to_rgb(*coded.planes, colour=ENCODERS[name].colour), coded.frames)
    given = rgb_to_yuv420(clip[:4], ENCODERS[name].colour)
    for got, plane in zip(coded.planes, given, strict=True):
        assert got.shape == plane.shape
        assert np.abs(got.astype(int) - plane).mean() < 4


def test_an_odd_side_is_made_even_by_its_edge():
    rgb = np.random.default_rng(2).integers(0, 256, (1, 5, 7, 3), dtype=np.uint8)
    padded = np.pad(rgb, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="edge")
    for a, b in zip(rgb_to_yuv420(rgb), rgb_to_yuv420(padded), strict=True):
        assert np.array_equal(a, b)


def test_an_unknown_colour_is_refused():
    with pytest.raises(ValueError, match=r"bt2020.*bt709, jfif"):
        rgb_to_yuv420(np.zeros((1, 2, 2, 3), np.uint8), "bt2020")
