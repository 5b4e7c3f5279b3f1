import numpy as np
import pytest
from test_matching import as_detections, random_pictures

from mvlib._store import digest
from mvlib.evaluation.averages import Precision, from_arrays, join, means, plain_means, to_arrays, with_scores
from mvlib.evaluation.bootstrap import bootstrap_bd_rate, bootstrap_difference, draw_weights
from mvlib.evaluation.cells import CellStore
from mvlib.evaluation.matching import match

NOTHING = as_detections([], [], [])


def precision(count: int = 30, points: int = 3, missed: float = 0.3) -> Precision:
    """Detections that lose objects from point to point, as at rising QP: so large a share more each time."""
    truth, found = random_pictures(11, count, digits=6)
    kept = np.random.default_rng(0).random((points, count))
    left = [
        [f if k > missed * q else NOTHING for f, k in zip(found, kept[q], strict=True)] for q in range(points)
    ]
    return Precision(tuple(match(truth, f) for f in left))


def test_means_of_values_skip_what_is_not_known():
    score = np.array([[1.0, 2], [np.nan, np.nan], [5, 6]])
    weights = np.array([[1, 1, 1], [0, 1, 0], [3, 9, 1]])
    np.testing.assert_allclose(means(score, weights), [[3, 4], [np.nan] * 2, [2, 3]])
    np.testing.assert_allclose(plain_means(score), [3, 4])


def test_precision_falls_and_is_drawn_anew():
    score = precision()
    plain = plain_means(score)
    assert plain.shape == (3,) and (np.diff(plain) < 0).all()
    drawn = means(score, draw_weights([str(i) for i in range(30)], 50))
    assert drawn.shape == (50, 3) and (drawn.std(0) > 0.005).all()
    assert np.abs(drawn.mean(0) - plain).max() < 0.1


def test_join_is_all_together():
    first, second, whole = (_two_points(part) for part in (slice(0, 9), slice(9, 20), slice(0, 20)))
    np.testing.assert_allclose(plain_means(join([first, second])), plain_means(whole))
    values = np.arange(12.0).reshape(6, 2)
    np.testing.assert_array_equal(join([values[:2], values[2:]]), values)


def _two_points(part: slice) -> Precision:
    sets = [random_pictures(seed, 20) for seed in (0, 1)]
    return Precision(tuple(match(truth[part], found[part]) for truth, found in sets))


def test_a_gain_at_equal_precision():
    """The same detections for three quarters of the bits: 25 % saved, in every draw."""
    score, rates = precision(), np.tile([0.8, 0.4, 0.2], (30, 1))
    found = bootstrap_bd_rate((rates, score), (0.75 * rates, score), [str(i) for i in range(30)], draws=60)
    assert found.bd_rate == pytest.approx(-25, abs=1e-6) and found.overlap == 1
    assert found.low == pytest.approx(-25, abs=1e-6) == found.high


def test_sizes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"\(29, 3\)"):
        bootstrap_bd_rate((np.ones((29, 3)), precision()), (np.ones((29, 3)), precision()), ["a"] * 29)


def test_the_difference_has_an_interval_that_knows_pairs():
    """Pictures differ by far more than the pair does: unpaired, the interval would hold 0."""
    rng = np.random.default_rng(0)
    anchor = rng.normal(0, 10, (60, 2))
    test = anchor + np.array([1.0, 0.0]) + rng.normal(0, 0.1, (60, 2))
    up, same = bootstrap_difference(anchor, test, [str(i) for i in range(60)], draws=300)
    assert (
        up.difference == pytest.approx(up.test - up.anchor) and 0.9 < up.low < up.difference < up.high < 1.1
    )
    assert abs(same.difference) < 0.05 and same.low < same.difference < same.high


def test_scores_come_back_from_the_store(tmp_path):
    score, values = precision(), np.array([[1.0, np.nan]])
    CellStore(tmp_path).put("abcd", to_arrays("ap", score) | to_arrays("kl", values))
    found = from_arrays(CellStore(tmp_path).get("abcd"))
    assert found.keys() == {"ap", "kl"}
    np.testing.assert_array_equal(found["kl"], values)
    weights = draw_weights([str(i) for i in range(30)], 5)
    np.testing.assert_array_equal(means(found["ap"], weights), means(score, weights))


def test_a_score_takes_its_own_place_and_no_other():
    many, few = precision(points=3), precision(points=2)
    arrays = to_arrays("ap", many) | to_arrays("kl", np.ones((2, 2)))
    found = from_arrays(with_scores(arrays, {"ap": few, "top1": np.zeros((2, 2))}))
    assert found.keys() == {"ap", "kl", "top1"} and len(found["ap"].matches) == 2
    np.testing.assert_array_equal(found["kl"], np.ones((2, 2)))


def test_what_is_damaged_counts_as_absent(tmp_path):
    store = CellStore(tmp_path)
    store.put("abcd", {"x": np.arange(1000)})
    (file,) = (p for p in tmp_path.rglob("*") if p.is_file())
    for damage in (b"", file.read_bytes()[:-400], b"nonsense"):
        file.write_bytes(damage)
        assert CellStore(tmp_path).get("abcd") is None
    assert CellStore(tmp_path).get("none") is None and CellStore(None).get("abcd") is None


def test_a_digest_knows_values_shapes_and_types():
    a = np.arange(6, dtype=np.uint8)
    others = [a.reshape(2, 3), a.astype(np.int8), a + 1, a.tolist()]
    assert len({digest(a), *map(digest, others)}) == 5
    assert digest(a, "x") == digest(a.copy(), "x") != digest("x", a)
