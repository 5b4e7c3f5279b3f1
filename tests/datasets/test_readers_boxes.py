"""Boxes of COCO, VOC and GOT-10k as people have them: repeated ids, turned pictures, annotations of something else."""

import json
import shutil

import numpy as np
import pytest
import trees
from PIL import Image

from mvlib.datasets import open_dataset
from mvlib.datasets.readers import BrokenItem

UNDO = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # fmt: skip
UPRIGHT = [8, 20, 24, 60]
"""A white box in a black picture 64 wide and 96 high."""


def white(pixels):
    """x1, y1, x2, y2 of what is white."""
    rows, columns = (np.flatnonzero((pixels.max(-1) > 128).any(axis)) for axis in (1, 0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1]


def turned_picture(path, orientation, size=(64, 96)):
    """The picture, stored turned and marked by EXIF; gives (width, height) and box as they are stored."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    x1, y1, x2, y2 = UPRIGHT
    pixels[y1:y2, x1:x2] = 255
    stored = Image.fromarray(pixels)
    if orientation > 1:
        stored = stored.transpose(UNDO[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(path, format="PNG", exif=exif)
    return stored.size, white(np.array(stored))


def rewrite(root, change):
    """COCO's JSON after ``change``."""
    path = root / "annotations" / "instances_val2017.json"
    whole = json.loads(path.read_text())
    whole = change(whole) or whole
    path.write_text(json.dumps(whole))


def one_picture(coco, orientation, stated, box, size=(64, 96)):
    """COCO of one turned picture; ``stated`` and ``box`` are given the stored size and box."""
    name = "000000000100.jpg"
    stored_size, stored_box = turned_picture(coco / "val2017" / name, orientation, size)
    width, height = stated(stored_size)
    x1, y1, x2, y2 = box(stored_box)
    row = {"id": 1, "file_name": name, "width": width, "height": height}
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [x1, y1, x2 - x1, y2 - y1], "iscrowd": 0}
    rewrite(coco, lambda whole: whole | {"images": [row], "annotations": [annotation]})
    return open_dataset("coco", coco)[0]


@pytest.mark.parametrize("orientation", [1, 5, 6, 7, 8])
def test_boxes_are_on_the_object_whichever_way_the_picture_was_annotated(coco, orientation):
    as_stored = one_picture(coco, orientation, lambda size: size, lambda box: box)
    as_seen = one_picture(coco, orientation, lambda size: (64, 96), lambda box: UPRIGHT)
    for sample in (as_stored, as_seen):
        assert sample.frames.shape == (1, 96, 64, 3) and white(sample.frames[0]) == UPRIGHT
        assert sample.objects.boxes.tolist() == [UPRIGHT]


@pytest.mark.parametrize(
    ("orientation", "stated", "size"),
    [
        (2, (64, 96), (64, 96)), (3, (64, 96), (64, 96)), (4, (64, 96), (64, 96)),
        (6, (96, 96), (96, 96)), (6, (None, None), (64, 96)), (3, (0, 0), (64, 96)),
    ],
)  # fmt: skip
def test_where_nothing_tells_which_way_was_meant_the_picture_is_left_out(coco, orientation, stated, size):
    with pytest.raises(BrokenItem, match=f"broken annotation.*orientation {orientation}"):
        one_picture(coco, orientation, lambda _: stated, lambda box: box, size)


@pytest.mark.parametrize(("stated", "box"), [((640, 960), UPRIGHT), ((64, 96), [70, 10, 80, 20])])
def test_an_annotation_of_another_size_or_outside_is_left_out(coco, stated, box):
    with pytest.raises(BrokenItem, match=r"broken annotation.*\(64, 96\)"):
        one_picture(coco, 1, lambda _: stated, lambda _: box)


def test_voc_turns_boxes_too(tmp_path):
    root = trees.voc(tmp_path)
    top = root / "VOCdevkit" / "VOC2007"
    (width, height), (x1, y1, x2, y2) = turned_picture(top / "JPEGImages" / "000000.jpg", 6)
    corners = f"<xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax>"
    thing = f"<name>Dog</name><bndbox>{corners}</bndbox>"
    size = f"<size><width>{width}</width><height>{height}</height></size>"
    path = top / "Annotations" / "000000.xml"
    path.write_text(f"<annotation>{size}<object>{thing}</object></annotation>", encoding="utf-8-sig")
    (top / "ImageSets" / "Main" / "test.txt").write_text(
        "000000 -1\r\n\r\n000001  1\r\n", encoding="utf-8-sig"
    )
    reader = open_dataset("voc", root, split="test", year=2007)
    assert len(reader) == 2 and reader[0].objects.boxes.tolist() == [UPRIGHT]
    path.write_text(path.read_text("utf-8-sig").replace(f"<width>{width}<", "<width>500<"))
    with pytest.raises(BrokenItem, match=r"broken annotation.*\(500, 64\)"):
        reader[0]
    path.write_text("<annotation><folder>x</folder></annotation>")
    assert reader[0].objects.boxes.shape == (0, 4), "a picture without objects"
    for wrong in (
        thing.replace(f"<xmax>{x2}", "<xmax>1"),
        thing.replace(f"<xmax>{x2}", "<xmax>inf"),
        "<name>dog</name>",
    ):
        path.write_text(f"<annotation><object>{wrong}</object></annotation>")
        with pytest.raises(BrokenItem, match="broken annotation"):
            reader[0]


def boxes(reader):
    return [sample and sample.objects.boxes.tolist() for sample in reader]


BOX = [[10.5, 20, 50.5, 50.5]]


@pytest.mark.parametrize(
    "change",
    [
        lambda w: [row.update(id=7) for row in w["annotations"]],
        lambda w: [row.pop("id") for row in w["annotations"]],
        lambda w: [row.update(image_id=str(row["image_id"])) for row in w["annotations"]],
        lambda w: [row.update(image_id=float(row["image_id"])) for row in w["annotations"]],
        lambda w: [row.update(id=f"{row['id']:06d}") for row in w["images"]],
        lambda w: [row.update(category_id=str(row["category_id"])) for row in w["annotations"]],
        lambda w: [row.update(id=float(row["id"])) for row in w["categories"]],
        lambda w: [row.pop("width") for row in w["images"]],
        lambda w: [row.update(file_name=f"val2017/{row['file_name']}") for row in w["images"]],
        lambda w: [row.update(file_name=f"/{row['file_name']}") for row in w["images"]],
        lambda w: [row.update(file_name=f".\\{row['file_name']}") for row in w["images"]],
        lambda w: w["annotations"].extend(w["annotations"][:2]),
        lambda w: w["images"].extend(w["images"][:2]),
        lambda w: w["annotations"].append({"id": 99, "image_id": 999, "category_id": 1, "bbox": [1, 1, 5, 5]}),
        lambda w: w["annotations"].append(w["annotations"][0] | {"id": 98, "bbox": [5, 5, 0, 9]}),
        lambda w: w["categories"].insert(0, w["categories"].pop()),
    ],
)  # fmt: skip
def test_spellings_of_a_coco_file_mean_the_same(coco, change):
    expected = list(open_dataset("coco", coco))
    rewrite(coco, lambda whole: change(whole) and None)
    reader = open_dataset("coco", coco)
    assert boxes(reader) == boxes(expected) == [BOX, BOX, [], BOX]
    names = [[reader.classes[k] for k in sample.objects.labels] for sample in reader]
    assert names == [["person"], ["stop sign"], [], ["person"]]
    assert [s.objects.crowd.tolist() for s in reader] == [[False], [False], [], [True]]


def test_objects_with_one_id_in_one_picture_all_count(coco):
    rewrite(coco, lambda w: w["annotations"].append(w["annotations"][0] | {"bbox": [1, 2, 3, 4]}))
    assert boxes(open_dataset("coco", coco))[0] == [*BOX, [1, 2, 4, 6]]


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w["annotations"][1].update(category_id=2),
        lambda w: w["annotations"][1].update(bbox=[1, 2, 3]),
        lambda w: w["annotations"][1].update(bbox=[1, 2, -3, 4]),
        lambda w: w["annotations"][1].update(bbox=[1, float("nan"), 3, 4]),
        lambda w: w["annotations"][1].pop("bbox"),
        lambda w: w["images"][1].pop("file_name"),
        lambda w: w["images"][1].update(file_name="../val2017/000000000101.jpg"),
        lambda w: w["images"][1].update(width="wide"),
        lambda w: w["images"][1].update(width=1920, height=1080),
    ],
)
def test_what_is_wrong_with_one_picture_leaves_out_that_one(coco, change):
    rewrite(coco, lambda whole: change(whole) and None)
    reader = open_dataset("coco", coco, on_error="skip")
    assert boxes(reader) == [BOX, None, [], BOX] and reader.tally() == {"broken annotation": 1}


def test_pictures_that_share_an_id_or_a_file_are_left_out(coco):
    rewrite(coco, lambda w: w["images"][2].update(file_name=w["images"][1]["file_name"]))
    assert boxes(open_dataset("coco", coco, on_error="skip")) == [BOX, None, None, BOX]
    rewrite(coco, lambda w: w["images"][2].update(file_name="other.jpg", id=101))
    assert boxes(open_dataset("coco", coco, on_error="skip")) == [BOX, None, None, BOX]


def test_a_name_that_no_file_can_have_is_a_broken_one(coco):
    rewrite(coco, lambda w: w["images"][1].update(file_name="é" * 300))
    assert boxes(open_dataset("coco", coco, on_error="skip")) == [BOX, None, [], BOX]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w["annotations"], "a list of what a detector found"),
        (lambda w: w | {"annotations": [{"id": 1, "image_id": 100, "caption": "a dog"}]}, "captions"),
        (lambda w: w | {"annotations": [{"image_id": 100, "segments_info": []}]}, "panoptic"),
        (lambda w: w | {"annotations": []}, "without annotations.*dataset folder"),
        (lambda w: {"images": w["images"]}, "without annotations"),
        (lambda w: w | {"categories": [*w["categories"], {"id": 1, "name": "car"}]}, "two categories of one id"),
        (lambda w: w | {"images": [row | {"id": row["id"] + 1000} for row in w["images"]]}, "do their ids differ"),
        (lambda w: w | {"images": [{"file_name": "a.jpg"}]}, "KeyError: 'id'"),
        (lambda w: w | {"images": [], "annotations": w["annotations"]}, "do their ids differ"),
        (lambda w: w | {"images": "none"}, "no COCO annotation"),
        (lambda w: w | {"images": [{"id": 1e400, "file_name": "a.jpg"}]}, "inf is no id"),
        (lambda w: w | {"categories": [{"id": True, "name": "car"}]}, "True is no id"),
    ],
)  # fmt: skip
def test_another_file_in_place_of_instances_is_an_error(coco, change, message):
    rewrite(coco, change)
    with pytest.raises(ValueError, match=message):
        open_dataset("coco", coco)


def test_a_coco_file_out_of_another_editor_and_one_that_is_cut_off(coco):
    path = coco / "annotations" / "instances_val2017.json"
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert boxes(open_dataset("coco", coco))[0] == BOX
    for text in (path.read_text("utf-8-sig")[:300], "", "[" * 200_000):
        path.write_text(text)
        with pytest.raises(ValueError, match="no COCO annotation"):
            open_dataset("coco", coco)


@pytest.mark.parametrize("between", [",", "\t", " ", ", ", ";", " ; "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_got10k_reads_numbers_whatever_stands_between(got10k, between, end):
    expected = open_dataset("got10k", got10k)[0].boxes
    place = got10k / "val" / "GOT-10k_Val_000001"
    for name in ("groundtruth.txt", "absence.label", "cover.label"):
        lines = (place / name).read_text().replace(",", between).split("\n")
        (place / name).write_bytes(("\ufeff" + end.join(lines) + end).encode())
    (got10k / "val" / "list.txt").write_bytes(b"\xef\xbb\xbfGOT-10k_Val_000001\r\nGOT-10k_Val_000002\r\n\r\n")
    reader = open_dataset("got10k", got10k)
    assert len(reader) == 2 and reader[0].boxes.tolist() == expected.tolist()
    assert reader[0].visible.tolist() == [True] * 5 + [False]


def test_got10k_reads_decimal_commas_and_labels_in_one_line(got10k):
    expected = open_dataset("got10k", got10k)[0]
    place = got10k / "val" / "GOT-10k_Val_000001"
    text = (place / "groundtruth.txt").read_text()
    (place / "groundtruth.txt").write_text(text.replace(",", ";").replace(".", ","))
    (place / "absence.label").write_text("0,0,0,0,0,1")
    track = open_dataset("got10k", got10k)[0]
    assert track.boxes.tolist() == expected.boxes.tolist()
    assert track.visible.tolist() == expected.visible.tolist() == [True] * 5 + [False]


def test_got10k_frames_are_those_with_a_number(got10k):
    expected = open_dataset("got10k", got10k)[0]
    place = got10k / "val" / "GOT-10k_Val_000001"
    trees.litter(place)
    shutil.copy(place / "00000001.jpg", place / "cover.jpg")
    for path in sorted(place.glob("0000*.jpg")):
        path.rename(place / f"{int(path.stem) + 8}.JPG")  # 9.JPG, 10.JPG
    with pytest.raises(BrokenItem, match=r"the first frame is 9\.JPG"):
        open_dataset("got10k", got10k)[0]
    for path in sorted(place.glob("*.JPG"), key=lambda path: int(path.stem)):
        path.rename(place / f"{int(path.stem) - 8:02d}.JPG")
    (got10k / "val" / "list.txt").unlink()
    trees.litter(got10k / "val")
    reader = open_dataset("got10k", got10k)
    assert len(reader) == 2 and np.array_equal(reader[0].frames, expected.frames)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("00000003.jpg", None, r"missing file.*between 00000002\.jpg and 00000004\.jpg"),
        ("groundtruth.txt", lambda t: t.split("\n", 1)[1], "broken annotation.*6 frames, 5 boxes"),
        ("groundtruth.txt", lambda t: t.replace("\n", "\n\n", 1), "broken annotation"),
        ("groundtruth.txt", lambda t: t.replace("12.0000", "", 1), "broken annotation"),
        ("groundtruth.txt", lambda t: t.replace("\n", ",1,2,3,4\n"), "8 columns in place of 4"),
        ("groundtruth.txt", lambda t: t.replace("10.0000,", "90.0000,", 1), "lies outside the picture"),
        ("groundtruth.txt", lambda t: "", "broken annotation"),
        ("cover.label", lambda t: t.replace("8", "9", 1), "covers 0 to 8"),
        ("cover.label", lambda t: t.replace("8", "nan", 1), "covers 0 to 8"),
        ("absence.label", lambda t: t.replace("0", "2", 1), "absences are 0 or 1"),
        ("absence.label", lambda t: t.split("\n", 1)[1], "6 frames, 6 boxes, 5 absences"),
    ],
)  # fmt: skip
def test_a_sequence_that_is_wrong_is_left_out(got10k, name, change, message):
    path = got10k / "val" / "GOT-10k_Val_000001" / name
    path.write_text(change(path.read_text())) if change else path.unlink()
    with pytest.raises(BrokenItem, match=message):
        open_dataset("got10k", got10k)[0]
    reader = open_dataset("got10k", got10k, on_error="skip")
    assert [sample is None for sample in reader] == [True, False]


def test_a_box_without_extent_is_not_known(got10k):
    path = got10k / "val" / "GOT-10k_Val_000001" / "groundtruth.txt"
    path.write_text(path.read_text().replace("11.0000,12.0000,20.0000", "0,0,0", 1))
    assert np.isnan(open_dataset("got10k", got10k)[0].boxes).any(1).tolist() == [False, True] + [False] * 4
