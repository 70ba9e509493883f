"""One-sided tests against the intervals that they invert, statsmodels, scipy and a published example."""

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired

from splitplot.inference.clusters import cr2_mean
from splitplot.inference.intervals import Interval
from splitplot.inference.mcnemar import tango
from splitplot.inference.noise import RunNoise, these_items_interval
from splitplot.inference.onesided import (
    one_sided_from_interval,
    one_sided_sign_flip,
    one_sided_tango,
    one_sided_tests,
)
from splitplot.inference.paired import paired_difference
from splitplot.inference.signflip import sign_flip_interval


def arms(design, random, n):
    """Scores for which `paired_difference` takes each of its ways."""
    if design == "binary":
        return random.integers(0, 2, (2, n)).astype(float), None
    if design == "item means":
        return random.integers(0, 4, (2, n)) / 3, None
    if design == "clusters":
        return random.integers(0, 4, (2, n)) / 3, np.arange(n) % 7
    if design == "no range":
        return random.normal(0, 0.3, (2, n)) + 5, None
    if design == "nothing differs":
        scores = random.integers(0, 3, n) / 2
        return np.stack([scores, scores]), None
    scores = random.integers(0, 3, n) / 4
    return np.stack([scores + 0.25, scores]), np.arange(n) % 9  # every cluster differs alike


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(
        ["binary", "item means", "clusters", "no range", "nothing differs", "constant clusters"]
    ),
    st.integers(0, 10**6),
    st.integers(14, 70),
    st.floats(0.0, 0.6),
    st.sampled_from([0.05, 0.025, 0.1]),
)
def test_p_is_below_alpha_exactly_where_the_interval_at_1_minus_2_alpha_clears_the_margin(
    design, seed, n, margin, alpha
):
    # Trap 11 of the specification: two one-sided tests at .05 go with the 90% interval.
    (a, b), cluster = arms(design, np.random.default_rng(seed), n)
    interval = paired_difference(a, b, cluster=cluster, level=1 - 2 * alpha, seed=3)
    found = one_sided_tests(a, b, margin, cluster=cluster, seed=3)
    nearest = min(abs(abs(limit) - margin) for limit in (interval.low, interval.high))
    assume(nearest > 1e-8)
    # A permutation test rejects at p ≤ α: p can be α itself.
    slack = 1e-12
    assert (found.non_inferiority <= alpha + slack) == (interval.low > -margin)
    assert (found.superiority_by_margin <= alpha + slack) == (interval.low > margin)
    inside = interval.low > -margin and interval.high < margin
    assert (found.equivalence <= alpha + slack) == inside
    assert all(0 <= p <= 1 for p in found.to_json().values())


def test_t_tests_of_a_margin_agree_with_scipy_and_statsmodels():
    random = np.random.default_rng(0)
    a, b = random.normal(5.05, 0.3, (2, 60))
    interval = paired_difference(a, b)
    assert interval.method == "t over items"
    found = one_sided_from_interval(interval, 0.1)
    above = stats.ttest_1samp(a - b, -0.1, alternative="greater").pvalue
    beyond = stats.ttest_1samp(a - b, 0.1, alternative="greater").pvalue
    assert found.non_inferiority == pytest.approx(above, rel=1e-9)
    assert found.superiority_by_margin == pytest.approx(beyond, rel=1e-9)
    assert found.equivalence == pytest.approx(ttost_paired(a, b, -0.1, 0.1)[0], rel=1e-9)


def test_the_level_of_the_interval_does_not_change_the_p_value():
    random = np.random.default_rng(1)
    values, cluster = random.normal(0.1, 1, 60), np.repeat(np.arange(10), 6)
    one, other = (
        one_sided_from_interval(cr2_mean(values, cluster, level), 0.3) for level in (0.95, 0.8)
    )
    assert one.equivalence == pytest.approx(other.equivalence, rel=1e-9)
    t = (values.mean() + 0.3) / cr2_mean(values, cluster).se
    expected = stats.t.sf(t, cr2_mean(values, cluster).df)
    assert one.non_inferiority == pytest.approx(expected, rel=1e-9)


def test_the_scope_of_exactly_these_items_uses_the_normal_law():
    interval = these_items_interval(0.02, RunNoise(0.01, 0.0196, None))
    found = one_sided_from_interval(interval, 0.01)
    assert found.superiority_by_margin == pytest.approx(stats.norm.sf(1.0), rel=1e-9)
    assert found.non_inferiority == pytest.approx(stats.norm.sf(3.0), rel=1e-9)


def test_tango_matches_the_published_non_inferiority_test():
    # Tango 1998, example 1: 0 against 1 discordant of 44, margin 0.1: one-sided p = 0.044.
    assert one_sided_tango(0, 1, 44, 0.1).non_inferiority == pytest.approx(0.0438, abs=5e-4)


@given(st.integers(1, 80), st.data(), st.sampled_from([0.0, 0.01, 0.05, 0.3, 1.0]))
def test_tango_p_values_invert_tangos_interval(n, data, margin):
    b = data.draw(st.integers(0, n))
    c = data.draw(st.integers(0, n - b))
    interval, found = tango(b, c, n, 0.9), one_sided_tango(b, c, n, margin)
    if abs(abs(interval.low) - margin) > 1e-9:
        assert (found.non_inferiority < 0.05) == (interval.low > -margin)
        assert (found.superiority_by_margin < 0.05) == (interval.low > margin)
        if abs(abs(interval.high) - margin) > 1e-9:
            inside = interval.low > -margin and interval.high < margin
            assert (found.equivalence < 0.05) == inside


def test_sign_flip_p_is_the_share_of_patterns_with_at_least_as_high_a_mean():
    values = np.random.default_rng(2).normal(0.4, 1, 10)
    found = one_sided_sign_flip(values, 0.1)

    def share(shifted):
        means = [np.mean(shifted * np.array(signs)) for signs in product((1, -1), repeat=10)]
        return np.mean(np.array(means) >= shifted.mean() - 1e-12)

    assert found.non_inferiority == pytest.approx(share(values + 0.1), abs=1e-12)
    assert found.superiority_by_margin == pytest.approx(share(values - 0.1), abs=1e-12)
    assert found.equivalence == pytest.approx(
        max(share(values + 0.1), share(0.1 - values)), abs=1.5 / 2**9
    )


def test_sign_flip_p_goes_with_the_random_patterns_of_its_interval():
    values = np.random.default_rng(4).normal(0.3, 1, 40)
    low = sign_flip_interval(values, level=0.9, seed=6).low
    assert one_sided_sign_flip(values, -low + 1e-6, seed=6).non_inferiority <= 0.05
    assert one_sided_sign_flip(values, -low - 1e-6, seed=6).non_inferiority > 0.05


def test_equivalence_of_arms_that_truly_are_a_margin_apart_is_claimed_at_most_five_times_in_a_hundred():
    random = np.random.default_rng(5)
    claimed = 0
    for _ in range(2000):
        b, c, _rest = random.multinomial(200, [0.20, 0.10, 0.70])
        claimed += one_sided_tango(int(b), int(c), 200, 0.1).equivalence < 0.05
    assert claimed / 2000 == pytest.approx(0.05, abs=0.015)


def test_margins_and_intervals_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="margin"):
        one_sided_tango(1, 2, 30, -0.1)
    with pytest.raises(ValueError, match="without width"):
        one_sided_from_interval(Interval(0.1, 0.1, 0.1, 0.95, "none"), 0.05)
