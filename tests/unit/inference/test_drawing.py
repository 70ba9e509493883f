"""The drawn scores have the moments that were asked for."""

from math import sqrt

import numpy as np
import pytest
from scipy.stats import beta

from splitplot.inference.assumptions import Components, Size, components, difference_variance
from splitplot.inference.drawing import (
    arms_of,
    correlation_for,
    draw,
    equal_clusters,
    expected_scores,
    marginal,
)

SETS = {
    "defaults": components(),
    "near the ceiling": components(mean=0.93),
    "graded": Components(0.4, 0.15, 0.1, 0.2),
    "run noise alone": components(item_sd=0.3, item_arm_sd=0.0),
    "no run noise": Components(0.5, 0.2, 0.15, 0.0),
}
MANY = Size(1_000, (1,), (1,))


def of(c, gap=0.05, size=MANY, draws=400, seed=1):
    return draw(c, gap, size, np.random.default_rng(seed), draws)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("k", [1, 3])
def test_differences_have_the_mean_and_variance_of_the_components(name, k):
    c, size = SETS[name], Size(1_000, (k,), (k,), k)
    drawn = of(c, size=size)
    d = (drawn.a - drawn.b).ravel()
    wanted = difference_variance(c, 0.05, size)[1]
    assert d.mean() == pytest.approx(0.05, abs=4 * sqrt(wanted / d.size) + 1e-4)
    assert d.var() == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize("name", SETS)
def test_expected_scores_have_the_variance_and_covariance_of_items(name):
    c = SETS[name]
    a, b = expected_scores(c, 0.0, MANY, np.random.default_rng(2), 400)
    assert a.mean() == pytest.approx(c.mean, abs=0.003)
    assert a.var() == pytest.approx(c.item_sd**2 + c.item_arm_sd**2, rel=0.02, abs=1e-5)
    assert np.cov(a.ravel(), b.ravel())[0, 1] == pytest.approx(c.item_sd**2, rel=0.03, abs=3e-4)


def test_answers_are_right_or_wrong_where_the_components_leave_no_room():
    drawn = of(SETS["near the ceiling"])
    assert set(np.unique(drawn.a)) == {0.0, 1.0}
    assert drawn.a.mean() == pytest.approx(0.955, abs=0.002)


def test_graded_answers_vary_around_their_item_as_asked():
    c = SETS["graded"]
    rng = np.random.default_rng(3)
    drawn = draw(c, 0.0, Size(2_000, (4,), (4,), 4), rng, 200)
    # the estimated run variance of a mean of four answers is run²/4 on average
    assert drawn.run_a is not None
    assert drawn.run_a.mean() == pytest.approx(c.run_sd**2 / 4, rel=0.02)
    assert drawn.a.min() >= 0 and drawn.a.max() <= 1
    assert np.unique(drawn.a).size > 1_000


def test_run_variances_are_known_with_replications_alone():
    assert of(components()).run_a is None
    still = of(components(), size=Size(50, (1,), (1,), replications=3), draws=2)
    assert still.run_a is not None and not still.run_a.any()


@pytest.mark.parametrize(("mean", "share"), [(0.5, 0.3), (0.9, 0.6), (0.3, 0.95), (0.5, 0.05)])
def test_quantiles_are_those_of_scipys_beta(mean, share):
    one = marginal(mean, share * mean * (1 - mean))
    z = np.array([-2.5, -1.0, -0.2, 0.0, 0.3, 1.5, 2.7])
    from scipy.stats import norm

    wanted = beta.ppf(norm.cdf(z), mean * (1 / share - 1), (1 - mean) * (1 / share - 1))
    assert one.at(z) == pytest.approx(wanted, abs=2e-4)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_marginals_at_their_ends_are_one_value_or_right_and_wrong(share):
    one = marginal(0.3, share * 0.21)
    p = one.at(np.random.default_rng(0).standard_normal(200_000))
    assert p.mean() == pytest.approx(0.3, abs=0.005)
    assert p.var() == pytest.approx(share * 0.21, abs=0.002)


def test_the_covariance_by_the_series_is_that_of_double_integration():
    a, b, _ = arms_of(components(mean=0.8), 0.1)
    rho = correlation_for(a, b, 0.02)
    # Gauss–Hermite in two dimensions, from the joint density
    x, w = np.polynomial.hermite_e.hermegauss(80)
    w = w / w.sum()
    first = a.at(x)[:, None]
    second = b.at(rho * x[:, None] + sqrt(1 - rho**2) * x[None, :])
    inner = (second * w[None, :]).sum(axis=1)
    covariance = float((w * first[:, 0] * inner).sum() - (w * a.at(x)).sum() * (w * b.at(x)).sum())
    assert covariance == pytest.approx(0.02, abs=2e-4)


def test_items_of_a_cluster_share_what_was_asked():
    c = Components(0.5, 0.25, 0.2, 0.1, cluster_share=0.4)
    size = Size(2, (1,), (1,), cluster=np.array([0, 0]))
    a, b = expected_scores(c, 0.0, size, np.random.default_rng(4), 400_000)
    between = c.item_sd**2 + c.item_arm_sd**2
    assert np.cov(a[:, 0], a[:, 1])[0, 1] == pytest.approx(0.4 * between, rel=0.03)
    assert np.cov(a[:, 0], b[:, 1])[0, 1] == pytest.approx(0.4 * c.item_sd**2, rel=0.04)
    assert np.cov(a[:, 0], b[:, 0])[0, 1] == pytest.approx(c.item_sd**2, rel=0.03)


def test_equal_clusters_have_the_size_asked_for():
    assert equal_clusters(100, 1.0) is None
    codes = equal_clusters(100, 4.0)
    assert set(np.bincount(codes)) == {4}
    assert set(np.bincount(equal_clusters(10, 3.0))) == {3, 4}
