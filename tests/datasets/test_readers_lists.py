"""Kinetics and ImageNet as people have them: lists of other spellings, stray folders, files of another kind."""

import shutil

import numpy as np
import pytest
import trees

from mvlib.datasets import open_dataset
from mvlib.datasets.readers import BrokenItem

WINDOW = {"frames": 4, "stride": 2}
LABEL = {"air drumming": 1, "zumba": 399}


def kinetics400(root, **options):
    return open_dataset("kinetics400", root, **WINDOW | options)


def by_label(reader):
    return sorted((sample.source, sample.label) for sample in reader)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Not to be changed."""
    return trees.kinetics(tmp_path_factory.mktemp("k") / "kinetics")


ROWS = [("air drumming" if k % 2 == 0 else "zumba", f"vid{k}aaaaaaa", k, k + 10) for k in range(4)]
TRUE = [(f"vid{k}aaaaaaa", (1, 399)[k % 2]) for k in range(4)]


@pytest.mark.parametrize("validate", ["val", "validate", "validation", " Validate "])
def test_a_list_of_all_splits_gives_each_its_own_rows(kinetics, validate):
    splits = ["train", validate, "test", validate]
    listed = trees.official(kinetics, [(*row, s) for row, s in zip(ROWS, splits, strict=True)])
    names = {
        split: kinetics400(kinetics, split=split, listed=listed).paths for split in ("train", "val", "test")
    }
    assert [len(paths) for paths in names.values()] == [1, 2, 1]
    assert "vid0" in names["train"][0] and "vid2" in names["test"][0]
    assert by_label(kinetics400(kinetics, listed=listed)) == [TRUE[1], TRUE[3]]


def test_a_split_without_rows_is_an_error(kinetics):
    listed = trees.official(kinetics, [(*row, "train") for row in ROWS])
    with pytest.raises(ValueError, match=r"no row of split 'val', only of 'train'"):
        kinetics400(kinetics, listed=listed)


SPREADSHEETS = [
    {"encoding": "utf-8-sig"},
    {"encoding": "utf-16"},
    {"end": "\r\n"},
    {"end": "\r"},
    {"header": "Label, YouTube_ID ,time start,time end,Split,is_cc"},
    {"header": '"label","youtube_id","time_start","time_end","split","is_cc"', "end": "\r\n\r\n"},
    {"header": "class,video-id,start-time,end-time,subset,is_cc"},
]


@pytest.mark.parametrize("how", SPREADSHEETS, ids=lambda how: "-".join(how))
def test_the_official_list_out_of_a_spreadsheet(kinetics, how):
    listed = trees.official(kinetics, [(*row, "validate") for row in ROWS], **how)
    assert by_label(kinetics400(kinetics, listed=listed)) == TRUE


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters(kinetics, delimiter):
    listed = trees.official(kinetics, [(*row, "val") for row in ROWS])
    listed.write_text(listed.read_text().replace(",", delimiter))
    assert by_label(kinetics400(kinetics, listed=listed)) == TRUE


def test_commas_in_quotes_belong_to_the_value(kinetics):
    place = kinetics / "val" / "zumba"
    (place / "vid1aaaaaaa_000001_000011.mp4").rename(place / "a, b.mp4")
    for text in (
        'path,label\n"val/zumba/a, b.mp4","zumba"\n', '"val/zumba/a, b.mp4",zumba\n', "val/zumba/a, b.mp4,zumba\n",
        'label,path\n"zumba", "val/zumba/a, b.mp4"\n',
        'id,path,label\n7,"val/zumba/a, b.mp4",zumba\n', "val/zumba/a, b.mp4,399.0\n",
    ):  # fmt: skip
        (kinetics / "list.csv").write_text(text)
        (sample,) = kinetics400(kinetics, listed=kinetics / "list.csv")
        assert (sample.label, sample.source) == (399, "a, b"), text
    (kinetics / "list.csv").write_text(
        'label,path\nzumba,val/zumba/a.mp4\n"zumba,val/b.mp4\nzumba,val/c.mp4\n'
    )
    with pytest.raises(ValueError, match="a quote that is not closed"):
        kinetics400(kinetics, listed=kinetics / "list.csv")


@pytest.mark.parametrize(
    "name", ["{id}_{begin:06d}_{end:06d}.MP4", "{id}.mp4", "{id}.Mkv", "{id}_{begin}_{end}.webm"]
)
@pytest.mark.parametrize("place", ["val", "validate/zumba", "val/deep/er", "videos"])
def test_files_are_found_with_and_without_time_stamps_wherever_they_lie(tmp_path, name, place):
    path = tmp_path / place / name.format(id="-_aaaaaaaa_", begin=7, end=17)
    trees.write_clip(path.with_suffix(".mp4"), trees.moving(1)[0])
    path.with_suffix(".mp4").rename(path)
    (tmp_path / "val").mkdir(exist_ok=True)
    listed = trees.official(tmp_path, [("zumba", "-_aaaaaaaa_", 7, 17, "val")])
    (sample,) = kinetics400(tmp_path, listed=listed)
    assert (sample.label, sample.file) == (399, str(path.relative_to(tmp_path)))


def test_rows_that_are_wrong_are_left_out_one_by_one(kinetics):
    rows = [(*row, "val") for row in ROWS]
    rows[0], rows[1] = ("zumbaa", *rows[0][1:]), (*rows[1][:2], "soon", 11, "val")
    listed = trees.official(kinetics, [*rows, rows[3], ("", "vid9aaaaaaa", 9, 19, "val")])
    reader = kinetics400(kinetics, listed=listed, on_error="skip")
    assert [s and s.label for s in reader] == [None, None, 1, 399, None], "the row that repeats counts once"
    assert reader.tally() == {"broken annotation": 2, "missing annotation": 1}
    listed.write_text(listed.read_text() + f"air drumming,{rows[3][1]},3,13,val,0\n")
    with pytest.raises(BrokenItem, match="listed as 'air drumming' and as 'zumba'"):
        kinetics400(kinetics, listed=listed)[3]


def test_a_list_without_labels_says_what_to_do(kinetics):
    (kinetics / "test.csv").write_text("youtube_id,time_start,time_end,split\nvid0aaaaaaa,0,10,test\n")
    with pytest.raises(ValueError, match=r"no column label.*dataset folder"):
        kinetics400(kinetics, split="test", listed=kinetics / "test.csv")
    shutil.move(kinetics / "val", kinetics / "flat")
    (kinetics / "val").mkdir()
    for path in kinetics.glob("flat/*/*.mp4"):
        path.rename(kinetics / "val" / path.name)
    with pytest.raises(FileNotFoundError, match=r"videos but no class folders.*dataset folder"):
        kinetics400(kinetics)


def test_stray_folders_do_not_renumber_the_classes(kinetics, caplog):
    expected = by_label(kinetics400(kinetics))
    trees.litter(kinetics / "val")
    trees.litter(kinetics / "val" / "zumba")
    shutil.copytree(kinetics / "val" / "air_drumming", kinetics / "val" / "replacement")
    (kinetics / "val" / "empty").mkdir()
    reader = kinetics400(kinetics)
    assert by_label(reader) == expected == TRUE and len(reader.classes) == 400
    assert "replacement" in caplog.text and reader.passed["in replacement, which is no class"] == 2


def test_names_of_other_kinetics_are_numbered_in_their_order(kinetics):
    for name in ("yarn spinning", "arguing", "base jumping", "acting in play"):
        shutil.copytree(kinetics / "val" / "zumba", kinetics / "val" / name)
    reader = kinetics400(kinetics)
    assert reader.classes == (
        "acting in play",
        "air drumming",
        "arguing",
        "base jumping",
        "yarn spinning",
        "zumba",
    )
    ours = kinetics400(kinetics, numbering="kinetics400")
    assert len(ours) == 4 and {s.label for s in ours} == {1, 399}


def test_spellings_of_a_class_are_one_class(kinetics):
    (kinetics / "val" / "air_drumming").rename(kinetics / "val" / "Air Drumming")
    (kinetics / "val" / "zumba").rename(kinetics / "val" / "massaging_persons_head")
    reader = kinetics400(kinetics)
    assert [reader.classes[k] for k in sorted(set(reader.labels))] == [
        "air drumming",
        "massaging person's head",
    ]


def test_links_are_followed_and_a_loop_ends(kinetics):
    shutil.move(kinetics / "val" / "zumba", kinetics / "elsewhere")
    (kinetics / "val" / "zumba").symlink_to(kinetics / "elsewhere")
    (kinetics / "val" / "zumba" / "again").symlink_to(kinetics / "val")
    (kinetics / "val" / "zumba" / "gone.mp4").symlink_to(kinetics / "nowhere.mp4")
    reader = kinetics400(kinetics, on_error="skip")
    assert sorted(s.label for s in reader if s) == [1, 1, 399, 399]
    assert reader.broken == {"val/zumba/gone.mp4": "missing file"}


def test_windows_of_one_video_are_one_source(kinetics):
    (path,) = kinetics.glob("val/zumba/vid1*")
    shutil.copy(path, path.with_name("vid1aaaaaaa_000101_000111.mp4"))
    assert len({s.source for s in kinetics400(kinetics)}) == 4


def test_imagenet_passes_over_what_is_no_class(imagenet, caplog):
    expected = [(s.file, s.label) for s in open_dataset("imagenet", imagenet)]
    trees.litter(imagenet / "val")
    trees.litter(imagenet / "val" / "n02102040")
    (imagenet / "val" / "n01443537").mkdir()
    shutil.copytree(imagenet / "val" / "n03000684", imagenet / "val" / "cats")
    (imagenet / "val" / "ILSVRC2012_val_00000009.JPEG").write_bytes(b"")
    reader = open_dataset("imagenet", imagenet)
    assert [(s.file, s.label) for s in reader] == expected and "cats" in caplog.text
    assert reader.passed["in cats, which is no class"] == 2 and reader.passed["hidden"] == 20
    assert reader.passed["outside of the class folders"] == 1


def test_folders_of_which_none_is_a_class_are_an_error(imagenet):
    for path in imagenet.glob("val/n*"):
        path.rename(path.with_name(f"my {path.name}"))
    with pytest.raises(ValueError, match=r"no ImageNet-1k class: my n01440764.*WordNet id"):
        open_dataset("imagenet", imagenet)


def test_a_plain_folder_of_pictures_is_a_data_set(imagenet):
    found = sorted(str(path.relative_to(imagenet)) for path in imagenet.rglob("*.JPEG"))
    trees.litter(imagenet / "val")
    (imagenet / "notes.txt").write_text("x")
    path = imagenet / found[2]
    path.rename(path.with_suffix(".Jpg"))
    reader = open_dataset("folder", imagenet)
    assert [s.file for s in reader] == reader.paths == [f if f != found[2] else f[:-4] + "Jpg" for f in found]
    assert [s.source for s in reader] == reader.paths and {s.label for s in reader} == {None}
    assert reader.passed == {"hidden": 10, "of another kind": 1} and not reader.is_video


def test_a_plain_folder_of_clips_is_one_too(tree, tmp_path):
    reader = open_dataset("folder", tree, frames=4, stride=2)
    assert reader.is_video and len(reader) == 4 and reader.passed == {"of another kind": 1}
    same = {s.file: s.frames for s in kinetics400(tree)}
    assert all(np.array_equal(s.frames, same[s.file]) for s in reader)


def test_a_folder_without_media_says_what_it_holds(tree, tmp_path):
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(FileNotFoundError, match=r"holds no pictures.*1 of another kind"):
        open_dataset("folder", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"holds no pictures.*4 clips"):
        open_dataset("folder", tree)
