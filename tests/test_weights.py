"""What code reads beside code (weights, cards, curves, tables): damage is named with its file, never a traceback."""

import hashlib
import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import save

from mvlib._weights import read_weights, weights_folder
from mvlib.analysers.actions import load_recogniser
from mvlib.analysers.detectors import load_detector
from mvlib.codecs import qp_scale
from mvlib.errors import InputError
from mvlib.preprocess import build_preprocessor, load_preprocessor
from mvlib.training.slope import Slope, anchor_path
from mvlib.virtual import settings

CARD = {"architecture": "Compact", "config": {"widths": [4, 4], "blocks": [1, 1]}, "classes": ["a"]}


def write(path, blob: bytes, card: object = None, **changes):
    """A file of weights whose card's SHA-256 is right, with ``changes`` to the card, or ``card`` in place of it."""
    path.write_bytes(blob)
    made = CARD | {"sha256": hashlib.sha256(blob).hexdigest()} | changes
    path.with_suffix(".json").write_text(json.dumps(made if card is None else card))
    return path


def compact(**changed) -> bytes:
    return save(build_preprocessor("Compact", CARD["config"]).state_dict() | changed)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_tensor_that_is_not_finite_is_named(tmp_path, value):
    bad = torch.zeros(4)
    bad[2] = value
    path = write(tmp_path / "a.safetensors", compact(**{"stem.bias": bad}))
    with pytest.raises(InputError, match=r"a\.safetensors .*stem\.bias .*finite"):
        load_preprocessor(path)
    half = write(tmp_path / "b.safetensors", save({"w": bad.half(), "n": torch.ones(1, dtype=torch.int64)}))
    with pytest.raises(InputError, match=r"b\.safetensors .*w has values that aren't finite"):
        read_weights(half)


@pytest.mark.parametrize(
    "blob", [b"", b"\0" * 8, b"\xff" * 64, compact()[:-8], compact()[:40], b"PK\3\4 a zip", b"{}"]
)
def test_damage_whose_sha_fits_is_named(tmp_path, blob):
    path = write(tmp_path / "a.safetensors", blob)
    with pytest.raises(InputError, match=r"a\.safetensors .*no safetensors file.*train again"):
        load_preprocessor(path)


@pytest.mark.parametrize(
    "card", [[], "text", 3, {"sha256": 3}, {"sha256": None}, {"sha256": ["a"]}, {"sha": "a"}]
)
def test_a_card_of_another_kind_is_named(tmp_path, card):
    path = write(tmp_path / "a.safetensors", compact(), card)
    with pytest.raises(InputError, match=r"a\.json .*no model card with a sha256"):
        load_preprocessor(path)
    path.with_suffix(".json").write_bytes(b"\xff\xfe\0")
    with pytest.raises(InputError, match=r"a\.json does not hold what it should"):
        load_preprocessor(path)


CONFIGS = [
    "abc",
    [1],
    5,
    {"depth": 3},
    {"widths": "abc"},
    {"widths": [4, "4"]},
    {"widths": 4},
    {"widths": [4, -4]},
    {"widths": [4, 0]},
    {"kernel": 5.0},
    {"kernel": None},
    {"bands": True},
    {"embedding": -1},
    {"residual_bound": "x"},
    {"residual_bound": float("nan")},
    {"qp_adaptive": 1},
]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_options_that_no_network_can_have_are_named(tmp_path, config):
    if isinstance(config, dict):
        config = CARD["config"] | config
    with pytest.raises(InputError, match=r"a\.json .*Compact"):
        load_preprocessor(write(tmp_path / "a.safetensors", compact(), config=config))


@pytest.mark.parametrize("name", [None, 3, ["Compact"], {"Compact": 1}, "compact"], ids=str)
def test_an_architecture_that_there_is_not_is_named(tmp_path, name):
    with pytest.raises(InputError, match=r"a\.json .*is not one of NPP, Compact"):
        load_preprocessor(write(tmp_path / "a.safetensors", compact(), architecture=name))


@pytest.mark.parametrize(
    "changed",
    [{"stem.bias": torch.zeros(5)}, {"stem.bias": torch.zeros(())}, {"extra": torch.zeros(1)}],
    ids=str,
)
def test_tensors_that_do_not_fit_are_named(tmp_path, changed):
    path = write(tmp_path / "a.safetensors", compact(**changed))
    with pytest.raises(InputError, match=r"a\.safetensors .*doesn't fit Compact: .*(stem\.bias|extra)"):
        load_preprocessor(path)


@pytest.mark.parametrize(("load", "name"), [(load_detector, "nanodet"), (load_recogniser, "action_shift")])
def test_weights_of_another_network_are_named(tmp_path, monkeypatch, load, name):
    file = {"nanodet": "detector_nanodet"}.get(name, name)
    card = json.loads((weights_folder() / f"{file}.json").read_text())
    monkeypatch.setenv("MVLIB_WEIGHTS", str(tmp_path))
    write(tmp_path / f"{file}.safetensors", compact(), classes=card.get("classes"))
    with pytest.raises(InputError, match=rf"{file}\.safetensors .*doesn't fit"):
        load(name)


@pytest.mark.parametrize("classes", [None, 3, ["a"], {"a": 1}], ids=str)
def test_a_recogniser_of_other_classes_is_refused(tmp_path, monkeypatch, classes):
    monkeypatch.setenv("MVLIB_WEIGHTS", str(tmp_path))
    write(tmp_path / "action_shift.safetensors", compact(), classes=classes)
    with pytest.raises(InputError, match=r"action_shift\.safetensors tells .* train again"):
        load_recogniser("action_shift")


RESULTS = {"qp": [22, 27, 32], "bpp": [3, 2, 1], "kl:a": [0.1, 0.2, 0.3]}


def anchor(path, results=RESULTS, **changed):
    curve = {"codec": "x265", "condition": "codec alone", "results": results}
    path.write_text(json.dumps({"options": {"gop": "intra"}, "curves": [curve]} | changed))
    return path


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", "null", "{}", '"curves"', '{"curves": 3}', '{"curves": [3]}', '{"curves": [{}]}'],
)
def test_a_curve_that_is_no_result_is_named(tmp_path, text):
    (tmp_path / "anchor.json").write_text(text)
    with pytest.raises(
        InputError, match=r"anchor\.json does not hold what it should .*measure it by: python -m"
    ):
        Slope.read(tmp_path / "anchor.json", "x265", "a", gop="intra")


@pytest.mark.parametrize(
    "changed",
    [
        {"qp": [22, 27]},
        {"bpp": [3, 2]},
        {"bpp": None},
        {"bpp": [3, "2", 1]},
        {"bpp": [3, 2, None]},
        {"bpp": [float("inf"), 2, 1]},
        {"bpp": [float("nan"), 2, 1]},
        {"kl:a": [[0.1], [0.2], [0.3]]},
        {"kl:a": {"22": 0.1}},
        {"kl:a": 3},
        {"kl:a": [0.1, 0.2, float("inf")]},
        {"qp": [22], "bpp": [3], "kl:a": [0.1]},
        {"qp": [22, 22, 32]},
    ],
    ids=str,
)
def test_a_curve_of_another_shape_is_named(tmp_path, changed):
    path = anchor(tmp_path / "anchor.json", RESULTS | changed)
    with pytest.raises(
        InputError, match=r"anchor\.json does not hold what it should .*measure it by: python -m"
    ):
        Slope.read(path, "x265", "a", gop="intra")


def test_results_of_another_kind_are_named(tmp_path):
    for path in (anchor(tmp_path / "anchor.json", [1]), anchor(tmp_path / "anchor.json", options=[1])):
        with pytest.raises(InputError, match=r"anchor\.json does not hold"):
            Slope.read(path, "x265", "a", gop="intra")
    assert Slope.read(anchor(tmp_path / "anchor.json"), "x265", "a", gop="intra").qps.tolist() == [22, 27, 32]


def damaged(stored, *path, value=None):
    """A copy of JSON with what lies at ``path`` replaced, or left out where ``value`` is None."""
    copy = json.loads(json.dumps(stored))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copy


FITTED = settings.read_fitted("x265")
FIRST = next(iter(FITTED["intra"]["I"]["groups"]))


@pytest.mark.parametrize(
    "stored",
    [
        damaged(FITTED, "intra", value=[]),
        damaged(FITTED, "intra", "I", value=3),
        damaged(FITTED, "intra", "I", "groups", FIRST, "more"),
        damaged(FITTED, "intra", "I", "groups", FIRST, "significant", value=[1.0]),
        damaged(FITTED, "intra", "I", "groups", FIRST, "more", value=[1.0, 2.0, 3.0, float("nan")]),
        damaged(FITTED, "intra", "I", "curve", value=[1.0]),
        damaged(FITTED, "intra", "I", "header", value="x"),
        damaged(FITTED, "intra", "I", "weights", value=[1]),
    ],
    ids=range(8),
)
def test_a_damaged_table_of_rates_is_named(tmp_path, monkeypatch, stored):
    monkeypatch.setattr(settings, "FOLDER", tmp_path)
    (tmp_path / "x265.json").write_text(json.dumps(stored))
    with pytest.raises(
        InputError, match=r"x265\.json does not hold what it should .*install the package again"
    ):
        settings.load_rates("x265", "intra")


TABLES = qp_scale.tables()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        json.dumps(damaged(TABLES, "codecs", "jpeg", "still", "native", value=[1])),
        json.dumps(damaged(TABLES, "codecs", "jpeg", "still", "native", value=["a"] * 52)),
        json.dumps(damaged(TABLES, "codecs", "jpeg", "still", value=3)),
    ],
    ids=range(6),
)
def test_a_damaged_table_of_qps_is_named(tmp_path, monkeypatch, text):
    (tmp_path / "qp_tables.json").write_text(text)
    monkeypatch.setattr(qp_scale, "packaged", lambda *parts: tmp_path / parts[-1])
    qp_scale.tables.cache_clear()
    try:
        with pytest.raises(InputError, match=r"qp_tables\.json does not hold what it should"):
            qp_scale.native_from_qp("jpeg", "stock", 1, 30)
    finally:
        qp_scale.tables.cache_clear()


def test_what_ships_is_whole():
    """Each file of weights fits its card, and each measured curve gives a slope."""
    found = sorted(weights_folder().glob("*.safetensors"))
    assert len(found) == 19 and all(read_weights(path)[1]["file"] == path.name for path in found)
    for kind, task in (("image", "output"), ("image", "features"), ("video", "output")):
        report = json.loads(anchor_path(kind, task).read_text())
        for curve in report["curves"]:
            for analyser in {m[1] for k in curve["results"] if (m := re.match("(?:kl|divergence):(.*)", k))}:
                Slope.read(anchor_path(kind, task), curve["codec"], analyser, kind)
