"""Photos: crops, flips and epochs are fixed by (seed, epoch, index); errors name the file and the cure."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader
from trees import part_of_data

from mvlib.datasets import Photos
from mvlib.datasets.squares import square_box


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A data folder with the first test pictures only, free to be damaged."""
    monkeypatch.setenv("MVLIB_DATA", str(part_of_data(tmp_path, "photos", count=3)))
    return tmp_path


@pytest.mark.parametrize("crop", ["random", "centre", "whole"])
def test_shape_range_and_type(crop):
    photos = Photos("val", size=192, crop=crop)
    for x in (photos[0], photos[-1]):
        assert x.shape == (3, 192, 192)
        assert x.dtype == torch.float32
        assert x.is_contiguous()
        assert 0 <= x.min() < x.max() <= 1


def test_same_choice_gives_same_picture_and_epochs_differ():
    a, b = Photos("train", seed=7), Photos("train", seed=7)
    assert torch.equal(a[5], b[5])
    first = a[5]
    a.set_epoch(1)
    assert not torch.equal(a[5], first)
    a.set_epoch(0)
    assert torch.equal(a[5], first)
    assert not torch.equal(Photos("train", seed=8)[5], first)


def test_order_of_access_does_not_matter():
    a, b = Photos("train"), Photos("train")
    forward = [a[i] for i in range(4)]
    backward = [b[i] for i in reversed(range(4))][::-1]
    assert all(torch.equal(x, y) for x, y in zip(forward, backward, strict=True))


def test_flip_mirrors_about_half_and_nothing_else():
    plain, flipping = Photos("val", crop="centre", flip=False), Photos("val", crop="centre", flip=True)
    mirrored = 0
    for epoch in range(4):
        flipping.set_epoch(epoch)
        for i in range(12):
            x, y = plain[i], flipping[i]
            assert torch.equal(x, y) or torch.equal(x.flip(2), y)
            mirrored += not torch.equal(x, y)
    assert 12 <= mirrored <= 36


def test_only_training_flips_by_default():
    assert Photos("train").flip
    assert not Photos("val").flip
    assert not Photos("test").flip


def test_centre_crop_is_pillows():
    photos = Photos("test", size=224, crop="centre")
    h, w = photos.uint8(0).shape[:2]
    side, left, top = min(h, w), (w - min(h, w)) // 2, (h - min(h, w)) // 2
    square = Image.fromarray(photos.uint8(0)).crop((left, top, left + side, top + side))
    expected = np.array(square.resize((224, 224), Image.Resampling.LANCZOS))
    assert torch.equal(photos[0], torch.from_numpy(expected).permute(2, 0, 1) / 255)


def test_whole_sees_the_border():
    photos = Photos("test", crop="whole")
    wide = next(i for i, m in enumerate(photos.meta) if int(m.row["width"]) > 1.4 * int(m.row["height"]))
    edge = photos.uint8(wide)[:, :2].mean() / 255  # the two leftmost columns
    assert abs(photos[wide][:, :, 0].mean() - edge) < 0.03


def test_random_crops_vary_in_scale_and_stay_inside():
    rng = np.random.default_rng(0)
    boxes = np.array([square_box((384, 512), 224, "random", rng) for _ in range(400)])
    sides = boxes[:, 2] - boxes[:, 0]
    assert (boxes[:, 3] - boxes[:, 1] == sides).all()
    assert sides.min() == 224
    assert sides.max() == 384
    assert boxes[:, :2].min() == 0
    assert boxes[:, 2].max() <= 512
    assert boxes[:, 3].max() <= 384


def test_uint8_is_decoded_once_and_read_only():
    photos = Photos("val")
    assert photos.uint8(0) is photos.uint8(0)
    with pytest.raises(ValueError, match="read-only"):
        photos.uint8(0)[:] = 0


def test_item_tells_source_and_labels():
    photos = Photos("test")
    item = next(m for m in photos.meta if m.file.endswith("animals_koala_0.webp"))
    assert item.labels == (105,)
    assert item.row["licence"]
    assert photos.item(0) is photos.meta[0]
    assert not all(m.labels for m in photos.meta)


def test_two_workers_give_the_same_batches_and_see_a_new_epoch():
    photos = Photos("val")
    loader = DataLoader(photos, batch_size=8, num_workers=2, persistent_workers=True)
    for epoch in (0, 3):
        photos.set_epoch(epoch)
        for k, batch in enumerate(loader):
            assert torch.equal(batch[0], photos[8 * k])


def test_wrong_arguments():
    with pytest.raises(ValueError, match=r"split 'dev'.*train, val, test"):
        Photos("dev")
    with pytest.raises(ValueError, match=r"crop 'center'.*random, centre, whole"):
        Photos("val", crop="center")
    with pytest.raises(ValueError, match=r"size=4000 is outside 1\.\."):
        Photos("val", size=4000)
    with pytest.raises(ValueError, match="size=0"):
        Photos("val", size=0)
    with pytest.raises(IndexError, match="picture 9999"):
        Photos("val")[9999]
    with pytest.raises(ValueError, match="epoch=-1"):
        Photos("val").set_epoch(-1)


def test_missing_and_damaged_files(copy):
    photos = Photos("test")
    first, second = photos.meta[0].path, photos.meta[1].path
    first.unlink()
    second.write_bytes(second.read_bytes()[:200])
    with pytest.raises(FileNotFoundError, match=f"{first.name}.*git checkout"):
        photos[0]
    with pytest.raises(OSError, match=f"{second.name} is not the file that the manifest means.*build_data"):
        photos[1]
    assert photos[2].shape == (3, 224, 224)


def test_data_folder_named_wrongly(tmp_path, monkeypatch):
    monkeypatch.setenv("MVLIB_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"from MVLIB_DATA.*build_data\.py"):
        Photos("test")
