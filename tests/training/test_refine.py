"""Refining a picture by gradient steps: what it wins in the virtual codec, and what must not matter."""

import json

import pytest
import torch

from mvlib.analysers import feature_distance, features
from mvlib.datasets import Photos
from mvlib.training.refine import Refinement, Refiner, random_view


@pytest.fixture(scope="module")
def anchor(tmp_path_factory):
    path = tmp_path_factory.mktemp("anchor") / "anchor.json"
    results = {"qp": [20, 36, 51], "bpp": [1.5, 0.25, 0.04], "features:efficientnet_lite0": [0.04, 0.4, 0.9]}
    path.write_text(
        json.dumps({"curves": [{"codec": "x265", "condition": "codec alone", "results": results}]})
    )
    return path


@pytest.fixture(scope="module")
def pictures():
    photos = Photos("val", size=96, crop="centre", flip=False)
    return torch.stack([photos[i] for i in (2, 9)])


def test_the_decoded_maps_come_nearer_to_the_clean_ones_at_about_the_same_bits(anchor, pictures):
    refiner = Refiner(Refinement(steps=8, anchor=anchor))
    y = refiner(pictures, 37)
    assert y.shape == pictures.shape and y.min() >= 0 and y.max() <= 1
    analyser, codec = refiner.objective.analysers["efficientnet_lite0"], refiner.objective.codecs["x265"]
    with torch.no_grad():
        plain, refined = (codec((v * 255).round()[:, None] / 255, 37) for v in (pictures, y))
        clean = features(analyser, pictures)
        before, after = (
            feature_distance(clean, features(analyser, c.frames[:, 0])) for c in (plain, refined)
        )
    assert (after < 0.95 * before).all()
    assert (refined.bits < 1.15 * plain.bits).all()


def test_a_picture_is_refined_the_same_alone_and_in_company(anchor, pictures):
    refiner = Refiner(Refinement(steps=2, anchor=anchor))
    together = refiner(pictures, torch.tensor([30.0, 42.0]))
    alone = refiner(pictures[1:], 42)
    # Adam takes the sign of a gradient, which may tip where it is nearly zero: nearly all samples, not all.
    assert ((together[1] - alone[0]).abs() < 0.5 / 255).float().mean() > 0.97


def test_views_lie_inside_differ_and_come_again():
    x = torch.arange(40.0 * 60).view(1, 1, 40, 60)
    draws = [random_view((40, 60), torch.Generator().manual_seed(seed))(x) for seed in range(40)]
    assert all(32 <= d.shape[-2] <= 40 and 48 <= d.shape[-1] <= 60 for d in draws)
    assert len({d.shape for d in draws}) > 5 and any(d.shape == x.shape for d in draws)
    assert any(d[0, 0, 0, 0] > d[0, 0, 0, 1] for d in draws) and any(
        d[0, 0, 0, 0] < d[0, 0, 0, 1] for d in draws
    )
    torch.testing.assert_close(random_view((40, 60), torch.Generator().manual_seed(3))(x), draws[3])


@pytest.mark.parametrize("options", [{"steps": 0}, {"lr": 0.0}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match="must be above 0"):
        Refinement(**options)


def test_a_row_says_its_options_and_what_it_depends_on(anchor):
    from mvlib.evaluation.conditions import condition

    plain = condition("a=refined:x265:efficientnet_lite0:3", (37,))
    ablated = condition("refined:x265::3:task=output:at_qp=37", (37,))
    assert plain.name == "a" and ablated.name.endswith("at_qp=37")
    assert plain.weights.startswith(repr(Refinement(steps=3))) and "at_qp" in ablated.weights


@pytest.mark.parametrize("spec", ["refined:x265::3:tsk=output", "refined:x265::three"])
def test_a_row_that_cannot_be_read_is_named(spec):
    from mvlib.evaluation.conditions import condition

    with pytest.raises(ValueError, match=spec):
        condition(spec, (37,))


def test_weights_in_a_folder_called_refined_are_weights(tmp_path):
    from mvlib.evaluation.conditions import condition

    with pytest.raises(FileNotFoundError):
        condition(str(tmp_path / "refined" / "preprocessor.safetensors"), (37,))
