"""The table's numbers: those of the real codec on the sample's frames, and what lies between them at equal bits."""

import numpy as np
import pytest
import torch
from film_making import make_film

from mvlib.analysers import Analyser, load
from mvlib.codecs import RealCodec, rgb_to_yuv420
from mvlib.datasets import Clips
from mvlib.errors import InputError
from mvlib.preprocess import load_preprocessor, preprocess_frames
from mvlib.transcode import Source, measure
from mvlib.transcode.sample import Row, Sampled
from mvlib.transcode.source import spread


class Brightness(Analyser):
    """How much darker a picture became."""

    kind, picture_scores, scales = "meter", ("darker",), {"darker": "distance"}

    def forward(self, x):
        return self.checked(x).mean((1, 2, 3))

    def measure(self, score, clean, coded, samples):
        return (clean.output - coded.output).square()


@pytest.fixture
def film(tmp_path):
    frames = np.ascontiguousarray(Clips("test", frames=24).uint8(0)[:, :96, :128])
    make_film(tmp_path / "film.mkv", frames, sound="")
    return tmp_path / "film.mkv", frames


def test_rows_are_those_of_the_codec_on_the_samples_frames(film):
    file, frames = film
    real, network = RealCodec("x264"), load_preprocessor("image")
    meter = Brightness(torch.nn.Identity(), name="brightness")
    found = measure(Source(file, 2), 22, real, 37.4, network, meter, 16)
    assert found.places == [4, 14]  # numbers of the whole film's frames
    runs = [frames[place : place + 8] for place in found.places]
    for row in (*found.plain, *found.prepared):
        given = [preprocess_frames(network, run, row.qp) if row in found.prepared else run for run in runs]
        coded = [real(run, qp=row.qp) for run in given]
        assert row.bpp == pytest.approx(sum(c.bits for c in coded) / (16 * 96 * 128))
        luma = [
            rgb_to_yuv420(np.concatenate(part))[0].astype(float) for part in (runs, [c.frames for c in coded])
        ]
        assert row.psnr_y == pytest.approx(
            10 * np.log10(255**2 / np.mean((luma[0] - luma[1]) ** 2)), abs=1e-6
        )
        clean, seen = (
            np.concatenate(part).mean((1, 2, 3)) / 255 for part in (runs, [c.frames for c in coded])
        )
        assert row.scores["darker"] == pytest.approx(np.mean((clean - seen) ** 2), rel=1e-3, abs=1e-9)
    assert [row.qp for row in found.plain] == [32, 37, 42] == [row.qp for row in found.prepared][-3:]
    assert found.prepared[0].bpp >= found.plain[1].bpp, "lower QPs are tried until the bits meet"
    assert (found.frames, found.distances) == (16, ("darker",))


def test_at_equal_bits_lies_between_two_rows():
    plain = [Row(qp, bpp, 30, {"kl": 0.1, "top1": 0.8}) for qp, bpp in ((32, 0.4), (37, 0.2), (42, 0.1))]
    rows = ((32, 0.4, 36, 0.01, 1.0), (37, 0.1, 32, 0.09, 0.5), (42, 0.05, 28, 0.5, 0.1))
    prepared = [Row(qp, bpp, psnr, {"kl": kl, "top1": top1}) for qp, bpp, psnr, kl, top1 in rows]
    found = Sampled([0], 8, "who", plain, prepared, ("kl",)).at_equal_bits()
    # 0.2 is half way from 0.4 to 0.1 on the logarithm; so is 0.03 from 0.01 to 0.09, for a distance.
    assert (found.qp, found.bpp, found.psnr_y) == (pytest.approx(34.5), 0.2, pytest.approx(34))
    assert found.scores == {"kl": pytest.approx(0.03), "top1": pytest.approx(0.75)}
    assert Sampled([0], 8, "who", plain, prepared[1:], ("kl",)).at_equal_bits() is None


def test_runs_lie_evenly_in_the_film():
    assert spread(24, 100, 8) == [13, 46, 79]
    assert spread(24, 5, 8) == spread(1, 1, 8) == spread(24, 0, 8) == [0]
    assert spread(24, 20, 8) == [1, 11] and spread(3, 100, 8) == [46]


def test_who_does_not_look_at_pictures_is_refused(film):
    with pytest.raises(InputError, match="is a tracker, which does not compare single frames"):
        measure(Source(film[0]), 8, RealCodec("x264"), 37, None, load("siam_lite0", pretrained=False), 8)
