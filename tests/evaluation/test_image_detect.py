"""Detection end to end, small: real encoders, real detectors, all three materials, work that is not done twice."""

import json

import numpy as np
import pytest
import torch
from peers import average_precision

from mvlib import analysers
from mvlib.analysers.detectors import FOUND, Truth, load_detector
from mvlib.codecs import RealCodec
from mvlib.evaluation.averages import plain_means
from mvlib.evaluation.cells import CellStore
from mvlib.evaluation.experiment import ANCHOR, Experiment
from mvlib.evaluation.markdown import bd_table, curve_table, light_table
from mvlib.evaluation.material import PSEUDO, load_material
from mvlib.evaluation.protocol import Protocol, measure
from mvlib.evaluation.report import make_report
from mvlib.evaluation.scoring import Scorer, scores_of
from mvlib.samples import Sample

torch.set_num_threads(1)
SMALL = Experiment(
    codecs=("x264",),
    conditions=(ANCHOR, "blur 0.8"),
    analysers=("nanodet",),
    material="pasted",
    size=224,
    qps=(30, 50),
    limit=12,
    draws=20,
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return CellStore(tmp_path_factory.mktemp("cells"))


@pytest.fixture(scope="module")
def measured(store):
    return measure(SMALL, progress=False, cells=store.folder)


def test_precision_is_torchmetrics_on_what_really_comes_back(measured):
    """The whole way by hand for one QP: material, encoder, detector, torchmetrics."""
    results, _ = measured
    samples = [load_material(SMALL)[i] for i in range(12)]
    codec, detector = RealCodec("x264", gop="intra"), load_detector("nanodet")
    decoded = np.concatenate([codec(s.frames, qp=50).frames for s in samples])
    found = detector.detect(torch.from_numpy(decoded).permute(0, 3, 1, 2).float() / 255, score=FOUND)
    expected = average_precision([Truth.of(s.objects) for s in samples], found)
    ap = plain_means(results["x264", ANCHOR].scores["nanodet", "ap"])
    assert ap[1] == pytest.approx(expected, abs=1e-3) and 0 < ap[1] < ap[0] < 1


def test_the_report_says_what_counts_as_true(measured):
    report = json.loads(json.dumps(make_report(SMALL, *measured, "the command")))
    assert "exact boxes" in report["truth_of_ap"] and "cutouts" in report["material"] and report["n"] == 12
    assert {g["quality"] for g in report["bd_rates"]} == {"divergence", "ap"}
    (light,) = report["lightest_qp"]
    assert light["qp"] == 30 and light["low"] <= light["difference"] <= light["high"]
    assert light["difference"] == pytest.approx(light["test"] - light["anchor"], abs=2e-4)
    alone = next(c["results"] for c in report["curves"] if c["condition"] == ANCHOR)
    assert f"{alone['ap:nanodet'][0]:.3f}" in curve_table(report, "ap:nanodet")
    assert "QP 30" in curve_table(report, "bpp") and "divergence" not in bd_table(report, ["ap"])
    assert "nanodet, ap" in light_table(report, ["ap"])
    with pytest.raises(ValueError, match="ap:nanodet"):
        curve_table(report, "ap:yolo")


def test_nothing_is_measured_twice(measured, store, monkeypatch):
    def no_work(*_, **__):
        raise AssertionError("this was measured already")

    monkeypatch.setattr(RealCodec, "map", no_work)
    monkeypatch.setattr(Scorer, "scores", no_work)
    again, _ = measure(SMALL, progress=False, cells=store.folder)
    for key, result in measured[0].items():
        np.testing.assert_array_equal(again[key].bpp, result.bpp)
        for score, values in result.scores.items():
            np.testing.assert_array_equal(plain_means(again[key].scores[score]), plain_means(values))


def test_another_analyser_is_measured_alone_and_another_qp_anew(measured, store):
    more = Protocol(Experiment(**{**vars(SMALL), "analysers": ("nanodet", "efficientnet_lite0")}), store)
    assert all(list(more.missing(cell)) == ["efficientnet_lite0"] for cell in more.cells)
    other = Protocol(Experiment(**{**vars(SMALL), "qps": (30, 49)}), store)
    assert all(list(other.missing(cell)) == ["", "nanodet"] for cell in other.cells)


def test_scores_asked_for_one_after_the_other_stay(tmp_path):
    """Each is measured once, in any order, and is the one that a run for all gives."""

    def protocol(*scores):
        options = {"scores": scores, "conditions": (ANCHOR,), "limit": 3}
        return Protocol(Experiment(**{**vars(SMALL), **options}), CellStore(tmp_path))

    missing = []
    for scores in (("divergence",), ("ap",), ("divergence", "ap"), ("divergence",)):
        p = protocol(*scores)
        missing.append(p.missing(p.cells[0]))
        p.run(p.cells, progress=False)
    assert missing == [
        {"": ("bpp", "psnr-rgb", "psnr-y", "ms-ssim"), "nanodet": ("divergence",)},
        {"nanodet": ("ap",)},
        {},
        {},
    ]
    whole = Protocol(protocol("divergence", "ap").experiment, CellStore(None))
    whole.run(whole.cells, progress=False)
    found, expected = (p.gather()["x264", ANCHOR].scores for p in (protocol("divergence", "ap"), whole))
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_allclose(plain_means(found[key]), plain_means(values), rtol=1e-6)


def test_materials_are_what_they_say():
    films = load_material(Experiment(material="pedestrians"))
    assert len(films) == 48 and films[0].frames.shape == (1, 288, 384, 3) and films.truth == PSEUDO
    assert films[0].source == films[5].source != films[6].source
    assert len({films[i].source for i in range(48)}) == 8
    assert len(load_material(Experiment(material="pasted", limit=200))) == 200
    grouped = load_material(Experiment(material="pasted", limit=40, reader={"groups": 38}))
    assert len({grouped.get(i).source for i in (0, 12, 38)}) == 2  # of 12 groups, 0 and 12 would be one
    photos = load_material(Experiment(limit=3))
    assert len(photos) == 3 and photos[2].frames.shape == (1, 224, 224, 3) and photos[0].labels
    with pytest.raises(IndexError, match="sample 3"):
        photos[3]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"material": "pedestrians", "size": 128}, "leave size out"),
        ({"material": "pedestrians", "split": "train"}, "split='train'"),
    ],
)
def test_pedestrians_are_whole_frames_of_the_test_side(options, message):
    with pytest.raises(ValueError, match=message):
        load_material(Experiment(**options))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"material": "paintings"}, "paintings.*pedestrians"),
        ({"scores": ("map",)}, "'map'.*divergence"),
        ({"preprocessors": ("a=x.safetensors", "a=y.safetensors")}, "called 'a'"),
    ],
)
def test_what_does_not_exist_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        Experiment(**options)


@pytest.fixture(scope="module")
def untrained():
    torch.manual_seed(0)
    return analysers.load("torchvision/ssdlite320_mobilenet_v3_large", pretrained=False)


def test_a_detector_of_torchvision_has_precision_only(untrained):
    assert scores_of(untrained) == ("ap",)
    with pytest.raises(ValueError, match=r"ssdlite.*divergence.*only ap"):
        scores_of(untrained, ("divergence",))
    experiment = Experiment(**{**vars(SMALL), "conditions": (ANCHOR,), "limit": 3})
    found, _ = measure(experiment, False, analysers={"ssd": untrained})
    assert plain_means(found["x264", ANCHOR].scores["ssd", "ap"]).shape == (2,)


def test_labels_count_for_those_only_who_tell_the_same_classes_apart():
    photos, lite = load_material(Experiment(limit=2)), analysers.load("efficientnet_lite0")
    assert scores_of(lite, (), photos.classes) == ("kl", "top1", "label")
    other = analysers.load("timm/mixnet_s", pretrained=False)
    other.classes = other.classes[::-1]
    assert scores_of(other, (), photos.classes) == ("kl", "top1")
    assert Protocol(SMALL, CellStore(None), analysers={"other": other}, material=photos).wanted == {
        "other": ("kl", "top1")
    }
    with pytest.raises(ValueError, match="not those of the labels"):
        scores_of(other, ("label",), photos.classes)


def test_pictures_of_any_sizes_in_one_look():
    """Neighbours of one size are looked at together; the scores are those of one picture at a time."""
    lite = analysers.load("efficientnet_lite0")
    rng = np.random.default_rng(0)
    sizes = [(64, 64), (64, 64), (64, 96), (64, 64), (80, 48)]
    pictures = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    coded = [[(p // 2)[None] for p in pictures], [p[None] for p in pictures]]
    samples = [Sample(p[None], "s", (1,)) for p in pictures]
    together = Scorer(lite, samples, ("kl", "top1", "label")).scores(coded)
    assert together["kl"].shape == (5, 2) and np.abs(together["kl"][:, 1]).max() < 1e-5
    for i, sample in enumerate(samples):
        alone = Scorer(lite, [sample], ("kl",)).scores([[c[i]] for c in coded])
        np.testing.assert_allclose(alone["kl"][0], together["kl"][i], atol=1e-5)
