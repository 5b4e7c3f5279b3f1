"""Evaluation on public data sets by the project's own configurations, shared by processes, killed and taken up."""

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trees
import yaml
from launching import finish, kill, start
from torchvision.models import list_models

from mvlib.__main__ import main
from mvlib._store import digest
from mvlib.analysers import load
from mvlib.analysers.trackers import TRACKER_NAMES
from mvlib.datasets.readers import VOC
from mvlib.evaluation.cells import CellStore
from mvlib.evaluation.experiment import Experiment
from mvlib.evaluation.material import load_material
from mvlib.evaluation.protocol import Protocol, measure

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
QUICK = ["--dry_run", "true", "--conditions", "[codec alone, blur 0.8]", "--qps", "[25, 40]", "--draws", "20"]


def evaluated(monkeypatch, tmp_path, *arguments, what="image"):
    """The JSON that ``evaluate image`` (or video) writes."""
    folders = ["--out", str(tmp_path / "out.json"), "--cells", str(tmp_path / "cells")]
    monkeypatch.setattr(sys, "argv", ["mvlib", "evaluate", what, *arguments, *folders])
    main()
    return json.loads((tmp_path / "out.json").read_text())


def test_dry_run_of_imagenet(monkeypatch, tmp_path, imagenet):
    next(imagenet.glob("val/n02102040/*")).write_bytes(b"broken")
    config = ["--config", str(CONFIGS / "imagenet_x265.yaml"), "--root", str(imagenet)]
    analysers = ["--analysers", "[torchvision/mobilenet_v3_small]", "--size", "64"]
    report = evaluated(monkeypatch, tmp_path, *config, *analysers, *QUICK)
    assert (report["n"], report["left_out"], report["labelled"]) == (5, 1, 5)
    assert report["options"]["gop"] == "intra" and report["options"]["root"] == str(imagenet)
    alone, blurred = (curve["results"] for curve in report["curves"])
    assert alone["bpp"][0] > 2 * alone["bpp"][1] > 0 and blurred["bpp"][0] < alone["bpp"][0]
    assert all(0 <= share <= 1 for share in alone["label:torchvision/mobilenet_v3_small"])


def test_dry_run_of_coco(monkeypatch, tmp_path, coco):
    config = ["--config", str(CONFIGS / "coco_x265.yaml"), "--root", str(coco)]
    report = evaluated(
        monkeypatch, tmp_path, *config, "--analysers", "[torchvision/ssdlite320_mobilenet_v3_large]", *QUICK
    )
    assert report["n"] == 4 and "annotation" in report["truth_of_ap"]
    assert {"ap:torchvision/ssdlite320_mobilenet_v3_large", "bpp"} <= set(report["curves"][0]["results"])


def test_dry_run_of_voc(monkeypatch, tmp_path):
    config = ["--config", str(CONFIGS / "voc_x265.yaml"), "--root", str(trees.voc(tmp_path / "voc"))]
    report = evaluated(
        monkeypatch, tmp_path, *config, "--analysers", "[torchvision/ssdlite320_mobilenet_v3_large]", *QUICK
    )
    assert report["n"] == 2 and "difficult count neither" in report["truth_of_ap"]
    assert {"ap:torchvision/ssdlite320_mobilenet_v3_large", "bpp"} <= set(report["curves"][0]["results"])


def test_vocs_classes_are_among_cocos_and_difficult_objects_are_ignored(tmp_path):
    assert set(VOC.classes) <= set(load("nanodet", pretrained=False).classes)
    experiment = Experiment(dataset="voc", root=trees.voc(tmp_path), split="test", reader={"year": 2007})
    objects = load_material(experiment)[1].objects
    assert objects.ignored.tolist() == [False, True] and not objects.crowd.any()


@pytest.mark.slow
def test_dry_run_of_kinetics(monkeypatch, tmp_path, kinetics):
    min(kinetics.glob("val/zumba/*")).write_bytes(b"broken")
    config = ["--config", str(CONFIGS / "kinetics400_x264_x265.yaml"), "--root", str(kinetics)]
    network, size = ["--analysers", "[torchvision/mc3_18]"], ["--size", "48", "--frames", "5", "--limit", "3"]
    small = [*network, *size, "--codecs", "[x264]"]
    report = evaluated(monkeypatch, tmp_path, *config, *small, *QUICK, what="video")
    assert (report["n"], report["left_out"]) == (2, 1) and report["options"]["gop"] == "stock"
    alone, blurred = (curve["results"] for curve in report["curves"])
    assert alone["bpp"][0] > 2 * alone["bpp"][1] > 0 and blurred["bpp"][0] < alone["bpp"][0]
    assert all(0 <= share <= 1 for share in alone["label:torchvision/mc3_18"])


def test_dry_run_of_got10k(monkeypatch, tmp_path, got10k):
    config = ["--config", str(CONFIGS / "got10k_x264_x265.yaml"), "--root", str(got10k)]
    small = ["--frames", "5", "--reader", '{"short_side": 48}', "--codecs", "[x264]"]
    report = evaluated(monkeypatch, tmp_path, *config, *small, *QUICK, what="video")
    (tracker,) = {key for curve in report["curves"] for key in curve["results"] if key.startswith("ao:")}
    assert report["n"] == 2 and 0 < report["curves"][0]["results"][tracker][0] <= 1


def test_a_limit_takes_pictures_from_all_over_a_data_set(imagenet):
    experiment = Experiment(dataset="imagenet", root=imagenet, split="val", size=64, limit=3)
    few = load_material(experiment)
    assert [few[i].labels for i in range(len(few))] == [(0,), (217,), (491,)]


def test_tracks_of_got10k_count_where_the_object_is_in_view(got10k):
    experiment = Experiment("clips", dataset="got10k", root=got10k, split="val", frames=6)
    sample = load_material(experiment)[0]
    assert sample.visible.tolist() == [True] * 5 + [False] and sample.frames.shape == (6, 64, 64, 3)
    np.testing.assert_allclose(sample.boxes[3], [13, 12, 33, 36.5])


@pytest.mark.parametrize("name", sorted(path.name for path in CONFIGS.glob("[!t]*.yaml")))
def test_configurations_name_analysers_that_exist(name):
    for analyser in yaml.safe_load((CONFIGS / name).read_text())["analysers"]:
        library, _, model = analyser.rpartition("/")
        assert model in (list_models() if library == "torchvision" else TRACKER_NAMES), analyser


def test_coco_boxes_become_the_detectors_classes(coco):
    samples = load_material(Experiment(dataset="coco", root=coco, split="val2017"))
    names = [
        load("nanodet", pretrained=False).classes[k] for i in range(2) for k in samples[i].objects.labels
    ]
    assert names == ["person", "stop sign"]
    np.testing.assert_allclose(samples[0].objects.boxes, [[10.5, 20, 50.5, 50.5]])
    crowd = samples[3].objects
    assert crowd.ignored.tolist() == crowd.crowd.tolist() == [True] and not samples[0].objects.ignored.any()
    plain = replace(crowd, ignored=~crowd.ignored, crowd=~crowd.crowd)
    assert digest(*samples[3].parts) != digest(*replace(samples[3], objects=plain).parts), "another cell"


def test_what_cannot_be_coded_sensibly_is_refused(coco, kinetics):
    with pytest.raises(ValueError, match="size=64 would cut through boxes"):
        load_material(Experiment(dataset="coco", root=coco, split="val2017", size=64))[0]
    with pytest.raises(ValueError, match="kinetics400 holds clips"):
        load_material(Experiment(dataset="kinetics400", root=kinetics, split="val"))
    with pytest.raises(ValueError, match="both or neither"):
        Experiment(dataset="coco")


def test_dry_run_of_a_plain_folder_of_pictures(monkeypatch, tmp_path, imagenet):
    trees.litter(imagenet / "val")
    next(imagenet.glob("val/n02102040/*")).write_bytes(b"broken")
    options = ["--dataset", "folder", "--root", str(imagenet), "--codecs", "[x264]"]
    report = evaluated(
        monkeypatch, tmp_path, *options, "--analysers", "[efficientnet_lite0, nanodet]", *QUICK
    )
    assert (report["n"], report["sources"], report["left_out"], report["labelled"]) == (5, 5, 1, 0)
    assert "passed over: 10 hidden" in report["material"] and "no one labelled" in report["truth_of_ap"]
    assert set(report["curves"][0]["results"]) == {
        *("qp", "bpp", "psnr-rgb", "psnr-y", "kl:efficientnet_lite0", "top1:efficientnet_lite0"),
        *("divergence:nanodet", "ap:nanodet"),
    }


def test_dry_run_of_a_plain_folder_of_clips(monkeypatch, tmp_path, kinetics):
    options = [
        "--dataset",
        "folder",
        "--root",
        str(kinetics),
        "--codecs",
        "[x264]",
        "--frames",
        "4",
        "--size",
        "48",
    ]
    report = evaluated(monkeypatch, tmp_path, *options, "--analysers", "[action_shift]", *QUICK, what="video")
    assert (report["n"], report["sources"], report["labelled"]) == (4, 4, 0)
    assert set(report["curves"][0]["results"]) == {
        "qp",
        "bpp",
        "psnr-rgb",
        "psnr-y",
        "kl:action_shift",
        "top1:action_shift",
    }


def clips(root, dataset="folder", **options):
    return Experiment("clips", dataset=dataset, root=root, split="val", frames=4, dry_run=True, **options)


@pytest.mark.parametrize(
    ("analysers", "scores", "why"),
    [
        (("action_shift",), ("kl", "label"), "no score label here: nobody labelled"),
        (("action_shift",), ("ao",), "no score ao here: nobody marked an object"),
        (("siam_lite0", "action_shift"), (), "siam_lite0 has only the scores ao.*nobody marked an object"),
        (("action_shift",), ("kl", "divergence"), "no analyser here has the score divergence: action_shift gives kl"),
        (("nanodet",), ("top1",), "nanodet has no score top1"),
    ],
)  # fmt: skip
def test_a_score_of_clips_that_cannot_be_given_is_an_error(kinetics, analysers, scores, why):
    experiment = clips(kinetics, analysers=analysers, scores=scores)
    with pytest.raises(ValueError, match=why):
        Protocol(experiment, CellStore(None))


def test_labels_of_other_classes_are_no_score(kinetics):
    wanted = {"analysers": ("torchvision/mc3_18",), "scores": ("kl", "top1", "label")}
    ours = Protocol(clips(kinetics, "kinetics400", **wanted), CellStore(None))
    assert ours.wanted == {"torchvision/mc3_18": ("kl", "top1", "label")}
    own = clips(kinetics, "kinetics400", reader={"numbering": "alphabet"}, **wanted)
    with pytest.raises(
        ValueError, match=r"no score kl, top1, label in clips, only kl, top1; its classes are not"
    ):
        Protocol(own, CellStore(None))
    assert Protocol(replace(own, scores=()), CellStore(None)).wanted == {"torchvision/mc3_18": ("kl", "top1")}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"material": "pedestrians", "scores": ("kl", "label")}, "no score label here: nobody labelled"),
        (
            {"scores": ("kl", "ap")},
            "no analyser here has the score ap: efficientnet_lite0 gives kl, top1, label",
        ),
        (
            {"analysers": ("nanodet",), "scores": ("ap", "label")},
            "no analyser here has the score label: nanodet gives",
        ),
    ],
)
def test_a_score_of_pictures_that_cannot_be_given_is_an_error(options, why):
    experiment = Experiment(**({"analysers": ("efficientnet_lite0",)} | options))
    with pytest.raises(ValueError, match=why):
        Protocol(experiment, CellStore(None))


def test_boxes_of_classes_that_no_detector_knows_are_refused(coco, caplog):
    path = coco / "annotations" / "instances_val2017.json"
    text = path.read_text()
    path.write_text(text.replace('"person"', '"pedestrian"'))
    load_material(Experiment(dataset="coco", root=coco, split="val"))
    assert "pedestrian" in caplog.text
    for name in ("stop sign", "toothbrush", "person"):
        text = text.replace(f'"{name}"', f'"my {name}"')
    path.write_text(text)
    with pytest.raises(ValueError, match="none of the classes my person"):
        load_material(Experiment(dataset="coco", root=coco, split="val"))


OPTIONS = {
    "dataset": "imagenet", "split": "val", "size": 64, "codecs": ["x264"], "qps": [30, 40],
    "analysers": ["efficientnet_lite0"], "conditions": ["codec alone", "blur 0.5", "blur 0.8"], "draws": 20,
}  # fmt: skip


@pytest.fixture
def arguments(imagenet, tmp_path):
    """An evaluation of three cells: two processes cannot halve them."""
    (tmp_path / "options.yaml").write_text(json.dumps(OPTIONS | {"root": str(imagenet)}))
    config = ["--config", str(tmp_path / "options.yaml"), "--cells", str(tmp_path / "cells")]
    return ["evaluate", "image", *config, "--out", str(tmp_path / "out.json")]


@pytest.fixture
def expected(imagenet):
    """The same in this process."""
    tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in OPTIONS.items()}
    measured, _ = measure(Experiment(**tuples, root=imagenet), progress=False)
    return [(m.bpp.mean(0), m.scores["efficientnet_lite0", "kl"].mean(0)) for m in measured.values()]


@pytest.mark.slow
def test_killed_and_finished_by_two_processes_it_counts_every_picture_once(arguments, expected, tmp_path):
    printed, cells = tmp_path / "printed", tmp_path / "cells"

    def finished():
        return {path: os.stat(path).st_mtime_ns for path in cells.glob("??/[!.]*.npz")}

    process = start(arguments, printed)
    while process.poll() is None and len(finished()) < 2:
        time.sleep(0.01)
    kill(process, printed)
    before = finished()
    assert before and not (tmp_path / "out.json").exists()
    finish(start(arguments, printed, processes=2), printed)
    after, report = finished(), json.loads((tmp_path / "out.json").read_text())
    assert len(after) == 6 and {path: after[path] for path in before} == before, "nothing is done twice"
    curves = [(c["results"]["bpp"], c["results"]["kl:efficientnet_lite0"]) for c in report["curves"]]
    np.testing.assert_allclose(curves, expected, atol=2e-5)
    assert report["n"] == 6 and printed.read_text().count("saved to") == 1, "one process speaks"
