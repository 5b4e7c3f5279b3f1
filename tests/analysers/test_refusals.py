"""What an analyser refuses at its edge, and what it takes in any precision."""

import pytest
import torch
from torch import nn

from mvlib.analysers import Classifier, features, load
from mvlib.analysers.detectors.build import TorchvisionDetector


class Boxless(nn.Module):
    """A detector of torchvision's kind that finds nothing."""

    def forward(self, pictures):
        nothing = torch.zeros(0)
        return [{"boxes": torch.zeros(0, 4), "scores": nothing, "labels": nothing.long()} for _ in pictures]


class Pool(nn.Module):
    feature_layers = ("last",)

    def __init__(self):
        super().__init__()
        self.last = nn.Conv2d(3, 4, 3, stride=2)

    def forward(self, x):
        return self.last(x).mean((2, 3))


def classifier():
    torch.manual_seed(0)
    return Classifier(
        Pool(), name="pool", input_size=(16, 16), mean=(0.5,) * 3, std=(0.25,) * 3, classes="abcd"
    )


BOXES = torch.tensor([8.0, 8, 30, 30]).expand(1, 3, 4)


def look_of(name):
    """How the analyser is called, and what it looks at."""
    pictures, clip = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 3, 64, 64)
    if name == "torchvision's":
        return TorchvisionDetector(Boxless(), "t", ["cat"]).detect, pictures
    analyser = classifier() if name in ("classifier", "late maps") else load(KINDS[name])
    looks = {
        "late maps": lambda x: features(analyser, x)[0],
        "detector": lambda x: analyser(x).logits,
        "objects": lambda x: analyser.detect(x),
        "tracker": lambda x: analyser(x, BOXES),
    }
    return looks.get(name, analyser), clip if name in ("recogniser", "tracker") else pictures


KINDS = {"detector": "nanodet", "objects": "nanodet", "recogniser": "action_shift", "tracker": "siam_lite0"}
LOOKS = ["classifier", "late maps", "torchvision's", *KINDS]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 255.0])
@pytest.mark.parametrize("name", LOOKS)
def test_what_is_no_picture_is_refused(name, value):
    look, x = look_of(name)
    look(x)
    x[..., -1, -1] = value
    with pytest.raises(ValueError, match=r"span .*the scale is \[0, 1\]"):
        look(x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", LOOKS)
def test_other_precisions_are_looked_at_in_that_of_the_weights(name, dtype):
    look, x = look_of(name)
    x = x.to(dtype)
    seen, same = look(x), look(x.float())
    if isinstance(seen, torch.Tensor):
        assert torch.equal(seen, same)


@pytest.mark.parametrize("name", ["classifier", "detector", "recogniser", "tracker"])
def test_the_gradient_passes_the_check_in_any_precision(name):
    look, x = look_of(name)
    x = x.double().requires_grad_()
    (slope,) = torch.autograd.grad(look(x).square().sum(), x)
    assert slope.dtype == torch.float64 and slope.isfinite().all() and slope.abs().sum() > 0


def test_a_tracker_refuses_boxes_that_are_no_numbers():
    tracker, clip = load("siam_lite0"), torch.rand(1, 3, 3, 64, 64)
    with pytest.raises(ValueError, match="finite"):
        tracker(clip, BOXES * float("nan"))
    with pytest.raises(TypeError, match="uint8"):
        tracker(clip.mul(255).byte(), BOXES)
