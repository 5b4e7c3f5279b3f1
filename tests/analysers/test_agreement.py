"""Qualities against SciPy and by hand, picture by picture."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy

from mvlib.analysers import kl_to_clean, label_accuracy, top1_agreement


@pytest.fixture
def logits() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    clean = 4 * torch.randn(50, 10, generator=generator)
    return clean, clean + torch.randn(50, 10, generator=generator)


def test_kl_is_scipy_s_relative_entropy(logits):
    clean, coded = logits
    expected = entropy(softmax(clean.numpy(), -1), softmax(coded.numpy(), -1), axis=-1)
    np.testing.assert_allclose(kl_to_clean(clean, coded), expected, rtol=1e-4, atol=1e-6)


def test_kl_by_hand():
    # p = (1/2, 1/2), q = (1/4, 3/4): 1/2 log 2 + 1/2 log 2/3.
    kl = kl_to_clean(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.25, 0.75]]).log())
    assert kl.item() == pytest.approx(0.5 * np.log(4 / 3))


def test_kl_limits(logits):
    clean, coded = logits
    assert torch.equal(kl_to_clean(clean, clean), torch.zeros(50))
    torch.testing.assert_close(kl_to_clean(clean + 3, coded - 7), kl_to_clean(clean, coded))
    certain = torch.tensor([[1000.0, 0.0]])
    assert kl_to_clean(certain, -certain).item() == pytest.approx(1000)


def test_kl_pulls_the_coded_logits_towards_the_clean_ones(logits):
    clean, coded = logits
    coded = coded.requires_grad_()
    kl_to_clean(clean, coded).sum().backward()
    # d KL / d logits = q - p.
    torch.testing.assert_close(coded.grad, coded.detach().softmax(-1) - clean.softmax(-1))


def test_agreement_counts_flips():
    clean = torch.eye(3)
    coded = torch.tensor([[2.0, 0, 1], [9, 0, 1], [0, 0, 1]])
    assert top1_agreement(clean, coded).tolist() == [1, 0, 1]


def test_accuracy_with_one_several_and_no_labels():
    coded = torch.tensor([[0.0, 1, 0]] * 6)
    got = label_accuracy(coded, [1, np.int64(0), (0, 1), [0, 2], None, ()])
    torch.testing.assert_close(got[:4], torch.tensor([1.0, 0, 1, 0]))
    assert got[4:].isnan().all()
    assert got.nanmean() == pytest.approx(0.5)


@pytest.mark.parametrize("measure", [kl_to_clean, top1_agreement])
def test_permuting_the_pictures_permutes_the_result(measure, logits):
    clean, coded = logits
    order = torch.randperm(50, generator=torch.Generator().manual_seed(1))
    assert measure(clean, coded).shape == (50,)
    torch.testing.assert_close(measure(clean[order], coded[order]), measure(clean, coded)[order])


def test_damage_raises_the_divergence_and_lowers_the_agreement(logits):
    clean, coded = logits
    noise = 5 * torch.randn(50, 10, generator=torch.Generator().manual_seed(2))
    for measure, rises in ((kl_to_clean, True), (top1_agreement, False)):
        assert (measure(clean, coded + noise).mean() > measure(clean, coded).mean()) == rises


def test_shapes_and_labels_are_checked():
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(2, 4\)"):
        kl_to_clean(torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"\(3,\)"):
        top1_agreement(torch.zeros(3), torch.zeros(3))
    with pytest.raises(ValueError, match="1 labels"):
        label_accuracy(torch.zeros(2, 3), [0])
    with pytest.raises(ValueError, match="from 0 to 2"):
        label_accuracy(torch.zeros(1, 3), [3])
