"""The sign-flip test and its inversion, against full enumeration and exact binomial tests."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from splitplot.inference import signflip
from splitplot.inference.clusters import cluster_sums, cr2_standard_error
from splitplot.inference.mcnemar import mcnemar_exact
from splitplot.inference.signflip import sign_flip_interval, sign_flip_test


def enumerate_t(values, cluster):
    """p-value from every pattern, the studentised statistic computed anew for each."""

    def t(flipped):
        mean, se = cr2_standard_error(cluster_sums(flipped, cluster))
        return np.inf if se < 1e-9 < abs(mean) else abs(mean) / max(se, 1e-300)

    labels = np.unique(cluster)
    observed, hits = t(values), 0
    for signs in product((1.0, -1.0), repeat=labels.size):
        hits += t(values * np.array(signs)[np.searchsorted(labels, cluster)]) >= observed * (
            1 - 1e-9
        )
    return hits / 2**labels.size


def test_items_agree_with_every_pattern_studentised():
    values = np.array([0.3, -0.1, 0.5, 0.2, -0.4, 0.7, 0.1, 0.25, 0.6])
    result = sign_flip_test(values)
    assert result.exact
    assert result.p_value == pytest.approx(enumerate_t(values, np.arange(9)), abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_clusters_flip_together_and_agree_with_every_pattern_studentised(seed):
    random = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(8), [1, 2, 3, 3, 4, 5, 2, 6])
    values = random.normal(0.3, 1, cluster.size)
    result = sign_flip_test(values, cluster=cluster)
    assert result.exact
    assert result.p_value == pytest.approx(enumerate_t(values, cluster), abs=1e-12)


@given(st.integers(0, 8), st.integers(0, 8))
def test_differences_of_one_give_mcnemars_exact_p(b, c):
    values = np.array([1.0] * b + [-1.0] * c + [0.0] * 30)
    assert sign_flip_test(values).p_value == pytest.approx(mcnemar_exact(b, c), abs=1e-12)


def test_equal_sums_in_other_bits_count_as_equal():
    # Trap 7 of the specification: float arithmetic of thirds must give the p of integers.
    thirds = np.array([1, 2, -1, 3, 2, -2, 1, 1, 3, -1])
    exact = sign_flip_test(thirds.astype(float)).p_value
    assert sign_flip_test((thirds / 3 + 5.1) - 5.1).p_value == exact


def test_random_patterns_come_close_to_the_exact_p_and_never_reach_zero():
    values = np.array([1.0] * 14 + [-1.0] * 6)
    result = sign_flip_test(values, seed=5)
    assert not result.exact
    assert result.patterns == 10_000
    assert result.p_value == pytest.approx(stats.binomtest(14, 20).pvalue, abs=0.01)
    assert sign_flip_test(np.ones(200), seed=5).p_value == result.floor == 1e-4


def test_the_seed_fixes_the_p_value_and_the_direction_does_not_matter():
    values = np.random.default_rng(1).normal(0.1, 1, 60)
    p = sign_flip_test(values, seed=9).p_value
    assert sign_flip_test(values, seed=9).p_value == p
    assert sign_flip_test(-values, seed=9).p_value == p
    cluster = np.repeat(np.arange(20), 3)
    one = sign_flip_test(values, cluster=cluster, seed=9).p_value
    assert sign_flip_test(-values, cluster=cluster, seed=9).p_value == one


def test_no_difference_at_all_is_p_one():
    assert sign_flip_test(np.zeros(30)).p_value == 1.0
    assert sign_flip_test(np.zeros(30), cluster=np.repeat(np.arange(6), 5)).p_value == 1.0


def test_with_five_clusters_the_test_cannot_reach_five_percent():
    values = np.ones(10) + np.linspace(0, 0.1, 10)
    result = sign_flip_test(values, cluster=np.repeat(np.arange(5), 2))
    assert result.p_value == result.floor == 2 / 2**5


@pytest.mark.parametrize("n", [8, 13])
def test_interval_holds_exactly_the_shifts_that_the_test_does_not_reject(n):
    values = np.random.default_rng(n).normal(0.4, 1, n)
    interval = sign_flip_interval(values)
    inside, outside = 1e-6, -1e-6
    for limit, inward in ((interval.low, 1), (interval.high, -1)):
        assert sign_flip_test(values - (limit + inward * inside)).p_value > 0.05
        assert sign_flip_test(values - (limit + inward * outside)).p_value <= 0.05


def test_interval_with_random_patterns_inverts_the_test_with_the_same_patterns():
    values = np.random.default_rng(4).normal(0.4, 1, 30)
    interval = sign_flip_interval(values, seed=7)
    for limit, inward in ((interval.low, 1), (interval.high, -1)):
        assert sign_flip_test(values - (limit + inward * 1e-6), seed=7).p_value > 0.05
        assert sign_flip_test(values - (limit - inward * 1e-6), seed=7).p_value <= 0.05


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=20, max_size=40), st.integers(0, 5))
def test_interval_mirrors_and_contains_the_mean(thirds, seed):
    values = np.array(thirds) / 3
    one = sign_flip_interval(values, seed=seed)
    other = sign_flip_interval(-values, seed=seed)
    assert one.low <= one.estimate <= one.high
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=1e-12)


def test_interval_is_close_to_t_for_many_normal_differences():
    values = np.random.default_rng(2).normal(0.1, 1, 400)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    interval = sign_flip_interval(values)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=0.005)


def test_too_few_items_for_the_level_are_refused():
    with pytest.raises(ValueError, match="cannot give"):
        sign_flip_interval([0.1, 0.5, 0.2, 0.4])


@pytest.mark.parametrize("units", [5, 17, 24, 25, 203])
def test_sums_by_bytes_of_a_pattern_are_those_of_its_signs(units):
    random = np.random.default_rng(units)
    for values in (random.normal(size=units), random.integers(-5, 6, units) / 10):
        kept = np.concatenate(list(signflip._patterns(units, 3)))
        sums = np.concatenate(list(signflip._signed_sums(values, 3)))
        np.testing.assert_allclose(sums, (2.0 * kept - 1) @ values, rtol=0, atol=1e-12)
