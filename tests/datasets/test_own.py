"""The project's own material by name, as samples that evaluations and trainings take."""

import numpy as np
import pytest

import mvlib
from mvlib.analysers.zoo import IMAGENET_CLASSES
from mvlib.datasets import ACTIONS, ActingCutouts, Clips, Photos
from mvlib.samples import Sample

OPTIONS = {
    "photos": {"size": 32},
    "pedestrians": {},
    "pasted": {"size": 64, "count": 3},
    "clips": {"frames": 4},
    "films": {"frames": 4, "size": 48},
    "cameras": {"frames": 4, "size": 48},
    "scenes": {"count": 3, "size": 48, "frames": 4},
    "tracks": {"frames": 4},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_each_gives_samples_of_its_kind(name):
    reader = mvlib.open_dataset(name, **OPTIONS[name])
    sample = reader[len(reader) - 1]
    assert isinstance(sample, Sample) and sample.index == len(reader) - 1 and sample.source and reader.about
    assert sample.frames.dtype == np.uint8 and sample.frames.shape[3] == 3
    assert len(sample.frames) == (4 if reader.is_video else 1)
    assert (sample.objects is not None) == ("objects" in reader.gives)
    assert (sample.boxes is not None) == ("track" in reader.gives)
    with pytest.raises(IndexError, match=rf"holds 0\.\.{len(reader) - 1}"):
        reader[len(reader)]


def test_photographs_are_the_centred_squares_with_their_labels():
    reader, photos = mvlib.open_dataset("photos", size=32), Photos("test", 32, crop="centre", flip=False)
    assert len(reader) == len(photos) and reader.classes == IMAGENET_CLASSES
    labelled = next(i for i in range(len(photos)) if photos.item(i).labels)
    assert reader[labelled].labels == photos.item(labelled).labels
    assert reader[labelled].source == photos.item(labelled).source_id
    np.testing.assert_array_equal(
        reader[labelled].frames[0], (photos[labelled].numpy() * 255).round().transpose(1, 2, 0)
    )
    np.testing.assert_array_equal(mvlib.open_dataset("photos", size=None)[0].frames[0], photos.uint8(0))


def test_scenes_and_films_are_what_their_makers_give():
    scene = mvlib.open_dataset("scenes", count=3, size=48, seed=5)[2]
    made = ActingCutouts("test", 3, 48, seed=5)[2]
    np.testing.assert_array_equal(scene.frames, made.frames)
    np.testing.assert_array_equal(scene.visible, made.visible >= 0.5)
    assert (ACTIONS[scene.label], scene.source[0]) == (made.name, made.background)
    film, clips = mvlib.open_dataset("clips", frames=4)[1], Clips("test", 4, flip=False)
    np.testing.assert_array_equal(film.frames, clips.uint8(1))
    assert film.source == clips.item(1).file and film.label is None
    films = mvlib.open_dataset("cameras", frames=64)
    assert [films[i].source for i in (0, 1, 13)] == ["city", "city", "vtest"] and films[1].file.endswith(
        "_1.mp4"
    )


def test_held_out_scenes_have_a_box_to_follow_and_no_label():
    reader = mvlib.open_dataset("scenes", count=2, size=48, held_out=True)
    scene, made = reader[1], ActingCutouts("test", 2, 48, held_out=True)[1]
    np.testing.assert_array_equal(scene.frames, made.frames)
    assert scene.labels == () and reader.gives == ("track",) and "hand-held" in reader.about
    with pytest.raises(ValueError, match="label"):
        mvlib.evaluate(reader, {}, ["action_shift"], ["x265"], (30, 40), scores=["label"])


def test_what_is_the_projects_own_needs_no_folder_and_the_rest_does(tmp_path):
    with pytest.raises(ValueError, match=r"'photos' is the project's own and needs no root; got "):
        mvlib.open_dataset("photos", tmp_path)
    with pytest.raises(ValueError, match="'coco' needs root="):
        mvlib.open_dataset("coco")
    with pytest.raises(ValueError, match=r"'scene' is unknown.*did you mean 'scenes'"):
        mvlib.open_dataset("scene")
    with pytest.raises(ValueError, match="split 'all' is unknown"):
        mvlib.open_dataset("photos", split="all")
    with pytest.raises(
        ValueError, match=r"option of dataset 'scenes': 'helt_out' is unknown; did you mean 'held_out'"
    ):
        mvlib.open_dataset("scenes", helt_out=True)
    with pytest.raises(ValueError, match="dataset 'pedestrians' takes no options; got size"):
        mvlib.open_dataset("pedestrians", size=64)


def test_an_evaluation_takes_them_with_what_is_known_of_them():
    options = {
        "codecs": ["x264"],
        "qps": [30, 45],
        "baselines": [],
        "draws": 10,
        "limit": 4,
        "progress": False,
    }
    scenes = mvlib.open_dataset("scenes", count=8, size=64, frames=8)
    report = mvlib.evaluate(scenes, analysers=["action_resnet3d"], scores=["label"], **options).to_dict()
    assert {curve["codec"] for curve in report["curves"]} == {"x264"} and report["n"] == 4
    assert report["material"].startswith("generated scenes") and "exact actions" in report["truth_of_labels"]
