import contextlib
import io

import numpy as np
import pytest
import torch
from peers import average_precision
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mvlib.analysers.detectors import Detections, Truth
from mvlib.evaluation.matching import Matches, match


def random_pictures(seed: int, count: int, classes: int = 4, digits: int = 2):
    """Truth; and found: truth moved by a random amount and doubled, some of a wrong class, and noise."""
    rng = np.random.default_rng(seed)
    truth, found = [], []
    for _ in range(count):
        n = rng.integers(0, 6)
        corner = rng.uniform(0, 150, (n, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(10, 60, (n, 2))], 1)
        labels = rng.integers(0, classes, n)
        seen = rng.random(n) < 0.8
        moved = np.concatenate([boxes[seen], boxes[seen]]) + rng.normal(0, 3, (2 * seen.sum(), 4))
        named = np.concatenate([labels[seen], labels[seen]])
        wrong = rng.random(len(named)) < 0.15
        named = np.where(wrong, (named + 1) % classes, named)
        noise = rng.uniform(0, 150, (4, 2))
        moved = np.concatenate([moved, np.concatenate([noise, noise + 30], 1)])
        named = np.concatenate([named, rng.integers(0, classes, 4)])
        scores = np.round(rng.random(len(named)), digits)  # with two digits equal scores occur
        order = np.argsort(-scores)
        truth.append(as_detections(boxes, np.ones(n), labels))
        found.append(as_detections(moved[order], scores[order], named[order]))
    return truth, found


def as_detections(boxes, scores, labels) -> Detections:
    return Detections(
        torch.tensor(np.array(boxes), dtype=torch.float32).view(-1, 4),
        torch.tensor(scores, dtype=torch.float32),
        torch.tensor(labels, dtype=torch.long),
    )


@pytest.mark.parametrize("seed", range(4))
def test_it_is_torchmetrics_ap(seed):
    truth, found = random_pictures(seed, 25)
    expected = average_precision(truth, found)
    assert 0.1 < expected < 0.9
    assert match(truth, found).average_precision()[0] == pytest.approx(expected, abs=1e-6)


def test_known_cases():
    a, b = ((0, 0, 50, 50), 0.9, 3), ((100, 100, 180, 160), 0.8, 3)

    def found_of(truth, *found) -> float:
        pictures = [as_detections(*zip(*rows, strict=True)) for rows in (truth, found)]
        return match(pictures[:1], pictures[1:]).average_precision()[0]

    assert found_of([a, b], a, b) == pytest.approx(1)
    # One of two found, nothing wrong: precision 1 up to recall 1/2, on COCO's 101 points of recall.
    assert found_of([a, b], a) == pytest.approx(51 / 101)
    assert found_of([a], (a[0], a[1], 4)) == 0  # another class
    # Shifted by a tenth: IoU 0.82, right up to the threshold 0.80, 7 of 10.
    assert found_of([a], ((5, 0, 55, 50), 0.9, 3)) == pytest.approx(0.7)


def test_a_weight_of_three_is_the_picture_three_times():
    """Where scores are equal, the copies of a picture change the order among them: hence six digits."""
    truth, found = random_pictures(7, 12, digits=6)
    weights = np.random.default_rng(1).multinomial(12, np.full(12, 1 / 12), size=5)
    fast = match(truth, found).average_precision(weights)
    for row, value in zip(weights, fast, strict=True):
        which = np.repeat(np.arange(12), row)
        assert value == pytest.approx(
            average_precision([truth[i] for i in which], [found[i] for i in which]), abs=1e-6
        )


def test_joined_is_all_at_once():
    truth, found = random_pictures(3, 20)
    whole = match(truth, found)
    joined = Matches.joined([match(truth[:7], found[:7]), match(truth[7:], found[7:])])
    weights = np.random.default_rng(0).integers(0, 3, (4, 20))
    np.testing.assert_array_equal(joined.average_precision(weights), whole.average_precision(weights))


def with_crowds(truth, seed: int):
    """The same objects, a third of them crowds and wider than they were."""
    rng, marked = np.random.default_rng(seed), []
    for t in truth:
        crowd = torch.tensor(rng.random(len(t.labels)) < 0.35)
        wider = t.boxes + 25 * crowd[:, None] * torch.tensor([-1.0, -1, 1, 1])
        marked.append(Truth(wider, t.scores, t.labels, crowd, crowd))
    return marked


def coco_ap(truth, found) -> float:
    """COCO's own evaluation of the same."""

    def rows(objects, **more):
        for i, o in enumerate(objects):
            boxes = o.boxes.double().numpy()
            boxes = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)
            for k, box in enumerate(boxes.tolist()):
                extra = {name: value(o, k) for name, value in more.items()}
                yield {"image_id": i, "category_id": int(o.labels[k]), "bbox": box, **extra}

    coco = COCO()
    there = list(rows(truth, iscrowd=lambda o, k: int(o.crowd[k])))
    coco.dataset = {
        "images": [{"id": i} for i in range(len(truth))],
        "categories": [{"id": k} for k in range(4)],
        "annotations": [row | {"id": k + 1, "area": 1.0} for k, row in enumerate(there)],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        results = coco.loadRes(list(rows(found, score=lambda o, k: float(o.scores[k]))))
        evaluation = COCOeval(coco, results, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"][..., 0, -1].mean()


@pytest.mark.parametrize("seed", range(4))
def test_crowds_count_as_coco_counts_them(seed):
    plain, found = random_pictures(seed, 25)
    truth = with_crowds(plain, seed)
    expected, matches = coco_ap(truth, found), match(truth, found)
    assert matches.average_precision()[0] == pytest.approx(expected, abs=1e-9)
    assert matches.aside.any() and not (matches.aside & matches.hit).any()
    taken = [Detections(t.boxes[~t.crowd], t.scores[~t.crowd], t.labels[~t.crowd]) for t in truth]
    assert match(taken, found).average_precision()[0] < expected - 0.005, (
        "else what is found in a crowd is false"
    )


def test_what_is_ignored_but_no_crowd_takes_one_object_in():
    box, twice = [[0, 0, 10, 10]], [[0, 0, 10, 10], [0, 0, 10, 10]]
    other = [[50, 50, 60, 60]]
    for crowd, aside in ((False, [True, False, False]), (True, [True, True, False])):
        flags = torch.tensor([True, False]), torch.tensor([crowd, False])
        truth = Truth(torch.tensor(box + other).float(), torch.ones(2), torch.tensor([1, 1]), *flags)
        matches = match([truth], [as_detections(twice + other, [0.9, 0.8, 0.7], [1, 1, 1])])
        assert matches.aside[0].tolist() == aside and matches.hit[0].tolist() == [False, False, True]
        assert matches.there[0, 1] == 1
        assert matches.average_precision()[0] == pytest.approx(1 if crowd else 0.5)


def test_limits():
    truth, _ = random_pictures(5, 10)
    nothing = [as_detections(np.zeros((0, 4)), [], []) for _ in truth]
    assert match(truth, truth).average_precision()[0] == pytest.approx(1)
    assert match(truth, nothing).average_precision()[0] == 0
    assert np.isnan(match(nothing, truth).average_precision()[0])


def test_draws_are_independent_of_how_many_are_asked_for():
    truth, found = random_pictures(9, 10)
    matches = match(truth, found)
    weights = np.random.default_rng(2).multinomial(10, np.full(10, 0.1), size=450)
    many = matches.average_precision(weights)
    np.testing.assert_array_equal(many[:3], matches.average_precision(weights[:3]))
    assert many.std() > 0.01


def test_wrong_input_is_named():
    truth, found = random_pictures(1, 3)
    with pytest.raises(ValueError, match="3 pictures"):
        match(truth, found[:2])
    with pytest.raises(ValueError, match=r"\(2, 4\).*\(R, 3\)"):
        match(truth, found).average_precision(np.ones((2, 4)))
    with pytest.raises(ValueError, match="negative"):
        match(truth, found).average_precision(-np.ones((1, 3)))
