"""The protocol on clips end to end, small: real encoders, generated scenes and real films, real networks."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from mvlib.analysers import Analyser, load
from mvlib.analysers.actions import Recogniser
from mvlib.analysers.trackers import Tracker
from mvlib.evaluation.conditions import BASELINES, denoise, learned
from mvlib.evaluation.experiment import ANCHOR, Experiment
from mvlib.evaluation.material import load_material
from mvlib.evaluation.protocol import measure
from mvlib.evaluation.report import bd_table, make_report
from mvlib.evaluation.scoring import Scorer, scores_of
from mvlib.preprocess import build_preprocessor, save_preprocessor
from mvlib.samples import Sample

SMALL = Experiment("clips",
    codecs=("x264",), conditions=(ANCHOR, "blur 0.8"), analysers=("efficientnet_lite0",), scores=("kl",),
    qps=(32, 42, 50), limit=4, frames=4, size=64, draws=20,
)  # fmt: skip


class Brightness(Recogniser):
    """Two classes, of a whole clip: brighter or darker than grey."""

    def __init__(self):
        super().__init__(nn.Identity(), name="brightness", classes=("bright", "dark"))

    def forward(self, clips):
        score = 5 * (clips.mean((1, 2, 3, 4)) - 0.5)
        return torch.stack([score, -score], 1)


class Stays(Tracker):
    """A tracker that stays where it was put."""

    def __init__(self):
        Analyser.__init__(self, nn.Identity(), name="stays")

    def track_many(self, clips, first_boxes):
        return [np.repeat(box[None], len(clip), 0) for clip, box in zip(clips, first_boxes, strict=True)]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    cells = tmp_path_factory.mktemp("cells")
    return measure(SMALL, progress=False, cells=cells), cells


def test_rate_falls_and_damage_rises_with_qp(measured):
    (results, sources), _ = measured
    alone, blurred = results["x264", ANCHOR], results["x264", "blur 0.8"]
    assert alone.bpp.shape == (4, 3) and len(sources) == 4
    assert (np.diff(alone.bpp.mean(0)) < 0).all() and (np.diff(alone.fidelity["psnr-rgb"].mean(0)) < 0).all()
    assert (np.diff(alone.scores["efficientnet_lite0", "kl"].mean(0)) > 0).all()
    assert blurred.bpp.mean(0)[0] < alone.bpp.mean(0)[0]


def test_bits_are_those_of_the_stream_per_pixel_and_frame(measured):
    from mvlib.codecs import RealCodec

    (results, _), _ = measured
    sample = load_material(SMALL)[2]
    coded = RealCodec("x264", gop="stock")(sample.frames, qp=42)
    assert results["x264", ANCHOR].bpp[2, 1] == coded.bits / (4 * 64 * 64)


def test_finished_cells_are_not_measured_again(measured):
    (first, _), cells = measured
    files = {p: p.stat().st_mtime_ns for p in cells.rglob("*.npz")}
    again, _ = measure(SMALL, progress=False, cells=cells)
    np.testing.assert_array_equal(again["x264", ANCHOR].bpp, first["x264", ANCHOR].bpp)
    assert {p: p.stat().st_mtime_ns for p in cells.rglob("*.npz")} == files


def test_the_report_says_what_was_measured(measured):
    (results, sources), _ = measured
    report = json.loads(json.dumps(make_report(SMALL, results, sources, "the command"), default=str))
    assert report["name"] == "clips" and report["n"] == 4 and "4 frames" in report["material"]
    (gain,) = report["bd_rates"]
    assert gain["condition"] == "blur 0.8" and "blur 0.8" in bd_table(report)


def test_scenes_know_action_and_boxes_and_films_know_nothing():
    scene = load_material(SMALL)[0]
    assert scene.frames.shape == (4, 64, 64, 3) and 0 <= scene.label < 12
    assert scene.boxes is None or np.isfinite(scene.boxes).all()
    film = load_material(Experiment("clips", material="films", frames=8, limit=2))[1]
    assert film.frames.shape == (8, 176, 176, 3) and film.label is None and film.boxes is None
    assert "nobody labelled" in load_material(Experiment("clips", material="films")).truth
    some = load_material(Experiment("clips", material="films", limit=8))
    assert len({some[i].source for i in range(8)}) == 8, "from every file, not from the first film alone"
    seven = load_material(Experiment("clips", material="cameras", limit=7))
    assert len({seven[i].source for i in range(7)}) == 7, "one of every film"
    with pytest.raises(ValueError, match="of the test side; got split='train'"):
        load_material(Experiment("clips", material="cameras", split="train"))


def test_objects_followed_by_eye_count_where_somebody_looked():
    sample = load_material(Experiment("clips", material="tracks", frames=12))[0]
    assert len(sample.frames) == len(sample.boxes) == 12 and sample.visible[0] and not sample.visible.all()
    scores = Scorer(Stays(), [sample], ("ao",)).scores([[sample.frames]])
    assert 0 < scores["ao"][0, 0] <= 1


def test_a_recogniser_sees_the_clip_and_a_tracker_its_box():
    dark, light = (np.full((4, 32, 32, 3), v, np.uint8) for v in (20, 230))
    box = np.array([[4, 4, 20, 20]] * 4, np.float32)
    visible = np.array([True, True, False, True])
    samples = [Sample(dark, "a", (1,), None, box, visible), Sample(light, "b", (0,))]
    scores = Scorer(Brightness(), samples, ("kl", "top1", "label")).scores([[dark, light], [light, light]])
    np.testing.assert_array_equal(scores["label"], [[1, 0], [1, 1]])
    np.testing.assert_array_equal(scores["top1"], [[1, 0], [1, 1]])
    assert scores["kl"][0, 0] == 0 and scores["kl"][0, 1] > 1
    tracked = Scorer(Stays(), samples, ("ao", "sr50")).scores([[dark, light]])
    assert tracked["ao"][0, 0] == 1 and np.isnan(tracked["ao"][1, 0])


def test_machines_for_pictures_look_at_every_frame():
    analyser = load("efficientnet_lite0")
    frames = load_material(SMALL)[0].frames
    damaged = frames.copy()
    damaged[3] = 128
    look = Scorer(analyser, [Sample(frames, "a")], scores_of(analyser, clips=True))
    scores = look.scores([[damaged]])
    assert set(scores) == {"kl", "top1"} and scores["top1"][0, 0] == 0.75
    with pytest.raises(ValueError, match="no score ao"):
        scores_of(analyser, ["ao"], clips=True)


def test_labels_count_for_those_only_who_tell_the_same_actions_apart():
    scenes = load_material(SMALL)
    ours, kinetics = load("action_shift"), load("torchvision/mc3_18", pretrained=False)
    assert scores_of(ours, (), scenes.classes, True) == ("kl", "top1", "label")
    assert scores_of(kinetics, ("kl",), scenes.classes, True) == ("kl",)
    assert "label" in scores_of(kinetics, (), kinetics.classes, True)
    for wanted in (("label",), ("kl", "label")):
        with pytest.raises(ValueError, match="not those of the labels"):
            scores_of(kinetics, wanted, scenes.classes, True)


def test_denoising_in_time_keeps_a_picture_and_quiets_noise():
    rng = np.random.default_rng(0)
    still = np.full((12, 32, 32, 3), 120, np.uint8)
    noisy = (still + rng.normal(0, 3, still.shape)).round().astype(np.uint8)
    np.testing.assert_array_equal(denoise(still), still)
    assert (denoise(noisy)[-1] - 120.0).std() < 0.7 * (noisy[-1] - 120.0).std()
    jump = still.copy()
    jump[6:] = 200
    np.testing.assert_array_equal(denoise(jump)[6:], jump[6:])


def test_what_looks_from_frame_to_frame_is_never_given_unrelated_pictures(tmp_path):
    facts = {"command": "c", "data": "d", "seed": 0, "steps": 1, "analysers": ["a"], "codecs": ["x264"]}
    for architecture, in_time in (("CompactVideo", True), ("Compact", False)):
        path = save_preprocessor(
            build_preprocessor(architecture), tmp_path / f"{architecture}.safetensors", **facts
        )
        assert learned(str(path), (30,)).in_time == in_time
    assert BASELINES["denoise"].in_time and not BASELINES["blur 0.5"].in_time


@pytest.mark.parametrize(
    "options, message",
    [
        ({"material": "photos"}, "acting"),
        ({"conditions": (ANCHOR, "sharpen")}, "denoise"),
        ({"frames": 1}, "at least 2"),
    ],
)
def test_impossible_experiments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Experiment("clips", **options)
