import pickle
import warnings

import numpy as np
import pytest

import mvlib
from mvlib.evaluation import (
    DisjointCurves,
    NonMonotoneCurve,
    SinglePointCurve,
    SmallOverlap,
    bd_rate,
    bootstrap_bd_rate,
    draw_weights,
    effective_clusters,
    significant,
)
from mvlib.evaluation.bdrate import CurveError, efficient_frontier, monotone_fit, rate_at
from mvlib.evaluation.bootstrap import curves, saving_at
from mvlib.samples import Crossed

CURVE = [(1000, 28.0), (2000, 31.5), (4000, 34.5), (8000, 37.0)]


def test_identical_curves_differ_by_nothing():
    bd = mvlib.bd_rate(CURVE, CURVE)
    assert bd == pytest.approx(0, abs=1e-9)
    assert bd.overlap == pytest.approx(1)


@pytest.mark.parametrize("factor, percent", [(0.5, -50), (2, 100), (0.8, -20)])
def test_a_constant_factor_in_rate_is_the_bd_rate(factor, percent):
    assert mvlib.bd_rate(CURVE, [(r * factor, q) for r, q in CURVE]) == pytest.approx(percent, abs=1e-6)


def test_order_and_unit_of_the_points_do_not_matter():
    test = [(r * 0.9, q + 0.1) for r, q in CURVE]
    bpp = [(r / 50176, q) for r, q in CURVE]
    assert mvlib.bd_rate(bpp, [(r / 50176, q) for r, q in test][::-1]) == pytest.approx(
        mvlib.bd_rate(CURVE, test)
    )


def test_by_hand_on_straight_lines():
    # log-rate is linear in quality on both, so PCHIP is exact and the mean gap can be read off: at quality
    # q the anchor needs 10^(q/10), the test 10^(q/10 + q/100); over q = 10..30 the gap's mean exponent is 0.2.
    anchor = [(10 ** (q / 10), q) for q in (10, 15, 20, 25, 30)]
    test = [(10 ** (q / 10 + q / 100), q) for q in (10, 20, 30)]
    assert mvlib.bd_rate(anchor, test) == pytest.approx(100 * (10**0.2 - 1), rel=1e-9)


def test_overlap_is_the_common_share_of_the_range():
    shifted = [(r, q + 3) for r, q in CURVE]  # 28..37 and 31..40: common 31..37 of 28..40
    assert mvlib.bd_rate(CURVE, shifted).overlap == pytest.approx(6 / 12)


def test_a_dominated_point_is_dropped_for_anchor_and_test_alike():
    noisy = [*CURVE[:3], (6000, 34.0), CURVE[3]]
    np.testing.assert_array_equal(efficient_frontier(noisy)[0], [r for r, _ in CURVE])
    assert mvlib.bd_rate(noisy, noisy) == pytest.approx(0, abs=1e-9)
    assert mvlib.bd_rate(CURVE, noisy) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    "curve, error",
    [
        ([(1000, 30)], SinglePointCurve),
        ([(1000, 30), (1000, 31)], SinglePointCurve),
        ([(1000, 34), (2000, 33), (4000, 32), (8000, 31)], NonMonotoneCurve),
        ([(r, q + 20) for r, q in CURVE], DisjointCurves),
        ([(0, 30), (10, 31)], CurveError),
        ([(1, np.nan), (10, 31)], CurveError),
        ([1, 2, 3], CurveError),
    ],
)
def test_curves_without_a_bd_rate_say_why(curve, error):
    with pytest.raises(error):
        mvlib.bd_rate(CURVE, curve)
    assert issubclass(error, ValueError)


@pytest.mark.parametrize("number", [mvlib.bd_rate, mvlib.bd_quality])
def test_the_result_survives_pickling(number):
    bd = number(CURVE, [(1.1 * r, q + 1) for r, q in CURVE])
    again = pickle.loads(pickle.dumps(bd))
    assert again == bd and type(again) is type(bd) and 0 < again.overlap == bd.overlap < 1


@pytest.mark.parametrize("fit", ["pchip", "monotone"])
@pytest.mark.parametrize("gain", [0, 0.5, -2])
def test_a_curve_that_is_shifted_in_quality_gives_the_shift(gain, fit):
    bd = mvlib.bd_quality(CURVE, [(r, q + gain) for r, q in CURVE[::-1]], fit=fit)
    assert bd == pytest.approx(gain, abs=1e-9) and bd.overlap == pytest.approx(1)


def test_the_gain_at_equal_rate_by_hand_on_straight_lines():
    """Quality is 10 log10(rate), and 11 log10(rate): over rates of 10 to 1000 the mean of log10(rate) is 2."""
    rates = [10, 100, 1000]
    anchor, test = ([(r, slope * np.log10(r)) for r in rates] for slope in (10, 11))
    assert mvlib.bd_quality(anchor, test) == pytest.approx(2, rel=1e-9)
    finer = [(r, 11 * np.log10(r)) for r in (1, 10, 100, 1000, 10_000)]
    assert mvlib.bd_quality(anchor, finer) == pytest.approx(2, rel=1e-9)
    assert mvlib.bd_quality(anchor, finer).overlap == pytest.approx(0.5)


def test_curves_without_a_gain_at_equal_rate_say_why():
    far = [(100 * r, q) for r, q in CURVE]
    assert mvlib.bd_rate(CURVE, far) == pytest.approx(9900)
    with pytest.raises(DisjointCurves, match=r"rates 1000\.\.8000, test 1e\+05\.\.8e\+05: no rate is common"):
        mvlib.bd_quality(CURVE, far)
    with pytest.raises(NonMonotoneCurve):
        mvlib.bd_quality(CURVE, [(r, -q) for r, q in CURVE])
    with pytest.warns(SmallOverlap, match="share 20% of the rates .* the BD-quality speaks of that part"):
        mvlib.bd_quality(CURVE, [(4 * r, q) for r, q in CURVE])
    with pytest.raises(mvlib.errors.InputError, match="'monotone'"):
        mvlib.bd_quality(CURVE, CURVE, fit="cubic")


def made_measurements(n=60, saving=0.9, noise=0.2, seed=1):
    rng = np.random.default_rng(seed)
    size = np.exp(rng.normal(0, 0.6, (n, 1)))
    rate = 1000 * 2.0 ** np.arange(5) * size
    score = 28 + 3 * np.arange(5) + rng.normal(0, noise, (n, 5))
    return (rate, score), (rate * saving, score + rng.normal(0, noise, (n, 5)))


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    held = 0
    for seed in range(40):
        anchor, test = made_measurements(saving=0.9, seed=seed)
        interval = bootstrap_bd_rate(anchor, test, range(60), draws=200, seed=seed)
        held += interval.low <= -10 <= interval.high
    assert 34 <= held <= 40  # 95 % of 40 is 38; fewer than 34 has a probability below 0.5 %


def test_pairing_removes_the_spread_between_pictures():
    anchor, test = made_measurements(noise=0.0)
    interval = bootstrap_bd_rate(anchor, test, range(60), draws=100)
    assert interval.low == pytest.approx(-10) and interval.high == pytest.approx(-10)


def test_items_of_one_source_are_drawn_together():
    weights = draw_weights(["a", "a", "b", "c", "c", "c"], draws=50)
    assert (weights[:, 0] == weights[:, 1]).all() and (weights[:, 3] == weights[:, 5]).all()
    assert (weights[:, [0, 2, 3]].sum(1) == 3).all()


def test_sources_may_be_anything_that_can_be_told_apart():
    pairs = draw_weights([("a", 1), ("a", 2), ("b", 1), ("a", 1)], draws=50)
    assert pairs.shape == (50, 4) and (pairs[:, 0] == pairs[:, 3]).all() and (pairs[:, :3].sum(1) == 3).all()
    mixed = draw_weights([1, "1", 1, None], draws=50)
    assert (mixed[:, 0] == mixed[:, 2]).all() and (mixed[:, [0, 1, 3]].sum(1) == 3).all()
    assert (mixed[:, 0] != mixed[:, 1]).any()


def test_the_draws_of_names_are_those_that_results_were_made_with():
    """By numpy's order of the names, from the seed alone."""
    names = ["b", "a", "c", "a", "Z", "10", "9"]
    distinct, index = np.unique(names, return_inverse=True)
    counts = np.random.default_rng(3).multinomial(len(distinct), np.full(6, 1 / 6), size=20)
    np.testing.assert_array_equal(draw_weights(names, 20, seed=3), counts[:, index])


def test_copies_of_a_source_do_not_narrow_the_interval():
    anchor, test = made_measurements(n=20)
    copies = lambda pair: tuple(np.tile(x, (5, 1)) for x in pair)  # noqa: E731
    single = bootstrap_bd_rate(anchor, test, range(20), draws=300)
    copied = bootstrap_bd_rate(copies(anchor), copies(test), list(range(20)) * 5, draws=300)
    naive = bootstrap_bd_rate(copies(anchor), copies(test), range(100), draws=300)
    assert (copied.high - copied.low) == pytest.approx(single.high - single.low, rel=0.25)
    assert (naive.high - naive.low) < 0.7 * (copied.high - copied.low)


def test_one_source_is_too_few():
    with pytest.raises(ValueError, match="at least 2"):
        draw_weights(["a", "a"], 10)


def test_of_two_sources_both_are_drawn_and_the_counts_multiply():
    films, actors = ["a", "a", "b", "b", "c"], ["x", "y", "x", "y", "y"]
    both = draw_weights(list(map(Crossed, zip(films, actors, strict=True))), draws=200)
    of_film = draw_weights(films, draws=200)
    np.testing.assert_array_equal(both[of_film == 0], 0)
    with np.errstate(invalid="ignore"):
        of_actor = both / of_film
    for i, k in ((0, 2), (1, 3), (3, 4)):  # of one actor
        known = (of_film[:, i] > 0) & (of_film[:, k] > 0)
        np.testing.assert_array_equal(of_actor[known, i], of_actor[known, k])
    assert both.mean() == pytest.approx(1, abs=0.1)
    with pytest.raises(ValueError, match="more sources than others"):
        draw_weights([Crossed(("a", "x")), "b"], draws=2)


def test_the_interval_is_wider_where_two_things_are_shared():
    """One actor in many films: the pictures are not as many as there are films."""
    random = np.random.default_rng(0)
    actor = np.arange(60) % 4
    rate = np.exp(random.normal(0, 0.02, 60) + random.normal(0, 0.2, 4)[actor])[:, None] * [1.0, 2.0, 4.0]
    quality = np.tile([0.2, 0.5, 0.8], (60, 1))
    anchor = np.tile([1.0, 2.0, 4.0], (60, 1)), quality
    by_film = bootstrap_bd_rate(anchor, (rate, quality), range(60), draws=200)
    both = bootstrap_bd_rate(
        anchor, (rate, quality), [Crossed((str(i), str(a))) for i, a in enumerate(actor)], draws=200
    )
    assert both.bd_rate == by_film.bd_rate and both.high - both.low > 2 * (by_film.high - by_film.low)


def test_clusters_of_unequal_size_are_worth_fewer():
    assert effective_clusters(["a", "b", "c"]) == 3
    assert effective_clusters(["a"] * 8 + ["b", "c"]) == pytest.approx(100 / 66)
    assert effective_clusters([Crossed((str(i), "x" if i < 5 else "y")) for i in range(10)]) == 2


def test_a_small_overlap_is_warned_of():
    anchor = [(1, 0.0), (2, 1.0)]
    with pytest.warns(SmallOverlap, match="share 33% of the qualities"):
        assert bd_rate(anchor, [(1, 0.5), (2, 1.5)]).overlap == pytest.approx(1 / 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bd_rate(anchor, [(1, 0.3), (2, 1.3)])


def test_the_rate_for_one_quality_lies_on_the_curve():
    curve = [(2.0**i, float(i)) for i in range(5)]
    assert rate_at(curve, 3) == pytest.approx(8) and rate_at(curve, 2.5) == pytest.approx(2**2.5)
    with pytest.raises(DisjointCurves, match=r"covers qualities 0\.\.4, and not 4\.5"):
        rate_at(curve, 4.5)


def test_a_saving_at_one_quality_and_the_share_of_draws_that_save():
    """Nothing is saved at the lower end, a half at the upper one."""
    random = np.random.default_rng(0)
    quality = np.tile([0.25, 0.5, 0.875], (20, 1))  # means of these are exact
    rate = random.uniform(0.9, 1.1, (20, 1)) * [1.0, 2.0, 4.0]
    both = curves((rate, quality), (rate * [1.0, 0.8, 0.5], quality), range(20), lambda mean: mean, 100, 0)
    for level, saving in ((0.25, 0.0), (0.5, -20.0), (0.875, -50.0)):
        assert saving_at(*both, level).bd_rate == pytest.approx(saving)
    assert saving_at(*both, 0.875).below_zero == 1 and saving_at(*both, 0.875).high == pytest.approx(-50)
    noisy = random.normal(1, 0.2, (20, 1)) * rate, quality
    found = bootstrap_bd_rate((rate, quality), noisy, range(20), draws=400)
    assert 0 < found.below_zero < 1 and (found.below_zero > 0.5) == (found.bd_rate < 0)


@pytest.mark.parametrize(
    ("low", "high", "failed", "expected"),
    [
        (-3, -1, 0, True),
        (-3, -1, 0.05, True),
        (-3, -1, 0.06, False),
        (-3, 0, 0, False),
        (None, None, 1, False),
    ],
)
def test_what_is_significant(low, high, failed, expected):
    assert significant({"low": low, "high": high, "failed": failed}) is expected


def test_the_monotone_fit_gives_a_rising_cubic_back():
    rates = np.geomspace(100, 10_000, 6)
    t = (np.log(rates) - np.log(rates[0])) / np.log(100)
    fitted = monotone_fit(list(zip(rates, 2 + t + t**2 + t**3, strict=True)), points=6)
    np.testing.assert_allclose(fitted, np.stack([rates, 2 + t + t**2 + t**3], 1), rtol=1e-9)


def test_the_monotone_fit_goes_between_points_that_dip_and_never_falls():
    rates = np.geomspace(100, 10_000, 8)
    quality = np.array([10, 20, 18, 24, 31, 29, 33, 32.0])
    fitted = monotone_fit(list(zip(rates, quality, strict=True)))
    assert (np.diff(fitted[:, 1]) >= 0).all() and fitted[0, 0] == pytest.approx(100)
    assert np.interp(np.log(rates), np.log(fitted[:, 0]), fitted[:, 1]) == pytest.approx(quality, abs=4)


@pytest.mark.parametrize("points", [2, 3, 4, 7])
def test_a_constant_factor_in_rate_is_the_bd_rate_of_the_monotone_fit_too(points):
    curve = [(100 * 2**i, 30 - 20 * 0.7**i) for i in range(points)]
    half = [(rate / 2, quality) for rate, quality in curve]
    assert bd_rate(curve, half, fit="monotone") == pytest.approx(-50, abs=1e-6)


def test_the_monotone_fit_compares_curves_that_no_frontier_does():
    dips = [(100, 1.0), (200, 0.9), (400, 0.8), (800, 0.7), (1600, 1.9)]
    with pytest.raises(NonMonotoneCurve):
        bd_rate(dips, dips)
    assert bd_rate(dips, [(0.8 * r, q) for r, q in dips], fit="monotone") == pytest.approx(-20, abs=1e-6)
    with pytest.raises(mvlib.errors.InputError, match="'monotone'"):
        bd_rate(CURVE, CURVE, fit="cubic")
