"""Analysers of one's own: what they are shown, what they are measured by, and what a training takes from them."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from mvlib.analysers import Analyser, Classifier, as_analyser, kl_to_clean, load
from mvlib.evaluation.scales import scale_of
from mvlib.evaluation.scoring import Scorer, scores_of
from mvlib.samples import Sample


class Mean(nn.Module):
    """Logits of three classes: the mean of each channel."""

    def forward(self, x):
        self.shape = tuple(x.shape)
        return 9 * x.mean((2, 3))


class Meter(Analyser):
    kind, picture_scores, clip_scores = "meter", ("level",), ("level",)
    scales = {"level": "distance"}  # noqa: RUF012

    def forward(self, x):
        return self.checked(x).mean((1, 2, 3))

    def divergence(self, clean, coded):
        return (clean - coded).abs()

    def measure(self, score, clean, coded, samples):
        return self.divergence(clean.output, coded.output)


def clip(*levels: int) -> np.ndarray:
    return np.stack([np.full((8, 12, 3), level, np.uint8) for level in levels])


def test_a_plain_module_sees_pictures_as_large_as_they_are_in_0_to_1():
    network = Mean().train()
    own = as_analyser("mine", network)
    x = torch.rand(2, 3, 21, 35)
    torch.testing.assert_close(own(x), network(x))
    assert own.network.shape == (2, 3, 21, 35) and own.network is not network and network.training
    assert isinstance(own, Classifier) and own.name == "mine" and own.classes == ()


def test_labels_count_where_the_classes_are_named_alike():
    plain = as_analyser("mine", Mean())
    assert scores_of(plain, (), ("r", "g", "b")) == ("kl", "top1")
    named = Mean()
    named.classes = ("r", "g", "b")
    assert scores_of(as_analyser("mine", named), (), ("r", "g", "b")) == ("kl", "top1", "label")


def test_own_scores_are_counted_for_pictures_and_for_every_frame_of_clips():
    meter = Meter(nn.Identity(), name="meter")
    clean, coded = clip(0, 51, 102), clip(51, 51, 0)
    found = Scorer(meter, [Sample(clean, "a")], ("level",)).scores([[clean], [coded]])
    np.testing.assert_allclose(found["level"], [[0, (0.2 + 0 + 0.4) / 3]], atol=1e-6)
    pictures = [Sample(clean[:1], "a"), Sample(clean[1:2], "b")]
    found = Scorer(meter, pictures, ("level",)).scores([[coded[:1], coded[1:2]]])
    np.testing.assert_allclose(found["level"], [[0.2], [0]], atol=1e-6)


def test_task_losses_are_those_of_frames_and_differentiable():
    meter, stills = Meter(nn.Identity(), name="meter"), as_analyser("mine", Mean())
    clean, decoded = torch.rand(2, 4, 3, 8, 8), torch.rand(2, 4, 3, 8, 8, requires_grad=True)
    torch.testing.assert_close(
        meter.task_loss(clean, decoded), (clean.mean((2, 3, 4)) - decoded.mean((2, 3, 4))).abs().mean(1)
    )
    one = kl_to_clean(stills(clean[1]), stills(decoded[1])).mean()
    torch.testing.assert_close(stills.task_loss(clean, decoded)[1], one)
    (slope,) = torch.autograd.grad(stills.task_loss(clean, decoded).sum(), decoded)
    assert slope.abs().sum() > 0


def test_a_score_of_unknown_scale_is_named():
    assert scale_of("level", Meter.scales) == "distance" and scale_of("top1", {}) == "accuracy"
    with pytest.raises(ValueError, match=r"'level'.*None.*distance, accuracy"):
        scale_of("level", {})


def test_a_number_of_values_that_fits_no_sample_is_named():
    class Wrong(Meter):
        def measure(self, score, clean, coded, samples):
            return torch.zeros(3)

    wrong = Wrong(nn.Identity(), name="wrong")
    samples = [Sample(clip(1), "a"), Sample(clip(2), "b")]
    with pytest.raises(ValueError, match="3 values of a score for 2"):
        Scorer(wrong, samples, ("level",)).scores([[clip(1), clip(2)]])


@pytest.mark.parametrize(
    "name, clips, message",
    [
        ("action_shift", False, "is a recogniser, which has no score for pictures"),
        ("siam_lite0", False, "is a tracker, which has no score for pictures"),
        ("torchvision/ssdlite320_mobilenet_v3_large", True, "is a detector, which has no score for clips"),
    ],
)
def test_who_cannot_look_at_such_data_is_named(name, clips, message):
    with pytest.raises(ValueError, match=message):
        scores_of(load(name, pretrained=False), (), None, clips)


def test_what_is_no_analyser_is_named():
    with pytest.raises(TypeError, match="'mine' is SimpleNamespace"):
        as_analyser("mine", SimpleNamespace())
