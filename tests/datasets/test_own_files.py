"""Films and pictures of one's own: which excerpts of a film, what is a source, and files that are none."""

import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mvlib.datasets.readers import OwnFiles
from mvlib.datasets.readers.own_files import has_cut
from mvlib.evaluation.material import given_material
from mvlib.media import read_clip
from mvlib.transcode.film import Lossless

FILMS = Path(__file__).resolve().parents[2] / "data/clips"  # 48 frames each


def test_excerpts_lie_apart_and_those_of_one_film_are_sources_of_their_own():
    reader = OwnFiles([FILMS / "cup_0.mp4"], frames=8, excerpts=3)
    sources = [reader[i].source.rpartition(" ")[2] for i in range(3)]
    assert len(reader) == 3 and reader.is_video and sources == ["4", "20", "36"]
    np.testing.assert_array_equal(reader[1].frames, read_clip(FILMS / "cup_0.mp4", 20, 8).frames)
    about = given_material(OwnFiles([FILMS / "cup_0.mp4"], frames=8, excerpts=3), limit=2).about
    assert about.startswith("2 excerpts of 8 frames") and "of this film and of no other" in about
    assert len(OwnFiles([FILMS / "cup_0.mp4"], frames=20, excerpts=8)) == 2, "they do not overlap"


def test_excerpts_of_several_films_are_clustered_by_film(tmp_path):
    for name in ("cup_0", "box_0"):
        shutil.copy(FILMS / f"{name}.mp4", tmp_path)
    (tmp_path / "notes.txt").write_text("no film")
    reader = OwnFiles([tmp_path], frames=4, excerpts=2)
    assert [Path(reader[i].source).stem for i in range(4)] == ["box_0", "box_0", "cup_0", "cup_0"]
    assert len(given_material(OwnFiles([tmp_path], frames=4, excerpts=2), limit=3)) == 3


def test_pictures_are_whole_and_each_a_source(tmp_path):
    for i, size in enumerate(((20, 30), (40, 24))):
        Image.new("RGB", size, (i, 2, 3)).save(tmp_path / f"{i}.png")
    reader = OwnFiles([tmp_path / "1.png", tmp_path / "0.png"])
    assert (
        not reader.is_video and reader[0].frames.shape == (1, 24, 40, 3) and reader[0].frames[0, 0, 0, 0] == 1
    )


def test_what_cannot_be_compared_is_named(tmp_path):
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    (tmp_path / "b.txt").write_text("")
    (tmp_path / "empty").mkdir()
    for paths, message in (
        ([tmp_path / "a.png", FILMS / "cup_0.mp4"], r"pictures \(1\) beside films \(1\)"),
        ([tmp_path / "b.txt"], "neither a picture nor a film"),
        ([tmp_path / "none.mp4"], "does not exist"),
        ([tmp_path / "empty"], "holds no picture"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            OwnFiles(paths)
    with pytest.raises(ValueError, match="holds 48 frames; an excerpt has 49"):
        OwnFiles([FILMS / "cup_0.mp4"], frames=49)
    with pytest.raises(ValueError, match="frames is 1"):
        OwnFiles([tmp_path / "a.png"], frames=1)


def test_excerpts_of_one_film_are_clustered_by_shot(tmp_path):
    scenes = [
        read_clip(FILMS / f"{name}.mp4", 0, 12).frames[:, :128, :128]
        for name in ("cup_0", "bikes_1", "box_3")
    ]
    with Lossless(tmp_path / "film.mkv", 25) as out:
        for scene in scenes:
            out.write(scene)
    reader = OwnFiles([tmp_path / "film.mkv"], frames=3, excerpts=6)
    shots = [reader[i].source.rpartition(", ")[2] for i in range(len(reader))]
    assert shots == ["shot 1", "shot 1", "shot 2", "shot 2", "shot 3", "shot 3"]
    assert "of 3 shots, which are the sources" in reader.about


def test_motion_is_no_cut():
    clips = [read_clip(file).frames for file in sorted(FILMS.glob("*.mp4"))]
    assert not any(has_cut(clip) for clip in clips)
    ends = [clip[-1] for clip in clips]  # those of different films may be alike in their colours
    assert np.mean([has_cut([a, b]) for a, b in pairwise(ends[::4])]) >= 0.75
