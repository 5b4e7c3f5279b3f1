"""Whatever stands in the place of a file, and whatever it is called: read by its content, or an error that names it."""

import os
import shutil

import numpy as np
import pytest
from media_making import CASES, by_hand, scene
from PIL import Image

from mvlib.errors import InputError, MissingFile, UserError
from mvlib.media import Unreadable, kind_of, read_clip, read_picture

AWKWARD = [
    "10:30.mp4",
    "-i.mp4",
    "frame%03d.mp4",
    "ÄÖ 中.mp4",
    "UPPER.MP4",
    "no suffix",
    "a.png",
    "concat:a|b.ts",
    "#?&.mp4",
]


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    shutil.copy(CASES / "colon.mp4", tmp_path / name)
    for path in (name, tmp_path / name):
        assert kind_of(path) == "clip"
        assert np.array_equal(read_clip(path, 3, 2).frames, by_hand(CASES / "plain.mp4")[3:5])
    Image.fromarray(scene(1)[0]).save(tmp_path / name, format="PNG")
    assert kind_of(name) == "picture" and np.array_equal(read_picture(name), scene(1)[0])


def test_a_name_that_is_not_utf_8(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"\xff\xfe.mp4")
    try:
        shutil.copy(CASES / "plain.mp4", path)
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    assert len(read_clip(path).frames) == len(read_clip(os.fsdecode(path)).frames) == 25


def test_a_raw_stream_is_no_picture():
    assert kind_of(CASES / "raw.m2v") == "clip"
    assert np.array_equal(read_clip(CASES / "raw.m2v").frames, by_hand(CASES / "raw.m2v"))
    with pytest.raises(Unreadable, match="no picture"):
        read_picture(CASES / "raw.m2v")


def test_what_is_no_file(tmp_path):
    (tmp_path / "link.mp4").symlink_to("nothing.mp4")
    (tmp_path / "empty.png").touch()
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    for name, kind, says in (
        ("none.png", MissingFile, "none.png does not exist"),
        ("link.mp4", MissingFile, "link.mp4 is a link to nothing.mp4, which does not exist"),
        ("empty.png", Unreadable, "empty.png is empty"),
        ("pipe", InputError, "pipe is a pipe"),
        (".", InputError, "is a folder"),
        ("loop", UserError, "loop"),
        ("a" * 300, UserError, "a"),
        ("nul\0l", UserError, "nul"),
    ):
        for read in (read_picture, read_clip, kind_of):
            with pytest.raises(kind, match=says):
                read(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["a.txt", "a.bin", "a.json", "a.yuv", "a.raw", "a.sdp", "a.png", "a.mp4", "a.tga", "a.nfo"]
)
def test_text_is_neither(tmp_path, name):
    (tmp_path / name).write_text("neither picture nor clip\n" * 300)
    with pytest.raises(Unreadable, match=name):
        kind_of(tmp_path / name)


def test_a_list_of_other_files_is_none(tmp_path):
    shutil.copy(CASES / "plain.mp4", tmp_path)
    (tmp_path / "list.txt").write_text("ffconcat version 1.0\nfile plain.mp4\n")
    with pytest.raises(Unreadable, match=r"list\.txt"):
        kind_of(tmp_path / "list.txt")
