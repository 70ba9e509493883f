"""Ratios of sums against the formula written out, enumeration of all swaps, and simulated coverage."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from splitplot.inference.clusters import cr2_mean
from splitplot.inference.ratio import compare_ratios, compare_sums, ratio_by_swaps, ratio_of_sums
from splitplot.inference.signflip import sign_flip_test


def test_interval_is_the_delta_method_on_the_log_scale_written_out():
    random = np.random.default_rng(0)
    a, b = random.lognormal(4.2, 0.8, 40), random.lognormal(4, 0.8, 40)
    # Var(log ā − log b̄) = (s_a²/ā² + s_b²/b̄² − 2 s_ab/(ā b̄))/n.
    cov = np.cov(a, b)
    variance = cov[0, 0] / a.mean() ** 2 + cov[1, 1] / b.mean() ** 2
    variance -= 2 * cov[0, 1] / (a.mean() * b.mean())
    se, t = np.sqrt(variance / 40), stats.t.ppf(0.975, 39)
    found = ratio_of_sums(a, b)
    assert found.estimate == pytest.approx(a.sum() / b.sum())
    assert found.se == pytest.approx(se, rel=1e-9)
    assert np.log([found.low, found.high]) == pytest.approx(
        np.log(found.estimate) + np.array([-t, t]) * se, abs=1e-12
    )


def test_clusters_use_cr2_on_the_linearised_items():
    random = np.random.default_rng(1)
    cluster = np.repeat(np.arange(12), 5)
    size = random.lognormal(0, 0.6, 12)[cluster]
    a, b = random.lognormal(4, 0.5, 60) * size, random.lognormal(4, 0.5, 60)
    expected = cr2_mean(a / a.mean() - b / b.mean(), cluster)
    found = ratio_of_sums(a, b, cluster=cluster)
    assert (found.se, found.df) == (expected.se, expected.df)
    assert np.log(found.high / found.estimate) == pytest.approx(expected.high - expected.estimate)


@pytest.mark.parametrize(("n", "clusters"), [(40, None), (200, None), (120, 12)])
def test_interval_covers_a_true_ratio_of_skewed_costs(n, clusters):
    # Nominal .95; log-normal tokens that go together within the item (and the cluster).
    random = np.random.default_rng(n)
    hits, runs = 0, 2000
    cluster = None if clusters is None else np.arange(n) % clusters
    for _ in range(runs):
        base = random.normal(0, 0.7, n)
        shift = 0.0 if cluster is None else random.normal(0, 0.2, clusters)[cluster]
        a = np.exp(base + random.normal(0.3, 0.4, n) + shift)
        b = np.exp(base + random.normal(0, 0.4, n))
        truth = np.exp(0.3 + (0.0 if cluster is None else 0.02))
        found = ratio_of_sums(a, b, cluster=cluster)
        hits += found.low <= truth <= found.high
    assert hits / runs == pytest.approx(0.95, abs=0.017)


@pytest.mark.parametrize("n", [8, 12])
def test_swap_interval_holds_exactly_the_ratios_that_the_sign_flip_test_does_not_reject(n):
    random = np.random.default_rng(n)
    a, b = random.lognormal(0.3, 0.8, n), random.lognormal(0, 0.8, n)
    found = ratio_by_swaps(a, b)
    for limit, inward in ((found.low, 1 + 1e-6), (found.high, 1 - 1e-6)):
        assert sign_flip_test(a - limit * inward * b).p_value > 0.05
        assert sign_flip_test(a - limit / inward * b).p_value <= 0.05
    assert found.low < found.estimate < found.high


def test_swap_interval_uses_the_random_patterns_of_the_test():
    random = np.random.default_rng(12)
    a, b = random.lognormal(0.3, 0.8, (2, 40))
    found = ratio_by_swaps(a, b, seed=3)
    assert sign_flip_test(a - found.low * (1 + 1e-6) * b, seed=3).p_value > 0.05
    assert sign_flip_test(a - found.low * (1 - 1e-6) * b, seed=3).p_value <= 0.05
    assert compare_sums(a, b, seed=3).ratio == found


def test_swap_interval_covers_where_costs_are_so_skewed_that_the_delta_method_does_not():
    # Arms that are alike but for a factor; log-normal costs with a log sd of 1.2 between items.
    random = np.random.default_rng(13)
    runs, swaps, delta = 800, 0, 0
    for _ in range(runs):
        base = random.normal(0, 1.2, 12)
        a, b = (np.exp(base + random.normal(shift, 0.4, 12)) for shift in (0.3, 0.0))
        one, other = ratio_by_swaps(a, b), ratio_of_sums(a, b)
        swaps += one.low <= np.exp(0.3) <= one.high
        delta += other.low <= np.exp(0.3) <= other.high
    assert swaps / runs == pytest.approx(0.95, abs=0.02)
    assert delta / runs < 0.9


def test_items_that_cost_nothing_in_either_arm_do_not_break_the_interval():
    random = np.random.default_rng(14)
    a, b = random.lognormal(0.3, 0.5, (2, 30))
    a[:18] = b[:18] = 0.0
    found = ratio_by_swaps(a, b)
    assert 0 < found.low < found.estimate < found.high < np.inf
    with pytest.raises(ValueError, match="not bounded"):
        ratio_by_swaps(np.ones(12), np.r_[np.zeros(11), 1.0])


def test_swapping_whole_items_orders_ratios_as_the_sign_flip_of_differences_does():
    random = np.random.default_rng(2)
    a, b = random.lognormal(4.3, 0.6, 9), random.lognormal(4, 0.6, 9)

    def statistic(swap):
        first, second = np.where(swap, b, a), np.where(swap, a, b)
        return abs(np.log(first.sum() / second.sum()))

    observed = statistic(np.zeros(9, dtype=bool))
    every = [statistic(np.array(swap)) for swap in product((False, True), repeat=9)]
    found = compare_sums(a, b)
    assert found.p_value == pytest.approx(np.mean(np.array(every) >= observed - 1e-12), abs=1e-12)
    assert found.p_value == sign_flip_test(a - b).p_value
    assert (found.total_a, found.total_b) == (pytest.approx(a.sum()), pytest.approx(b.sum()))
    assert found.difference.estimate == pytest.approx((a - b).mean())


def test_more_than_sixteen_items_are_swapped_at_random_and_p_never_reaches_zero():
    random = np.random.default_rng(3)
    b = random.lognormal(4, 0.6, 60)
    found = compare_sums(b * 2, b * random.uniform(0.9, 1.1, 60), seed=1)
    assert found.p_value == 1e-4
    assert "9,999" in found.test and "swap" in found.test


def log_ratio_over_se(a, per_a, b, per_b):
    """|log of the ratio of ratios| over its delta-method standard error (any constant factor)."""
    z = a / a.sum() - per_a / per_a.sum() - b / b.sum() + per_b / per_b.sum()
    log = np.log(a.sum() / per_a.sum()) - np.log(b.sum() / per_b.sum())
    return abs(log) / np.sqrt((z**2).sum())


def test_ratio_of_ratios_agrees_with_all_swaps_and_the_formula():
    random = np.random.default_rng(4)
    a, b = random.lognormal(1, 0.5, 8), random.lognormal(0.6, 0.5, 8)
    right_a, right_b = np.array([1, 1, 0, 1, 1, 0, 1, 1.0]), np.array([1, 0, 1, 1, 0, 1, 1, 1.0])
    interval, test = compare_ratios(a, right_a, b, right_b)
    observed = log_ratio_over_se(a, right_a, b, right_b)
    every = []
    for pattern in product((False, True), repeat=8):
        swap = np.array(pattern)
        first, second = np.where(swap, b, a), np.where(swap, a, b)
        right_first, right_second = (
            np.where(swap, right_b, right_a),
            np.where(swap, right_a, right_b),
        )
        every.append(log_ratio_over_se(first, right_first, second, right_second))
    assert test.exact
    assert test.p_value == pytest.approx(
        np.mean(np.array(every) >= observed * (1 - 1e-9)), abs=1e-12
    )
    assert interval.estimate == pytest.approx((a.sum() / right_a.sum()) / (b.sum() / right_b.sum()))
    z = a / a.mean() - right_a / right_a.mean() - b / b.mean() + right_b / right_b.mean()
    assert interval.se == pytest.approx(z.std(ddof=1) / np.sqrt(8))


def test_cost_per_solved_item_is_a_ratio_of_sums_of_one_arm():
    cost, right = np.array([0.2, 0.3, 0.1, 0.4]), np.array([1.0, 0.0, 1.0, 1.0])
    assert ratio_of_sums(cost, right).estimate == pytest.approx(1.0 / 3)


@pytest.mark.long
def test_arms_with_the_same_price_per_solved_item_are_rarely_told_apart_however_unlike_they_are():
    # A costs twice as much and solves twice as often. Swapping without the standard error would test
    # that A and B are alike in everything.
    random = np.random.default_rng(5)
    n, runs, rejected, covered = 60, 300, 0, 0
    for run in range(runs):
        base = random.lognormal(0, 0.5, n)
        a, b = 2 * base * random.lognormal(0, 0.3, n), base * random.lognormal(0, 0.3, n)
        right_a, right_b = (random.random((2, n)) < np.array([[0.7], [0.35]])).astype(float)
        interval, test = compare_ratios(a, right_a, b, right_b, seed=run)
        rejected += test.p_value <= 0.05
        covered += interval.low <= 1.0 <= interval.high
    assert rejected / runs < 0.085
    assert covered / runs > 0.92


def test_whole_clusters_are_swapped():
    random = np.random.default_rng(6)
    cluster = np.repeat(np.arange(8), 4)
    a, b = random.lognormal(1, 0.5, (2, 32))
    right = random.integers(0, 2, (2, 32)).astype(float)
    right[:, ::4] = 1.0
    _, test = compare_ratios(a, right[0], b, right[1], cluster=cluster)
    assert test.exact and test.patterns == 2**7
    assert "clusters" in test.method
    assert "clusters" in compare_sums(a, b, cluster=cluster).test


def test_the_arms_can_be_named_the_other_way_round():
    random = np.random.default_rng(7)
    a, b = random.lognormal(1, 0.5, (2, 30))
    one, other = compare_sums(a, b, seed=1), compare_sums(b, a, seed=1)
    assert one.p_value == other.p_value
    assert one.ratio.low == pytest.approx(1 / other.ratio.high, rel=1e-9)
    one, other = ratio_of_sums(a, b), ratio_of_sums(b, a)
    assert one.low == pytest.approx(1 / other.high, rel=1e-9)


def test_what_has_no_ratio_is_refused():
    with pytest.raises(ValueError, match="negative"):
        ratio_of_sums([1.0, -1.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="sum is 0"):
        ratio_of_sums([1.0, 1.0], [0.0, 0.0])
    with pytest.raises(ValueError, match="same ratio"):
        ratio_of_sums([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
