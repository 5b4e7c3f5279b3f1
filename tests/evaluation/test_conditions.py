import numpy as np
import pytest

from mvlib.evaluation.conditions import BASELINES, downscale, gaussian_blur, upscale


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 256, (2, 48, 66, 3), dtype=np.uint8)


def test_every_baseline_gives_back_the_size_it_got(frames):
    for condition in BASELINES.values():
        out = condition.restore(condition.prepare(frames, 37), frames.shape[1:3])
        assert out.shape == frames.shape and out.dtype == np.uint8


def test_the_codec_alone_is_left_alone(frames):
    assert BASELINES["codec alone"].prepare(frames, 37) is frames


def test_the_blur_is_the_gaussian_that_it_says():
    point = np.zeros((1, 33, 33, 3), np.uint8)
    point[0, 16, 16] = 255
    blurred = gaussian_blur(point, sigma=0.8)[0, :, :, 0].astype(float)
    axis = np.arange(33) - 16
    variance = (blurred.sum(0) * axis**2).sum() / blurred.sum()
    assert variance == pytest.approx(0.8**2, rel=0.1)  # rounding to whole grey levels cuts the tails
    assert blurred.sum() == pytest.approx(255, abs=8)


def test_downscaling_is_what_the_encoder_sees(frames):
    small = downscale(frames, factor=0.75)
    assert small.shape == (2, 36, 50, 3)
    assert upscale(small, (48, 66)).shape == frames.shape


def test_flat_pictures_stay_flat():
    grey = np.full((1, 32, 32, 3), 93, np.uint8)
    for condition in BASELINES.values():
        assert (condition.restore(condition.prepare(grey, 30), (32, 32)) == 93).all()
