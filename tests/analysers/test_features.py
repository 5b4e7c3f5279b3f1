"""Maps before the decision: which layers, what distance, and that a gradient comes through."""

import pytest
import torch
from torch import nn
from torchvision.transforms.v2.functional import gaussian_blur

from mvlib import analysers
from mvlib.analysers import feature_distance, features
from mvlib.datasets import Photos


@pytest.fixture(scope="module")
def picture() -> torch.Tensor:
    return Photos("test", size=64, crop="centre", flip=False)[3][None]


@pytest.mark.parametrize(
    "name", ["efficientnet_lite0", "nanodet", "centernet", "action_resnet3d", "action_recurrent"]
)
def test_a_stronger_blur_moves_the_maps_further_and_a_gradient_comes_back(name, picture):
    analyser = analysers.load(name, pretrained=not name.startswith("action"))
    see = (lambda x: x[:, None].expand(-1, 4, -1, -1, -1)) if name.startswith("action") else lambda x: x
    clean = [m.detach() for m in features(analyser, see(picture))]
    blurred = [gaussian_blur(picture, [9, 9], [s, s]).requires_grad_() for s in (0.7, 2.0)]
    light, strong = (feature_distance(clean, features(analyser, see(b))) for b in blurred)
    assert feature_distance(clean, clean).item() == 0
    assert 0 < light.item() < strong.item()
    strong.sum().backward()
    assert blurred[1].grad.isfinite().all() and blurred[1].grad.abs().max() > 0


def test_the_distance_by_hand_and_one_where_all_maps_are_gone():
    clean = [torch.tensor([[3.0, 4.0], [1.0, 0.0]]), torch.ones(2, 5)]
    coded = [torch.tensor([[3.0, 3.0], [1.0, 0.0]]), torch.ones(2, 5)]
    torch.testing.assert_close(feature_distance(clean, coded), torch.tensor([1 / 25 / 2, 0]))
    assert feature_distance(clean, [torch.zeros_like(m) for m in clean]).tolist() == [1, 1]
    with pytest.raises(ValueError, match="maps"):
        feature_distance(clean, clean[:1])


def test_no_hook_is_left_behind_even_after_an_error(picture):
    analyser = analysers.load("efficientnet_lite0")
    features(analyser, picture)
    with pytest.raises(ValueError):
        features(analyser, picture * 255)
    assert not any(m._forward_hooks for m in analyser.modules())


def test_a_network_whose_layers_are_unknown_is_named():
    class Stranger(nn.Module):
        name, network = "stranger", nn.Linear(3, 3)

    with pytest.raises(ValueError, match=r"stranger.*feature_layers"):
        features(Stranger(), torch.zeros(1, 3, 64, 64))


def test_layers_that_do_not_run_are_named():
    class Unused(nn.Module):
        feature_layers = ("spare",)

        def __init__(self):
            super().__init__()
            self.spare = nn.Identity()

        def forward(self, x):
            return x.mean((2, 3))

    own = analysers.as_analyser("own", Unused())
    with pytest.raises(ValueError, match="own computes without calling its feature_layers"):
        features(own, torch.rand(1, 3, 64, 64))
