import numpy as np
import pytest

from mvlib.datasets import Cutouts, PastedCutouts, Photos
from mvlib.datasets.pasted import free_place, grain, paste, scaled


@pytest.fixture(scope="module")
def pasted():
    return PastedCutouts("test", count=20, size=256)


def test_boxes_are_in_the_picture_and_named(pasted):
    for item in (pasted[i] for i in range(len(pasted))):
        assert item.frames.shape == (1, 256, 256, 3) and item.frames.dtype == np.uint8
        boxes, labels = item.objects.boxes, item.objects.labels
        assert 1 <= len(boxes) == len(labels) <= 4 and not item.objects.ignored.any()
        assert (boxes[:, :2] >= 0).all() and (boxes[:, 2:] <= 256).all()
        sides = boxes[:, 2:] - boxes[:, :2]
        assert (sides.max(1) <= 0.5 * 256 + 2).all() and (sides > 2).all()
    assert "person" not in pasted.classes and len(set(pasted.classes)) > 10


def test_a_box_is_where_the_picture_changed():
    """Pasted on nothing: outside the box and its soft edge all is as it was, and each side of the box is touched."""
    rng = np.random.default_rng(0)
    cutout = Cutouts("test", coco=True)[3]
    flat = np.full((200, 200, 3), 90, np.float32)
    cut = scaled(cutout.rgba, 70, mirror=False)
    x1, y1, x2, y2 = paste(flat, cut, 40, 50, 0.0, rng).astype(int)
    changed = np.abs(flat - 90).max(-1) > 30
    rows, columns = np.nonzero(changed)
    assert rows.min() >= y1 - 1 and rows.max() <= y2 and columns.min() >= x1 - 1 and columns.max() <= x2
    assert abs(rows.min() - y1) <= 2 and abs(rows.max() + 1 - y2) <= 2
    assert abs(columns.min() - x1) <= 2 and abs(columns.max() + 1 - x2) <= 2
    assert max(x2 - x1, y2 - y1) == pytest.approx(70, abs=3)


def test_a_picture_depends_on_seed_and_index_alone(pasted):
    again = PastedCutouts("test", count=100, size=256)
    for i in (3, 17):
        assert (again[i].frames == pasted[i].frames).all()
        assert (again[i].objects.boxes == pasted[i].objects.boxes).all()
    assert (PastedCutouts("test", count=30, size=256, seed=1)[3].frames != pasted[3].frames).any()
    assert (pasted[3].frames != pasted[4].frames).any()


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_groups_share_nothing_and_neither_do_splits(split):
    pasted = PastedCutouts(split, size=224)
    places = [p for group, _ in pasted.groups for p in group]
    things = [t for _, group in pasted.groups for t in group]
    assert len(places) == len(set(places)) and len(things) == len(set(things))
    assert all(photos and cutouts for photos, cutouts in pasted.groups)
    assert pasted[5].source == f"{split} group {5 % len(pasted.groups)}"


def test_no_two_groups_have_pictures_of_one_original():
    pasted = PastedCutouts("train", size=224)
    meta = Photos("train", size=16).meta
    originals = [{meta[p].source_id for p in group} for group, _ in pasted.groups]
    for i, some in enumerate(originals):
        assert all(some.isdisjoint(others) for others in originals[i + 1 :])


def test_nothing_is_enlarged_or_turned_inside_out():
    rgba = Cutouts("test", coco=True)[0].rgba
    assert scaled(rgba, 1000, False).shape == (rgba.shape[0] + 4, rgba.shape[1] + 4, 4)
    cut = scaled(rgba, 60, True)
    assert max(cut.shape[:2]) == 64 and cut.min() >= 0 and cut.max() <= 1 + 1e-6
    np.testing.assert_allclose(scaled(rgba, 60, False)[:, ::-1], cut, atol=0.02)


def test_grain_is_the_noise_that_was_added():
    rng = np.random.default_rng(3)
    smooth = np.linspace(0, 200, 128, dtype=np.float32)[None, :, None] + np.zeros((127, 1, 3), np.float32)
    assert grain(smooth) < 0.1
    assert grain(smooth + rng.normal(0, 5, smooth.shape).astype(np.float32)) == pytest.approx(5, rel=0.05)


def test_no_place_is_left():
    cut = np.zeros((50, 50, 4), np.float32)
    full = [np.array([0, 0, 60, 60], np.float32)]
    assert free_place(cut, full, 60, np.random.default_rng(0)) is None
    assert free_place(np.zeros((70, 20, 4), np.float32), [], 60, np.random.default_rng(0)) is None


@pytest.mark.parametrize(
    ("size", "scale"), [(32, (0.05, 0.1)), (64, (1.0, 1.0)), (16, (0.15, 0.5)), (64, (0.02, 0.1))]
)
def test_the_smallest_and_the_largest_objects_have_boxes_too(size, scale):
    pasted = PastedCutouts("test", 24, size=size, scale=scale)
    for item in (pasted[i] for i in range(24)):
        boxes, labels = item.objects.boxes, item.objects.labels
        assert boxes.shape == (len(labels), 4) and 1 <= len(labels) <= 4
        assert (boxes >= 0).all() and (boxes <= size).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()


@pytest.mark.parametrize("options", [{"size": 2000}, {"size": 4}, {"scale": (0.5, 0.2)}, {"count": 0}])
def test_impossible_options_are_named(options):
    with pytest.raises(ValueError, match="="):
        PastedCutouts("test", **options)
    with pytest.raises(IndexError, match="item 5"):
        PastedCutouts("test", count=3, size=224)[5]
