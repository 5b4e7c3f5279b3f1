import numpy as np
import pytest
import torch

from mvlib.evaluation.conditions import BASELINES, condition, downscale, gaussian_blur, upscale
from mvlib.evaluation.experiment import Experiment, split_title
from mvlib.preprocess import (
    NPP,
    Compact,
    CompactConfig,
    CompactVideo,
    CompactVideoConfig,
    ZhaoPreprocessor,
    save_preprocessor,
)


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 256, (2, 48, 66, 3), dtype=np.uint8)


def test_every_baseline_gives_back_the_size_it_got(frames):
    for row in BASELINES.values():
        out = row.restore(row.prepare(frames, 37), frames.shape[1:3])
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


@pytest.mark.parametrize(("factor", "size"), [(0.75, (36, 50)), (0.5, (24, 32))])
def test_downscaling_is_what_the_encoder_sees(frames, factor, size):
    small = BASELINES[f"downscale {factor}"].prepare(frames, 37)
    np.testing.assert_array_equal(small, downscale(frames, factor=factor))
    assert small.shape == (2, *size, 3)
    assert upscale(small, (48, 66)).shape == frames.shape


@pytest.mark.parametrize("kind", ["pictures", "clips"])
def test_both_downscalings_are_among_the_usual_rows(kind):
    assert {"downscale 0.75", "downscale 0.5"} < set(Experiment(kind).conditions) <= BASELINES.keys()


def test_flat_pictures_stay_flat():
    grey = np.full((1, 32, 32, 3), 93, np.uint8)
    for row in BASELINES.values():
        assert (row.restore(row.prepare(grey, 30), (32, 32)) == 93).all()


def saved(path, seed: int, network=None):
    """A network (None: a Compact) with weights that do something, and something else for each seed."""
    torch.manual_seed(seed)
    network = network or Compact()
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    path.parent.mkdir()
    how = {"command": "none", "data": "none", "seed": seed, "steps": 0, "analysers": [], "codecs": []}
    return save_preprocessor(network, path, **how)


@pytest.mark.parametrize(
    ("row", "title", "what"),
    [
        ("image", "image", "image"),
        ("a=image", "a", "image"),
        ("refined:x265::12:task=output", "refined:x265::12:task=output", "refined:x265::12:task=output"),
        ("a=refined:x265::12:task=features", "a", "refined:x265::12:task=features"),
        ("runs/lr=3e-3/p.safetensors", "runs/lr=3e-3/p.safetensors", "runs/lr=3e-3/p.safetensors"),
        ("./lr=3e-3/p", "./lr=3e-3/p", "./lr=3e-3/p"),
        ("low=runs/lr=3e-3/p_{qp}", "low", "runs/lr=3e-3/p_{qp}"),
        (r"C:\lr=3\p", r"C:\lr=3\p", r"C:\lr=3\p"),
    ],
)
def test_a_title_ends_at_the_first_sign_that_can_end_it(row, title, what):
    assert split_title(row) == (title, what)


def test_options_of_two_refined_rows_are_not_their_titles():
    rows = ("refined:x265::12:task=output", "refined:x265::12:task=features")
    assert Experiment(preprocessors=rows).preprocessors == rows
    with pytest.raises(ValueError, match="called 'a'"):
        Experiment(preprocessors=("a=image", "a=refined:x265:efficientnet_lite0:1:task=features"))


def test_a_folder_may_have_a_sign_of_equality_in_its_name(tmp_path, frames):
    (tmp_path / "lr=3e-3").mkdir()
    path = saved(tmp_path / "lr=3e-3" / "net" / "preprocessor.safetensors", 0)
    row, named = condition(str(path), [30]), condition(f"low={path}", [30])
    assert (row.name, named.name) == (str(path), "low") and row.weights == named.weights
    np.testing.assert_array_equal(row.prepare(frames, 30), named.prepare(frames, 30))
    with pytest.raises(FileNotFoundError, match="gone/lr=3"):
        condition("gone/lr=3/preprocessor.safetensors", [30])


def test_one_network_for_each_qp(tmp_path, frames):
    files = {qp: saved(tmp_path / f"only_{qp}" / "preprocessor.safetensors", qp) for qp in (30, 40)}
    row = condition(f"one each={tmp_path}/only_{{qp}}/preprocessor.safetensors", [30, 40])
    alone = {qp: condition(str(file), [30, 40]) for qp, file in files.items()}
    assert row.name == "one each" and row.depends_on_qp and alone[30].name == str(files[30])
    for qp, other in ((30, 40), (40, 30)):
        mine = row.prepare(frames, qp)
        np.testing.assert_array_equal(mine, alone[qp].prepare(frames, qp))
        assert (mine != alone[other].prepare(frames, qp)).any()
    assert len({row.weights, alone[30].weights, alone[40].weights}) == 3


BLIND = CompactConfig(qp_adaptive=False)
NETWORKS = {
    "Compact": (Compact, True),
    "Compact, blind": (lambda: Compact(BLIND), False),
    "CompactVideo": (CompactVideo, True),
    "CompactVideo, blind": (lambda: CompactVideo(CompactVideoConfig(spatial=BLIND)), False),
    "Zhao": (ZhaoPreprocessor, False),
    "NPP": (NPP, True),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_that_is_blind_to_qp_runs_once_for_all(name, tmp_path, frames):
    build, by_qp = NETWORKS[name]
    row = condition(str(saved(tmp_path / "net" / "preprocessor.safetensors", 0, build())), [20, 50])
    assert row.depends_on_qp == by_qp
    light, heavy = (row.prepare(frames, qp) for qp in (20, 50))
    assert (light != heavy).any() == by_qp, "as it says"


def test_networks_of_one_qp_each_run_at_each_though_they_are_blind(tmp_path):
    for qp in (30, 40):
        saved(tmp_path / f"only_{qp}" / "preprocessor.safetensors", qp, Compact(BLIND))
    assert condition(f"{tmp_path}/only_{{qp}}/preprocessor.safetensors", [30, 40]).depends_on_qp


def test_a_network_that_is_missing_for_a_qp_is_named(tmp_path):
    saved(tmp_path / "only_30" / "preprocessor.safetensors", 0)
    with pytest.raises(FileNotFoundError, match="only_35"):
        condition(f"{tmp_path}/only_{{qp}}/preprocessor.safetensors", [30, 35])


def test_the_same_weights_used_another_way_are_another_row(tmp_path):
    path = saved(tmp_path / "net" / "preprocessor.safetensors", 0)
    usual = condition(str(path), [30]).weights
    card = path.with_suffix(".json")
    card.write_text(card.read_text().replace('"residual_bound": 0.1', '"residual_bound": 0.0'))
    assert condition(str(path), [30]).weights != usual
