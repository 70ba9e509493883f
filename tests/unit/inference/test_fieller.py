"""Fieller's interval of a ratio of paired means: against a direct solution, CR2, and simulation."""

import numpy as np
import pytest

from splitplot.inference.clusters import TooFewClusters, cr2_mean
from splitplot.inference.fieller import (
    Means,
    bounded_ratio,
    fieller,
    joint_means,
    joint_moments,
)
from splitplot.inference.intervals import Interval, t_quantile


def test_the_limits_are_where_the_t_statistic_of_x_less_theta_y_is_its_quantile():
    from scipy.optimize import brentq

    means = Means(0.4, 0.3, 0.004, 0.002, -0.0006, 25.0)
    t = t_quantile(0.95, 25)

    def excess(theta):
        variance = means.var_x - 2 * theta * means.cov + theta**2 * means.var_y
        return abs(means.x - theta * means.y) / np.sqrt(variance) - t

    found = fieller(means)
    ratio = 0.4 / 0.3
    assert found.estimate == pytest.approx(ratio)
    assert found.low == pytest.approx(brentq(excess, -5, ratio))
    assert found.high == pytest.approx(brentq(excess, ratio, 50))


def test_there_is_no_interval_where_the_denominator_may_be_0():
    assert fieller(Means(0.4, 0.1, 0.004, 0.01, 0.0, 30.0)) is None
    assert fieller(Means(0.4, -0.1, 0.004, 0.01, 0.0, 30.0)) is None


def test_variances_of_paired_items_are_those_of_the_sample():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(2, 40))
    found = joint_means(x, y)
    cov = np.cov(x, y)
    assert (found.var_x, found.var_y, found.cov) == pytest.approx(
        (cov[0, 0] / 40, cov[1, 1] / 40, cov[0, 1] / 40)
    )
    assert found.df == pytest.approx(39)


def test_variances_of_clusters_are_cr2_each_over_its_own_items():
    rng = np.random.default_rng(6)
    cluster = np.repeat(np.arange(12), 5)
    x, y = rng.normal(size=(2, 60))
    y[::3] = np.nan
    found = joint_means(x, y, cluster=cluster)
    own = np.isfinite(y)
    of_x, of_y = cr2_mean(x, cluster), cr2_mean(y[own], cluster[own])
    assert (found.x, found.y) == pytest.approx((of_x.estimate, of_y.estimate))
    assert (found.var_x, found.var_y) == pytest.approx((of_x.se**2, of_y.se**2))
    assert found.df == pytest.approx(min(of_x.df, of_y.df))
    assert found.cov**2 <= found.var_x * found.var_y


def test_one_cluster_has_no_variance():
    with pytest.raises(TooFewClusters, match="two clusters"):
        joint_means(np.ones(5), np.arange(5.0), cluster=np.zeros(5))


@pytest.mark.parametrize("clustered", [False, True])
def test_the_interval_covers_as_often_as_it_says(clustered):
    """Dollars of all items over false answers avoided on half of them, which go together: 1,500 studies of
    each kind, standard error .006. The truth is 1.2 over .25."""
    rng = np.random.default_rng(11)
    studies, n, covered, known = 1500, 120, 0, 0
    cluster = np.repeat(np.arange(30), 4) if clustered else None
    for _ in range(studies):
        shared = rng.normal(size=30)[cluster] if clustered else 0.0
        own = rng.normal(size=n)
        x = 1.2 + 0.5 * own + 0.3 * shared
        chance = np.clip(0.25 + 0.1 * (np.tanh(shared) if clustered else np.tanh(own)), 0, 1)
        y = np.where(rng.random(n) < chance, 1.0, 0.0)
        y[n // 2 :] = np.nan
        found = fieller(joint_means(x, y, cluster=cluster))
        if found is None:
            continue
        known += 1
        covered += found.low <= 1.2 / 0.25 <= found.high
    assert known > 0.98 * studies
    assert covered / known == pytest.approx(0.95, abs=0.02)


def test_moments_combine_as_the_columns_would():
    """A combination of two means of the same items is the mean of the combined column, by `cr2_mean`."""
    random = np.random.default_rng(4)
    x, y, z = random.normal(size=(3, 60))
    cluster = np.repeat(np.arange(15), 4)
    moments = joint_moments((x, y, z), cluster=cluster, names="xyz")
    found = moments.combined((0.3, 0.7, 0), (0, 0, 2))
    alone = cr2_mean(0.3 * x + 0.7 * y, cluster)
    assert (found.x, found.var_x) == pytest.approx((alone.estimate, alone.se**2))
    assert (found.y, found.var_y) == pytest.approx((2 * z.mean(), 4 * cr2_mean(z, cluster).se ** 2))
    assert found.cov == pytest.approx(joint_means(0.3 * x + 0.7 * y, 2 * z, cluster=cluster).cov)
    assert found.df == pytest.approx(alone.df)


def test_a_price_of_a_mix_holds_the_true_one():
    """Strata of different means and spreads, u fixed: coverage of the mix's price, 2,000 studies."""
    random = np.random.default_rng(11)
    u, n, covered = 0.25, 200, 0
    true = (u * 0.2 + (1 - u) * 1.0) / (u * 0.4)
    for _ in range(2000):
        few = np.arange(n) < u * n
        x = np.where(few, random.normal(0.2, 0.5, n), random.normal(1.0, 0.3, n))
        y = np.where(few, random.choice([1.0, 0.0, -1.0], n, p=[0.5, 0.4, 0.1]), np.nan)
        columns = (np.where(few, x, np.nan), np.where(few, np.nan, x), y)
        means = joint_moments(columns, names="xyz").combined((u, 1 - u, 0), (0, 0, u))
        found = fieller(means)
        covered += found is not None and found.low <= true <= found.high
    assert covered / 2000 == pytest.approx(0.95, abs=0.015)


def test_limits_of_both_bound_their_ratio():
    x, y = Interval(2.0, 1.0, 3.0, 0.975, ""), Interval(0.9, 0.5, 1.0, 0.975, "")
    found = bounded_ratio(x, y, 0.95)
    assert (found.estimate, found.low, found.high) == pytest.approx((2 / 0.9, 1.0, 6.0))
    below = Interval(-1.0, -2.0, 1.0, 0.975, "")
    assert bounded_ratio(below, y, 0.95).low == pytest.approx(-4.0)
    assert bounded_ratio(x, Interval(0.5, -0.1, 1.0, 0.975, ""), 0.95) is None
