"""Whatever somebody has, as a reader: arrays, tensors, names of files, samples, with targets or without."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mvlib.datasets import reader_of
from mvlib.samples import Sample

FILM = Path(__file__).resolve().parents[2] / "data/clips/cup_0.mp4"
PICTURE = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)


def test_the_same_picture_in_every_form_is_the_same_sample(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    floats = torch.from_numpy(PICTURE).permute(2, 0, 1) / 255
    file = tmp_path / "a.png"
    for data in (
        [PICTURE],
        [PICTURE[None]],
        [floats],
        {"a": PICTURE},
        [file],
        str(file),
        tmp_path,
        [(PICTURE, 7)],
    ):
        reader = reader_of(data)
        np.testing.assert_array_equal(reader[0].frames, PICTURE[None])
        assert len(reader) == 1 and not reader.is_video and reader_of(reader) is reader
    assert reader[0].target == 7 and reader_of({"a": PICTURE})[0].source == "a"


def test_clips_are_what_has_several_frames():
    clip = np.stack([PICTURE, PICTURE[::-1]])
    assert reader_of([clip]).is_video and reader_of([Sample(clip, "mine")])[0].source == "mine"
    assert reader_of([FILM], frames=3)[0].frames.shape[0] == 3
    with pytest.raises(ValueError, match="say by frames how many"):
        reader_of([FILM])[0]
    with pytest.raises(ValueError, match="pictures beside clips"):
        reader_of([clip, PICTURE])[1]


def test_windows_of_anothers_reader_are_drawn_anew_with_the_epoch():
    class Theirs(list):
        is_video, epoch = False, 0

        def set_epoch(self, epoch):
            self.epoch = epoch

    theirs = Theirs([Sample(PICTURE[None], "theirs")])
    reader_of(theirs).set_epoch(3)
    assert theirs.epoch == 3
