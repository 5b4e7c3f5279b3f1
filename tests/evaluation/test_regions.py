"""Regions of interest: what is marked is coded finer, with the encoder's own means."""

import runpy
from pathlib import Path

import numpy as np

from mvlib.datasets import PastedCutouts

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks/compare_regions.py"))
Regions = SCRIPT["Regions"]


def test_what_lies_in_a_region_is_coded_finer_and_the_rest_as_before():
    ramp = np.linspace(40, 200, 128)[None, :, None]
    picture = ramp + np.random.default_rng(0).normal(0, 20, (128, 128, 1)).repeat(3, 2)
    frames = picture.clip(0, 255).astype(np.uint8)[None]
    plain, finer = (codec(frames, qp=37) for codec in (Regions(), Regions(-12, lambda _: [(32, 32, 96, 96)])))
    before, after = (np.square(coded.frames.astype(float) - frames)[0] for coded in (plain, finer))
    assert after[32:96, 32:96].mean() < 0.6 * before[32:96, 32:96].mean()
    np.testing.assert_allclose(after[:, :24].mean(), before[:, :24].mean(), rtol=0.05)
    assert finer.bits > plain.bits


def test_results_tell_regions_from_the_anchor_and_from_one_another():
    kinds = [Regions(), Regions(-6, list, "a"), Regions(-9, list, "a"), Regions(-6, list, "b")]
    assert len({str(codec.identity(37, 1)) for codec in kinds}) == 4
    assert all("crf" in codec.settings(37, 1) for codec in kinds)


def test_a_preprocessor_is_told_more_than_the_rate_factor_and_the_codec_alone_nothing():
    asked = []
    row = SCRIPT["Condition"]("steps", lambda frames, qp: asked.append(qp) or frames, None, weights="a")
    SCRIPT["told"](row, 4).prepare(np.zeros((1, 16, 16, 3), np.uint8), 28)
    assert asked == [32] and SCRIPT["told"](row, 4).identity != row.identity
    alone = SCRIPT["condition"]("codec alone", (28,))
    assert SCRIPT["told"](alone, 4) is alone


def test_boxes_grow_by_the_margin_and_out_to_whole_cells():
    scene = PastedCutouts("test", count=1)[0]
    find = SCRIPT["nanodet_boxes"](margin=8)
    (tight,) = SCRIPT["load_analyser"]("nanodet").detect(_tensor(scene.frames), score=0.3)
    for box, found in zip(tight.boxes.tolist(), find(scene.frames[0]), strict=True):
        assert all(side % 16 == 0 for side in found)
        assert all(0 <= low - new < 24 or new == 0 for low, new in zip(box[:2], found[:2], strict=True))
        assert all(0 <= new - high < 24 or new == 320 for high, new in zip(box[2:], found[2:], strict=True))


def _tensor(frames: np.ndarray):
    return SCRIPT["torch"].from_numpy(frames).permute(0, 3, 1, 2) / 255


def test_a_blur_outside_leaves_the_boxes_as_they_are():
    frames = np.random.default_rng(0).integers(0, 256, (2, 48, 64, 3), np.uint8)
    out = SCRIPT["blur_outside"](lambda _: [(16, 0, 48, 32)], 2.0)(frames, 37)
    assert np.array_equal(out[:, :32, 16:48], frames[:, :32, 16:48])
    assert out[:, 32:].std() < 0.5 * frames[:, 32:].std()
