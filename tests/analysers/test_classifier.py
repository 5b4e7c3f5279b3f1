"""The face of every classifier: what it sees, what it gives, what it refuses."""

import pytest
import torch
from torch import nn

from mvlib.analysers import Classifier, load


@pytest.fixture(scope="module")
def lite0() -> Classifier:
    return load("efficientnet_lite0")


class Pool(nn.Module):
    """A network whose logits are the mean of the normalised input: (B, 3, H, W) → (B, 3)."""

    def forward(self, x):
        return x.mean((2, 3))


def pooling(size: tuple[int, int], mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)) -> Classifier:
    return Classifier(Pool(), name="pool", input_size=size, mean=mean, std=std, classes="rgb")


def test_normalises_per_channel():
    x = torch.tensor([0.2, 0.4, 0.9]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    logits = pooling((8, 8), mean=(0.2, 0.2, 0.5), std=(1.0, 0.5, 0.25))(x)
    torch.testing.assert_close(logits, torch.tensor([[0.0, 0.4, 1.6]]))


def test_a_fitting_picture_isn_t_resampled():
    class Whole(nn.Module):
        def forward(self, x):
            return x.flatten(1)

    x = torch.rand(1, 3, 12, 10)
    whole = Classifier(Whole(), name="w", input_size=(12, 10), mean=[0] * 3, std=[1] * 3, classes=["a"])
    assert torch.equal(whole(x), x.flatten(1))


@pytest.mark.parametrize("size", [(64, 96), (97, 33), (224, 224)])
def test_every_border_pixel_is_seen(size):
    # With a centre crop the gradient at the border would be exactly zero.
    x = torch.rand(1, 3, *size, requires_grad=True)
    pooling((32, 32))(x).sum().backward()
    border = torch.cat([x.grad[..., 0, :], x.grad[..., -1, :], x.grad[..., :, 0], x.grad[..., :, -1]], -1)
    assert border.abs().min() > 0


def test_the_network_s_gradient_reaches_the_picture_and_not_the_weights(lite0):
    x = torch.rand(2, 3, 60, 80, requires_grad=True)
    lite0(x)[:, 281].sum().backward()
    assert x.grad.isfinite().all()
    assert (x.grad.abs().amax((1, 2, 3)) > 0).all()
    assert not any(p.requires_grad for p in lite0.parameters())


def test_the_gradient_is_that_of_finite_differences(lite0):
    # Along one direction: the network is piecewise smooth, so a small step in float64 stays on one piece.
    analyser = load("efficientnet_lite0").double()
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, 3, 64, 64, generator=generator, dtype=torch.float64).requires_grad_()
    step = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    analyser(x)[0, 281].backward()
    with torch.no_grad():
        numeric = (analyser(x + 1e-8 * step)[0, 281] - analyser(x - 1e-8 * step)[0, 281]) / 2e-8
    assert float((x.grad * step).sum()) == pytest.approx(float(numeric), rel=1e-3)


def test_a_batch_is_its_pictures_one_by_one(lite0):
    x = torch.rand(3, 3, 100, 140)
    with torch.inference_mode():
        torch.testing.assert_close(lite0(x), torch.cat([lite0(p[None]) for p in x]), rtol=0, atol=1e-4)


def test_stays_in_eval_mode_inside_a_training_module(lite0):
    nn.ModuleList([lite0]).train()
    x = torch.rand(4, 3, 64, 64)
    before = lite0.network.bn1.running_mean.clone()
    assert not lite0.training
    assert not lite0.network.training
    lite0(x)
    assert torch.equal(before, lite0.network.bn1.running_mean)


def test_top_is_sorted_and_named(lite0):
    logits = torch.zeros(2, 1000)
    logits[0, 285], logits[0, 281], logits[1, 967] = 9.0, 8.0, 20.0
    (first, second), ((espresso, p),) = lite0.top(logits, 2)[0], lite0.top(logits, 1)[1]
    assert (first[0], second[0], espresso) == ("Egyptian cat", "tabby", "espresso")
    assert first[1] / second[1] == pytest.approx(torch.e, rel=1e-3)
    assert p == pytest.approx(1, abs=1e-4)


def test_grey_and_the_ends_of_the_scale_are_finite(lite0):
    for value in (0.0, 0.5, 1.0):
        assert lite0(torch.full((1, 3, 17, 16), value)).isfinite().all()


@pytest.mark.parametrize(
    ("x", "error", "says"),
    [
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), TypeError, "uint8.*/ 255"),
        ([[0.5]], TypeError, "list"),
        (torch.zeros(3, 8, 8), ValueError, r"\(3, 8, 8\).*x\[None\]"),
        (torch.zeros(1, 8, 8, 3), ValueError, r"\(B, 3, H, W\)"),
        (torch.zeros(0, 3, 8, 8), ValueError, r"\(0, 3, 8, 8\)"),
        (torch.full((1, 3, 8, 8), 200.0), ValueError, "divide 0..255 by 255"),
    ],
)
def test_bad_pictures_are_refused(lite0, x, error, says):
    with pytest.raises(error, match=says):
        lite0(x)


@pytest.mark.parametrize("k", [0, 1001])
def test_top_refuses_more_classes_than_there_are(lite0, k):
    with pytest.raises(ValueError, match=r"1\.\.1000"):
        lite0.top(torch.zeros(1, 1000), k)
