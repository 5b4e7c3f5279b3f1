"""The QP that a preprocessor is told, and the options that a wish becomes."""

import numpy as np
import pytest
from film_making import make_film

from mvlib.codecs import QP_MAX, RealCodec
from mvlib.codecs.qp_scale import native_from_qp, qp_from_native
from mvlib.datasets import Clips
from mvlib.errors import InputError
from mvlib.transcode import Measured, Source, Wish


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    make_film(path, Clips("test", frames=24).uint8(0)[:, :96, :128], sound="")
    return path


@pytest.mark.parametrize("name", ["x264", "x265", "svtav1", "vp9"])
def test_of_a_constant_qp_that_qp_is_found(film, name):
    found = Measured(Source(film), RealCodec(name), Wish(qp=33))
    assert found.qp == pytest.approx(33, abs=0.5)  # natives are whole numbers
    assert found.frames == 32 and found.took > 0  # two runs of 16, of which the second lies in the middle


@pytest.mark.parametrize("name", ["x264", "x265"])
def test_a_higher_crf_is_a_higher_qp(film, name):
    qps = [Measured(Source(film), RealCodec(name), Wish(crf=crf)).qp for crf in (22, 32)]
    assert 6 < qps[1] - qps[0] < 14


def test_at_a_rate_what_is_told_goes_from_the_sample_to_the_running_mean(film):
    found = Measured(Source(film), RealCodec("x264"), Wish(bitrate="100k"))
    between = (found.qp + found.qp_of(30)) / 2
    assert [found.next_qp(30, n) for n in (0, 16, 32, 500)] == pytest.approx(
        [found.qp, between, found.qp_of(30), found.qp_of(30)]
    )
    steady = Measured(Source(film), RealCodec("x264"), Wish(crf=30))
    assert steady.next_qp(20, 500) == steady.qp


def test_a_tight_rate_is_a_higher_qp(film):
    qps = [Measured(Source(film), RealCodec("x264"), Wish(bitrate=rate)).qp for rate in ("400k", "40k")]
    assert qps[1] > qps[0] + 5


@pytest.mark.parametrize("name", ["x264", "svtav1", "vp9", "mjpeg", "jpeg", "webp", "avif"])
def test_the_qp_of_a_native_number_is_the_one_that_gives_it(name):
    for qp in range(QP_MAX + 1):
        native = native_from_qp(name, "stock", 8, qp)
        assert native_from_qp(name, "stock", 8, round(qp_from_native(name, "stock", 8, native))) == native


def test_what_a_wish_becomes():
    real = RealCodec("x264")
    assert Wish().options(real, 8) == real.settings(37, 8)
    free = {"preset": "medium", "x264-params": "threads=1:chromaloc=1", "crf": "23.5"}
    assert Wish(crf=23.5).options(real, 8) == free
    assert Wish(bitrate="1.5M").options(real, 8)["b"] == "1500000"
    assert Wish(crf=30).options(RealCodec("vp9"), 8)["b"] == "0"
    for wrong in ("0", "-1M", "1G", "many", "3000M"):
        with pytest.raises(InputError, match="give bits per second from 1k to 2000M"):
            Wish(bitrate=wrong).options(real, 8)
    with pytest.raises(InputError, match=r"crf is nan; x264 takes 0\.\.51"):
        Wish(crf=np.nan).options(real, 8)
