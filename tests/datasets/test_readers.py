"""Readers of public data sets, each on a tiny tree in its exact format: content, damage, worker processes."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import trees
from PIL import Image
from torch.utils.data import DataLoader

from mvlib.datasets import Squares, open_dataset
from mvlib.datasets.opening import PUBLIC
from mvlib.datasets.readers import BrokenItem, present
from mvlib.media import TooShort, read_window

CASES = Path(__file__).resolve().parents[1] / "cases"


def same_picture(sample, path):
    with Image.open(path) as picture:
        return np.array_equal(sample.frames[0], np.array(picture.convert("RGB")))


def test_imagenet_numbers_its_classes_as_the_networks_do(imagenet):
    reader = open_dataset("imagenet", imagenet, split="val")
    assert [reader[i].label for i in range(6)] == [0, 0, 217, 217, 491, 491]
    assert reader.classes[217] == "English springer" and len(reader.classes) == 1000
    assert reader[3].frames.shape == (1, 64, 96, 3) and same_picture(reader[3], imagenet / reader[3].file)


def test_imagenette_is_found_by_its_root_and_by_its_own_folder(tmp_path):
    top = trees.class_folders(tmp_path / "imagenette2-320")
    by_root, by_folder = open_dataset("imagenette", tmp_path), open_dataset("imagenette", top)
    assert [s.label for s in by_root] == [s.label for s in by_folder] == [0, 0, 217, 217, 491, 491]


def test_voc_boxes_count_from_zero_and_carry_cocos_names(tmp_path):
    reader = open_dataset("voc", trees.voc(tmp_path), split="test", year=2007)
    first, second = reader[0], reader[1]
    np.testing.assert_array_equal(first.objects.boxes, [[0, 0, 48, 32]])
    assert [reader.classes[k] for k in second.objects.labels] == ["couch", "person"]
    assert second.objects.ignored.tolist() == [False, True] and not second.objects.crowd.any()
    assert second.source == "000001"
    assert same_picture(first, tmp_path / "VOCdevkit/VOC2007/JPEGImages/000000.jpg")


def test_coco_boxes_are_corners_and_labels_have_no_gaps(coco):
    reader = open_dataset("coco", coco, split="val")
    samples = list(reader)
    np.testing.assert_allclose(samples[0].objects.boxes, [[10.5, 20, 50.5, 50.5]])
    assert [reader.classes[s.objects.labels[0]] for s in samples[:2]] == ["person", "stop sign"]
    assert samples[2].objects.boxes.shape == (0, 4), "a picture without objects"
    assert samples[3].objects.ignored.tolist() == samples[3].objects.crowd.tolist() == [True]
    assert samples[0].source == "100" and same_picture(samples[0], coco / samples[0].file)


def test_kinetics_reads_folders_and_both_kinds_of_csv_alike(kinetics):
    options = {"frames": 4, "stride": 2}
    folders = open_dataset("kinetics400", kinetics, **options)
    official = open_dataset("kinetics400", kinetics, listed=kinetics / "val.csv", **options)
    (kinetics / "list.csv").write_text("".join(f"{s.file},{s.label}\n" for s in folders))
    listed = open_dataset("kinetics400", kinetics, listed=kinetics / "list.csv", **options)
    assert sorted(s.label for s in folders) == [1, 1, 399, 399], "numbered as Kinetics-400 numbers them"
    assert folders.classes == official.classes and folders.classes[399] == "zumba"
    by_name = {s.source: s for s in folders}
    for other in (*official, *listed):
        assert other.label == by_name[other.source].label
        assert np.array_equal(other.frames, by_name[other.source].frames)


def test_got10k_gives_corners_and_in_which_frames_they_count(got10k):
    reader = open_dataset("got10k", got10k)
    sample = reader[1]
    assert sample.frames.shape == (6, 64, 64, 3) and len(reader) == 2
    np.testing.assert_allclose(sample.boxes[3], [13, 12, 33, 36.5])
    assert sample.visible.tolist() == [True] * 5 + [False]
    short = open_dataset("got10k", got10k, frames=2, stride=3)[0]
    assert np.array_equal(short.frames, reader[0].frames[::3]) and short.boxes[1, 0] == 13
    with pytest.raises(BrokenItem, match=r"too short.*Val_000001"):
        open_dataset("got10k", got10k, frames=7)[0]


def test_got10k_test_split_keeps_its_boxes_to_itself(got10k):
    shutil.move(got10k / "val", got10k / "test")
    for folder in (got10k / "test").glob("GOT*"):
        (folder / "groundtruth.txt").write_text("10,12,20,24\n")
        (folder / "absence.label").unlink()
    sample = open_dataset("got10k", got10k, split="test")[0]
    assert np.isfinite(sample.boxes[0]).all() and np.isnan(sample.boxes[1:]).all()
    assert sample.visible.tolist() == [True] + [False] * 5


def test_scaling_takes_boxes_along(coco, got10k):
    half = open_dataset("coco", coco, short_side=40)[0]
    assert half.frames.shape == (1, 40, 48, 3)
    np.testing.assert_allclose(half.objects.boxes, [[5.25, 10, 25.25, 25.25]])
    tracked = open_dataset("got10k", got10k, short_side=32)[0]
    np.testing.assert_allclose(tracked.boxes[0], [5, 6, 15, 18.25])


DAMAGE = [
    ("imagenet", "val/n02102040/ILSVRC2012_val_00000003.JPEG", None, "missing file"),
    ("imagenet", "val/n02102040/ILSVRC2012_val_00000003.JPEG", 500, "broken file"),
    ("imagenet", "val/n02102040/ILSVRC2012_val_00000003.JPEG", 0, "broken file"),
    ("coco", "val2017/000000000101.jpg", None, "missing file"),
    ("coco", "val2017/000000000101.jpg", 800, "broken file"),
    ("voc", "VOCdevkit/VOC2007/Annotations/000001.xml", None, "missing annotation"),
    ("voc", "VOCdevkit/VOC2007/Annotations/000001.xml", 60, "broken annotation"),
    ("voc", "VOCdevkit/VOC2007/JPEGImages/000001.jpg", None, "missing file"),
    ("kinetics400", "val/zumba/vid1aaaaaaa_000001_000011.mp4", None, "missing file"),
    ("kinetics400", "val/zumba/vid1aaaaaaa_000001_000011.mp4", 900, "broken file"),
    ("kinetics400", "val/zumba/vid1aaaaaaa_000001_000011.mp4", 0, "broken file"),
    ("got10k", "val/GOT-10k_Val_000002/groundtruth.txt", None, "missing annotation"),
    ("got10k", "val/GOT-10k_Val_000002/groundtruth.txt", 40, "broken annotation"),
    ("got10k", "val/GOT-10k_Val_000002/cover.label", 4, "broken annotation"),
    ("got10k", "val/GOT-10k_Val_000002/00000002.jpg", 300, "broken file"),
    ("got10k", "val/GOT-10k_Val_000002", None, "missing file"),
]
OPTIONS = {"voc": {"split": "test", "year": 2007}, "kinetics400": {"frames": 4}}


@pytest.mark.parametrize("name, path, keep, kind", DAMAGE)
def test_damage_is_named_counted_and_stops_or_is_skipped_or_replaced(tmp_path, name, path, keep, kind):
    build = {"imagenet": trees.class_folders, "kinetics400": trees.kinetics}.get(name) or getattr(trees, name)
    root, options = build(tmp_path), OPTIONS.get(name, {})
    if name == "kinetics400":  # a list may name what is no longer there; a folder cannot
        options = options | {"listed": root / "val.csv"}
    readers = {how: open_dataset(name, root, on_error=how, **options) for how in ("stop", "skip", "replace")}
    damaged = root / path
    if keep is None:
        shutil.rmtree(damaged) if damaged.is_dir() else damaged.unlink()
    else:
        damaged.write_bytes(damaged.read_bytes()[:keep])
    with pytest.raises(BrokenItem, match=f"{kind}.*{damaged.stem}"):
        list(readers["stop"])
    n, skipping, replacing = len(readers["skip"]), readers["skip"], readers["replace"]
    assert sum(sample is None for sample in skipping) == 1
    assert skipping.tally() == {kind: 1} and len(skipping.broken) == 1
    assert [s.index for s in replacing].count(next(i for i in range(n) if skipping[i] is None)) == 0
    assert sum(s is not None for s in replacing) == n and replacing.tally() == {kind: 1}


def test_worker_processes_skip_too_and_the_main_process_knows(kinetics, caplog):
    (kinetics / "val/zumba/vid1aaaaaaa_000001_000011.mp4").write_bytes(b"no video")
    reader = open_dataset("kinetics400", kinetics, frames=4, on_error="skip")
    loader = DataLoader(reader, batch_size=2, num_workers=2, collate_fn=present)
    samples = [sample for batch in loader for sample in batch]
    assert len(samples) == 3 and reader.tally() == {"broken file": 1}
    assert list(reader.broken) == ["val/zumba/vid1aaaaaaa_000001_000011.mp4"]


def test_broken_videos_do_not_end_an_epoch_of_several_workers(kinetics, caplog):
    videos = sorted(kinetics.glob("val/*/*.mp4"))
    videos[0].write_bytes(b"no video")
    videos[2].write_bytes(videos[2].read_bytes()[:900])
    reader = open_dataset("kinetics400", kinetics, frames=4, window="random", on_error="replace")
    loader = DataLoader(Squares(reader, 32), batch_size=2, num_workers=2)
    for epoch in range(2):
        loader.dataset.set_epoch(epoch)
        assert [batch.shape for batch in loader] == [(2, 4, 3, 32, 32)] * 2
    names = {str(videos[k].relative_to(kinetics)): "broken file" for k in (0, 2)}
    assert reader.broken == names and reader.tally() == {"broken file": 2}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_whatever_is_wrong_with_a_video_it_is_a_broken_or_a_short_one(tmp_path, suffix):
    """Bytes changed anywhere: headers that name no codec, frames of two sizes, times that go back."""
    path, rng, met = tmp_path / f"clip{suffix}", np.random.default_rng(0), set()
    trees.write_clip(path, trees.moving(1)[0])
    good = np.frombuffer(path.read_bytes(), np.uint8)
    for k in range(60):
        damaged = good.copy()
        damaged[rng.integers(0, 2000 if k % 2 else len(good), 25)] = rng.integers(0, 256, 25)
        path.write_bytes(damaged.tobytes()[: None if k % 4 else rng.integers(1, len(good))])
        try:
            assert read_window(path, 6, 2, rng.random()).frames.shape[0] == 6
            met.add("fine")
        except (TooShort, OSError) as error:
            met.add("broken" if isinstance(error, OSError) else "short")
    assert {"fine", "broken"} <= met


def test_frames_that_a_decoder_made_up_and_films_cut_short_are_broken(tmp_path):
    top = tmp_path / "val" / "abseiling"
    top.mkdir(parents=True)
    shutil.copy(CASES / "concealed.mp4", top)
    shutil.copy(CASES / "plain.mp4", top)
    trees.write_clip(top / "short.mkv", trees.moving(1)[0])
    (top / "short.mkv").write_bytes((top / "short.mkv").read_bytes()[:-300])
    reader = open_dataset("kinetics400", tmp_path, frames=12, stride=2, on_error="skip")
    assert [sample is None for sample in reader] == [True, False, True]
    assert {Path(path).name for path in reader.broken} == {"concealed.mp4", "short.mkv"}
    assert reader.tally() == {"broken file": 2}


def test_pictures_of_readers_are_upright_and_whole_or_broken(tmp_path):
    top = tmp_path / "val" / "n01440764"
    top.mkdir(parents=True)
    shutil.copy(CASES / "exif6.jpg", top / "a.jpg")
    shutil.copy(CASES / "iphone_grid.heic", top / "b.jpg")
    reader = open_dataset("imagenet", tmp_path, on_error="skip")
    assert reader[0].frames.shape == (1, 96, 64, 3)
    assert reader[1] is None and reader.tally() == {"broken file": 1}


def test_when_everything_is_gone_an_epoch_ends_with_the_reason(imagenet):
    reader = open_dataset("imagenet", imagenet, on_error="replace")
    shutil.rmtree(imagenet / "val")
    with pytest.raises(BrokenItem, match=r"is .*imagenet whole"):
        reader[0]


def test_a_broken_item_travels_between_processes():
    error = pickle.loads(pickle.dumps(BrokenItem("broken file", "a/b.jpg", "no picture")))
    assert (error.kind, error.path, str(error)) == (
        "broken file",
        "a/b.jpg",
        "broken file: a/b.jpg (no picture)",
    )


@pytest.mark.parametrize("name", PUBLIC)
def test_a_folder_that_is_not_the_data_set_is_named(name, tmp_path):
    for root in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(FileNotFoundError, match=str(root)):
            open_dataset(name, root)


def test_wrong_names_get_the_near_one(tmp_path, imagenet):
    with pytest.raises(ValueError, match=r"'kinetics'.*did you mean 'kinetics400'"):
        open_dataset("kinetics", tmp_path)
    with pytest.raises(ValueError, match=r"on_error 'ignore'.*stop, skip, replace"):
        open_dataset("imagenet", imagenet, on_error="ignore")


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory):
    """96 frames with a key frame every 12, and all of them decoded."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    trees.write_clip(path, np.concatenate(trees.moving(4)), key_every=12)
    return path, read_window(path, 96).frames


@pytest.mark.parametrize(
    "frames, stride, at", [(8, 1, 1.0), (8, 1, 0.5), (5, 3, 0.8), (1, 1, 0.33), (96, 1, 0)]
)
def test_a_window_is_what_full_decoding_gives_at_less_cost(long_clip, frames, stride, at):
    path, whole = long_clip
    span = stride * (frames - 1) + 1
    first = round(at * (96 - span))
    window = read_window(path, frames, stride, at)
    assert np.array_equal(window.frames, whole[first : first + span : stride])
    assert window.decoded <= span + 12 + 2, "more than from the key frame before on"


@pytest.mark.parametrize("suffix, rate", [(".mkv", 30), (".avi", 24)])
def test_windows_of_other_containers_and_rates(tmp_path, suffix, rate):
    path = tmp_path / f"clip{suffix}"
    trees.write_clip(path, np.concatenate(trees.moving(2)), rate=rate)
    whole = read_window(path, 48).frames
    assert np.array_equal(read_window(path, 4, 2, at=1.0).frames, whole[41::2])


def test_a_video_that_is_too_short_says_so(long_clip):
    with pytest.raises(TooShort, match=r"96 frames; the window covers 101"):
        read_window(long_clip[0], 101)


def test_squares_of_pictures_and_clips_are_fixed_by_seed_epoch_and_index(imagenet, kinetics):
    for reader, shape in (
        (open_dataset("imagenet", imagenet), (3, 48, 48)),
        (open_dataset("kinetics400", kinetics, frames=4, window="random"), (4, 3, 48, 48)),
    ):
        one, other = Squares(reader, 48, seed=5), Squares(reader, 48, seed=5)
        first = one[1]
        assert first.shape == shape and 0 <= first.min() < first.max() <= 1 and torch.equal(first, other[1])
        one.set_epoch(7)
        assert not torch.equal(one[1], first)
        one.set_epoch(0)
        assert torch.equal(one[1], first)


def test_squares_keep_a_batch_whole_where_files_are_broken(imagenet):
    next(imagenet.glob("val/n01440764/*")).write_bytes(b"")
    squares = Squares(open_dataset("imagenet", imagenet, on_error="replace"), 32)
    (batch,) = DataLoader(squares, batch_size=6, num_workers=1)
    assert batch.shape == (6, 3, 32, 32) and squares.reader.tally() == {"broken file": 1}
