"""Intervals of one mean, against statsmodels and scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from splitplot.inference.cells import cell_interval
from splitplot.inference.intervals import (
    clopper_pearson,
    constant_bounds,
    t_mean,
    wilson,
)

COUNTS = [(0, 1), (0, 20), (1, 20), (10, 20), (20, 20), (7, 1319), (1318, 1319)]


@pytest.mark.parametrize(("x", "n"), COUNTS)
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_wilson_and_clopper_pearson_agree_with_statsmodels(x, n, level):
    for ours, method in ((wilson, "wilson"), (clopper_pearson, "beta")):
        low, high = proportion_confint(x, n, alpha=1 - level, method=method)
        interval = ours(x, n, level)
        assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-12)
        assert interval.estimate == x / n


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_lies_inside_the_scale_and_around_the_estimate(counts):
    interval = wilson(*counts)
    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1


def test_t_interval_agrees_with_scipy_ttest_1samp():
    values = np.array([0.0, 1 / 3, 2 / 3, 1.0, 1.0, 0.0, 1 / 3])
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    interval = t_mean(values, 0.9)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert interval.df == 6


def test_t_interval_is_not_clipped_to_the_scale():
    assert t_mean([0.0, 0.0, 0.0, 0.1]).low < 0


def test_equal_0_1_scores_fall_back_to_wilson():
    for value in (0.0, 1.0):
        interval, expected = t_mean([value] * 30), wilson(30 * int(value), 30)
        assert (interval.low, interval.high) == (expected.low, expected.high)
        assert "Wilson" in interval.method


def test_equal_scores_within_0_and_1_get_an_exact_bound_and_others_none():
    interval = t_mean([0.5] * 30)
    unseen = stats.binomtest(0, 30).proportion_ci().high  # Clopper-Pearson of 0 in 30
    assert interval.high == pytest.approx(0.5 + 0.5 * unseen, abs=1e-12)
    with pytest.raises(ValueError, match="no known range"):
        t_mean([7.0] * 30)


def test_exact_bound_covers_whatever_part_of_the_population_was_unlike_the_sample():
    n, level = 25, 0.95
    bounds = constant_bounds(0.0, n, -1.0, 1.0, level)
    just_covered = bounds.high - 1e-9  # a population with this share of ones has this mean …
    all_zero = (1 - just_covered) ** n  # … and shows only zeros in n items with this chance
    assert all_zero >= (1 - level) / 2


@pytest.mark.parametrize("values", [[], [np.nan, 1.0], [[1.0]], [np.inf]])
def test_missing_values_and_wrong_shapes_are_refused(values):
    with pytest.raises(ValueError, match="values"):
        t_mean(values)


def test_cell_of_0_1_scores_is_wilson_and_of_item_means_is_wilson_on_effective_items():
    assert cell_interval([0.0, 1.0, 1.0]).method == "Wilson"
    values = np.repeat([0.0, 1 / 3, 2 / 3, 1.0], [40, 5, 3, 2])
    interval, plain = cell_interval(values), t_mean(values)
    effective = plain.estimate * (1 - plain.estimate) / plain.se**2
    # The score equation that defines Wilson's limits, with the t quantile (Korn & Graubard 1998).
    for limit in (interval.low, interval.high):
        t = (plain.estimate - limit) / np.sqrt(limit * (1 - limit) / effective)
        assert abs(t) == pytest.approx(stats.t.ppf(0.975, 49), abs=1e-9)


def test_cell_of_unbounded_scores_is_the_t_interval():
    values = [3.0, 5.0, 9.0, 2.0]
    assert cell_interval(values) == t_mean(values)
