"""The learned rule of a refinement: untrained it is Adam's, and it is found by name as other weights are."""

import json

import pytest
import torch

from mvlib.datasets import Photos
from mvlib.preprocess import LearnedUpdate, Refinement, UpdateConfig, load_update, save_update
from mvlib.refined import load_preprocessor

SPEC = "refined:x265:efficientnet_lite0:2:precision=float32"


def rule(strength):
    """A rule whose last layers are drawn at random: with strength 0 it is an untrained one."""
    torch.manual_seed(2)
    found = LearnedUpdate().eval()
    for layer in (found.head, found.direct, found.by_qp):
        torch.nn.init.normal_(layer.weight, std=strength)
    return found


def by(module, update):
    return Refinement(module.pictures, module.clips, module.config, update).eval()


@pytest.fixture(scope="module")
def plain():
    return load_preprocessor(SPEC)


@pytest.fixture(scope="module")
def pictures():
    photos = Photos("val", size=64, crop="centre", flip=False)
    return torch.stack([photos[i] for i in (0, 4)])


def test_an_untrained_rule_changes_no_bit(plain, pictures):
    qp = torch.tensor([27.0, 40.0])
    assert torch.equal(by(plain, rule(0))(pictures, qp), plain(pictures, qp))


def test_an_untrained_rule_changes_no_bit_of_a_clip(pictures):
    module = load_preprocessor("refined:x265:efficientnet_lite0:1:precision=float32:chunk=2")
    clip = pictures[:1, None, :, :32, :32].repeat(1, 3, 1, 1, 1)
    assert torch.equal(by(module, rule(0))(clip, 34), module(clip, 34))
    assert not torch.equal(by(module, rule(0.1))(clip, 34), module(clip, 34))


def test_a_trained_rule_stays_within_its_bound_at_any_size_and_in_any_context(plain, pictures):
    refiner, x = by(plain, rule(0.3)), (pictures[..., :49, :37] * 0.6 + 0.2)
    y = refiner(x, 40)
    away = (y - plain(x, 40)).abs().max() * 255
    bound = (
        refiner.config.step_size(torch.tensor([40.0]), still=True).item()
        * 2
        * (refiner.update.config.bound + 2)
    )
    assert 1 < away <= bound
    for context in (torch.no_grad, torch.inference_mode):
        with context():
            assert torch.equal(refiner(x, 40), y)
    assert not y.requires_grad and all(p.grad is None for p in refiner.parameters())
    alone = refiner(x[1:], 40)
    # Adam takes the sign of a gradient, which may tip where it is nearly zero.
    assert ((alone[0] - y[1]).abs() < 0.5 / 255).float().mean() > 0.97


def test_it_is_found_by_name_and_by_path(plain, pictures, tmp_path, monkeypatch):
    path = save_update(rule(0.1), tmp_path / "update_mine.safetensors", command="by hand")
    expected = by(plain, load_update(path))(pictures, 37)
    assert load_update(path).card["command"] == "by hand" and load_update(path).config == UpdateConfig()
    assert torch.equal(load_preprocessor(f"{SPEC}:update={path}")(pictures, 37), expected)
    monkeypatch.setenv("MVLIB_WEIGHTS", str(tmp_path))
    assert torch.equal(load_update("mine").place, load_update(path).place)
    with pytest.raises(
        FileNotFoundError, match=r"update_other.safetensors is missing.*: mine\..*train update"
    ):
        load_update("other")


def test_the_shipped_rules_tell_their_guides():
    assert load_update("lite0").card["guides"] == ["efficientnet_lite0"]
    assert load_update("lite0_nanodet").card["guides"] == ["efficientnet_lite0", "nanodet"]


def test_a_shipped_rule_lowers_the_loss_of_the_refined_picture():
    photos = Photos("val", size=128, crop="centre", flip=False)
    x, qp = torch.stack([photos[i] for i in (0, 4)]), torch.tensor([27.0, 40.0])
    refiner = load_preprocessor(f"{SPEC}:views=false:update=lite0")
    after = [
        refiner.pictures(x, y, qp, "x265", kept=refiner.pictures.begin(False))["loss"].item()
        for y in (x, by(refiner, None)(x, qp), refiner(x, qp))
    ]
    assert after[2] < 0.97 * min(after[:2])


def test_what_is_no_such_rule_is_refused(tmp_path):
    path = save_update(rule(0), tmp_path / "u.safetensors")
    card = json.loads(path.with_suffix(".json").read_text())
    for change, says in (
        ({"architecture": "Compact"}, "it is of 'Compact', no LearnedUpdate"),
        ({"config": {"depth": 3}}, "no LearnedUpdate with the options.*depth"),
        ({"config": {"width": 8}}, "doesn't fit LearnedUpdate"),
        ({"config": {"width": 0}}, "all must be above 0"),
        ({"sha256": "0" * 64}, "damaged, or of another training"),
    ):
        path.with_suffix(".json").write_text(json.dumps(card | change))
        with pytest.raises(ValueError, match=says):
            load_update(path)
