"""Percentile and BCa against scipy.stats.bootstrap on the very same draws; what is refused."""

import numpy as np
import pytest
from scipy import stats

from splitplot.inference.resampling.bootstrap import bootstrap_means, unit_sums
from splitplot.inference.resampling.intervals import (
    NotBootstrapped,
    bca_interval,
    percentile_ends,
    percentile_interval,
)

SKEWED = np.random.default_rng(1).exponential(size=60)
GRADED = np.random.default_rng(2).integers(0, 4, 90) / 3


@pytest.mark.parametrize("values", [SKEWED, GRADED], ids=["skewed", "with ties"])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_percentile_limits_are_those_of_scipy(values, level):
    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=4_000, confidence_level=level, rng=3
    )
    ours = percentile_interval(
        theirs.bootstrap_distribution, values.mean(), units=values.size, level=level
    )
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval), abs=1e-12)


@pytest.mark.parametrize("values", [SKEWED, GRADED], ids=["skewed", "with ties"])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_bca_limits_are_those_of_scipy_without_its_jackknife(values, level):
    theirs = stats.bootstrap(
        (values,), np.mean, method="BCa", n_resamples=4_000, confidence_level=level, rng=3
    )
    ours = bca_interval(
        theirs.bootstrap_distribution,
        np.mean(values),
        unit_sums(values).influence[:, 0],
        level=level,
    )
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval), abs=1e-12)


def test_bca_of_a_ratio_agrees_with_the_jackknife_of_scipy():
    random = np.random.default_rng(4)
    below = random.integers(1, 5, 200).astype(float)
    above = below * random.exponential(size=200)

    def ratio(a, b, axis=-1):
        return a.sum(axis=axis) / b.sum(axis=axis)

    theirs = stats.bootstrap(
        (above, below), ratio, paired=True, vectorized=True, method="BCa", n_resamples=4_000, rng=3
    )
    estimate = above.sum() / below.sum()
    ours = bca_interval(
        theirs.bootstrap_distribution, estimate, (above - estimate * below) / below.sum()
    )
    width = ours.high - ours.low
    # Infinitesimal and ordinary jackknife differ in terms of order 1/n.
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.02 * width)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.02 * width)


def test_bca_moves_towards_the_long_tail():
    draws = bootstrap_means(SKEWED, draws=5_000, seed=1)[:, 0]
    percentile = percentile_interval(draws, SKEWED.mean(), units=60)
    bca = bca_interval(draws, SKEWED.mean(), unit_sums(SKEWED).influence[:, 0])
    assert bca.high > percentile.high
    assert bca.low > percentile.low


def test_items_that_all_agree_get_a_reason_and_no_interval_of_width_0():
    # Trap 9: percentiles collapse to a point and BCa to NaN.
    draws = bootstrap_means(np.ones(100), draws=500, seed=1)[:, 0]
    assert np.ptp(np.percentile(draws, [2.5, 97.5])) == 0
    for refused in (
        lambda: percentile_interval(draws, 1.0, units=100),
        lambda: bca_interval(draws, 1.0, np.zeros(100)),
    ):
        with pytest.raises(NotBootstrapped, match="do not vary"):
            refused()


@pytest.mark.parametrize("units", [2, 20, 49])
def test_fewer_than_50_items_are_not_bootstrapped(units):
    values = SKEWED[:units]
    draws = bootstrap_means(values, draws=200, seed=1)[:, 0]
    with pytest.raises(NotBootstrapped, match="below 50"):
        percentile_interval(draws, values.mean(), units=units)
    with pytest.raises(NotBootstrapped, match="below 50"):
        bca_interval(draws, values.mean(), unit_sums(values).influence[:, 0])


def test_fewer_than_50_clusters_are_not_bootstrapped_however_many_items_they_hold():
    cluster = np.arange(600) % 40
    sums = unit_sums(np.random.default_rng(1).random(600), cluster)
    with pytest.raises(NotBootstrapped, match="40 items or clusters"):
        bca_interval(np.random.default_rng(2).random(500), 0.5, sums.influence[:, 0])


def test_draws_without_a_value_are_refused():
    draws = np.array([0.1, np.nan, 0.3])
    with pytest.raises(NotBootstrapped, match="no value"):
        percentile_interval(draws, 0.2, units=80)


def test_limits_that_are_the_same_are_no_interval():
    draws = np.append(np.full(999, 0.5), 0.6)
    with pytest.raises(NotBootstrapped, match="nearly all draws are equal"):
        percentile_interval(draws, 0.5, units=80)
    assert percentile_ends(draws, units=80) is None
    assert percentile_ends(np.arange(101.0), units=80, level=0.9) == pytest.approx((5.0, 95.0))
    assert percentile_ends(np.arange(101.0), units=49) is None


def test_draws_on_one_side_of_the_estimate_are_refused():
    with pytest.raises(NotBootstrapped, match="one side"):
        bca_interval(np.array([0.1, 0.2, 0.3]), 0.5, SKEWED - SKEWED.mean())


@pytest.mark.long
def test_intervals_cover_the_mean_of_skewed_scores_about_as_often_as_they_say():
    # 400 samples of 80 exponential values, mean 1: nominal .95, the bootstrap is known to fall short a
    # little (Efron & Tibshirani 1993, ch. 14); Monte Carlo standard error .011.
    random = np.random.default_rng(6)
    hits = 0
    for seed in range(400):
        values = random.exponential(size=80)
        draws = bootstrap_means(values, draws=1_000, seed=seed, workers=1)[:, 0]
        interval = bca_interval(draws, values.mean(), unit_sums(values).influence[:, 0])
        hits += interval.low <= 1 <= interval.high
    assert 0.90 <= hits / 400 <= 0.98
