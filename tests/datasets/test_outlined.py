"""Pictures with outlines: exact masks, decoys that are none, and choices by seed and index alone."""

import numpy as np
import pytest
import torch

from mvlib.datasets import Cutouts
from mvlib.datasets.outlined import OutlinedCutouts


@pytest.fixture(scope="module")
def outlined():
    return OutlinedCutouts("train", size=128)


def test_pictures_have_masks_and_some_have_no_thing(outlined):
    pictures = torch.stack([outlined[i] for i in range(24)])
    assert pictures.shape == (24, 4, 128, 128) and pictures.min() >= 0 and pictures.max() <= 1
    assert set(pictures[:, 3].unique().tolist()) == {0.0, 1.0}
    share = pictures[:, 3].mean((1, 2))
    assert (share == 0).any() and 0.02 < share.mean() < 0.4


def test_a_picture_depends_on_seed_and_index_alone(outlined):
    again = OutlinedCutouts("train", size=128)
    assert torch.equal(again[7], outlined[7]) and not torch.equal(again[7], outlined[8])
    assert not torch.equal(OutlinedCutouts("train", size=128, seed=1)[7], outlined[7])


def test_the_mask_is_where_a_thing_changed_the_picture(outlined, monkeypatch):
    """On nothing, without decoys and JPEG: where the mask is far all is flat but for thin parts of things."""
    monkeypatch.setattr("mvlib.datasets.outlined._DECOYS", 0)
    monkeypatch.setattr("mvlib.datasets.outlined._JPEG", 0)
    flat = OutlinedCutouts("train", size=128)
    monkeypatch.setattr(flat, "_background", lambda rng: np.full((128, 128, 3), 90, np.float32))
    for x in (flat[i] for i in range(12)):
        near = torch.nn.functional.max_pool2d(x[None, 3:], 7, 1, 3)[0, 0] > 0
        assert ((x[:3, ~near] * 255 - 90).abs() > 20).float().mean() < 0.005
        assert not x[3].any() or (x[:3, x[3] > 0] * 255 - 90).abs().mean() > 5


def test_a_decoy_is_no_thing(outlined):
    cut = outlined._decoy(np.random.default_rng(0))
    assert cut.dtype == np.float32 and cut.shape[2] == 4 and max(cut.shape[:2]) <= 128
    assert 0.2 < (cut[..., 3] >= 0.5).mean() < 0.95


def test_neither_people_nor_plants_are_pasted(outlined):
    left = [c for c in Cutouts("train") if c.category == "plants" or c.coco == "person"]
    assert left and len(outlined.things) == len(Cutouts("train")) - len(left)


@pytest.mark.parametrize("size", [16, 4000])
def test_an_impossible_size_is_refused(size):
    with pytest.raises(ValueError, match="nothing is enlarged"):
        OutlinedCutouts("train", size=size)
