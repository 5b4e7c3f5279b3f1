"""Clips: windows do not overlap, crops are the same in all frames, errors name the limits."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader
from trees import part_of_data

from mvlib.datasets import Clips


def test_whole_frames():
    clips = Clips("test", frames=8)
    x = clips[0]
    row = clips.item(0).row
    assert x.shape == (8, 3, int(row["height"]), int(row["width"]))
    assert x.dtype == torch.float32
    assert 0 <= x.min() < x.max() <= 1
    assert torch.equal(x, torch.from_numpy(clips.uint8(0).copy()).permute(0, 3, 1, 2) / 255)


def test_windows_tile_the_clip():
    clips = Clips("test", frames=16)
    assert len(clips) == 3 * len(list({m.file for m in clips.meta}))
    joined = np.concatenate([clips.uint8(i) for i in range(3)])
    assert np.array_equal(joined, Clips("test", frames=48).uint8(0))


def test_stride_skips_frames():
    every, third = Clips("test", frames=10), Clips("test", frames=4, stride=3)
    assert np.array_equal(third.uint8(0), every.uint8(0)[::3])


def test_it_moves_and_neighbouring_frames_are_alike():
    """A wrong frame order or a repeated frame would show here: close frames differ less than distant ones."""
    clips = Clips("test", frames=48)
    for i in range(len(clips)):
        x = clips.uint8(i)[..., 1].astype(np.float32)
        near, far = np.abs(x[1:] - x[:-1]).mean(), np.abs(x[24:] - x[:-24]).mean()
        assert 0 < near < far


def test_crop_is_shared_by_frames_and_fixed_by_seed_and_epoch():
    clips, again = Clips("train", frames=4, size=128, seed=3), Clips("train", frames=4, size=128, seed=3)
    x = clips[2]
    assert x.shape == (4, 3, 128, 128)
    assert torch.equal(x, again[2])
    clips.set_epoch(1)
    assert not torch.equal(clips[2], x)


def test_random_crop_is_one_place_for_all_frames():
    clips = Clips("train", frames=4, size=128, seed=3, flip=False)
    whole = torch.from_numpy(clips.uint8(2).copy()).permute(0, 3, 1, 2) / 255
    corner = clips[2][0, :, :8, :8]
    corners = whole[0].unfold(1, 8, 1).unfold(2, 8, 1)  # (3, h, w, 8, 8): every place a crop may start
    where = (corners == corner[:, None, None]).all(0).flatten(2).all(2).nonzero()
    assert len(where) == 1
    top, left = where[0].tolist()
    assert torch.equal(clips[2], whole[:, :, top : top + 128, left : left + 128])


def test_test_split_is_cut_in_the_middle_and_never_flipped():
    clips = Clips("test", frames=2, size=176)
    frame = clips.uint8(0)
    top, left = (frame.shape[1] - 176) // 2, (frame.shape[2] - 176) // 2
    middle = torch.from_numpy(frame[:, top : top + 176, left : left + 176].copy()).permute(0, 3, 1, 2) / 255
    assert torch.equal(clips[0], middle)


def test_animation_can_be_left_out():
    kinds = {m.row["kind"] for m in Clips("train").meta}
    assert kinds == {"camera", "animation"}
    assert {m.row["kind"] for m in Clips("train", animation=False).meta} == {"camera"}


def test_two_workers():
    clips = Clips("test", frames=4, size=176)
    for k, batch in enumerate(
        DataLoader(torch.utils.data.Subset(clips, range(6)), batch_size=3, num_workers=2)
    ):
        assert batch.shape == (3, 4, 3, 176, 176)
        assert torch.equal(batch[0], clips[3 * k])


def test_wrong_arguments():
    with pytest.raises(ValueError, match=r"split 'val'.*train, test"):
        Clips("val")
    with pytest.raises(ValueError, match=r"frames=30 with stride=2 covers 59.*at most 48"):
        Clips("test", frames=30, stride=2)
    with pytest.raises(ValueError, match="frames=0"):
        Clips("test", frames=0)
    with pytest.raises(ValueError, match=r"size=1000 is outside 1\.\."):
        Clips("test", size=1000)
    with pytest.raises(IndexError, match="window 999"):
        Clips("test")[999]


def test_films_of_seven_cameras_whole():
    films = Clips("test", frames=64, manifest="films.csv")
    assert len(films) == 14 and len({item.source_id for item in films.meta}) == 7
    assert films.uint8(4).shape == (64, 240, 320, 3)  # cup
    assert not len(Clips("train", manifest="films.csv"))


def test_missing_and_damaged_files(tmp_path, monkeypatch):
    monkeypatch.setenv("MVLIB_DATA", str(part_of_data(tmp_path, "clips")))
    clips = Clips("test", frames=48)
    clips.meta[0].path.unlink()
    path = clips.meta[1].path
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(FileNotFoundError, match=r"is in the manifest but not on disk"):
        clips[0]
    with pytest.raises(OSError, match=r"is not the file that the manifest means.*git checkout"):
        clips[1]
