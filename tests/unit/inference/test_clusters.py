"""CR2 with Satterthwaite degrees of freedom, against matrices written out here."""

import numpy as np
import pytest
from scipy import linalg, stats

from splitplot.inference.clusters import TooFewClusters, cr2_mean
from splitplot.inference.intervals import t_mean


def bell_mccaffrey(y, cluster):
    """Bell & McCaffrey (2002) for a regression on the constant, by its definition with full matrices:
    A_c = (I − H_cc)^(−1/2), V = M Σ X_c' A_c e_c e_c' A_c X_c M, df from the eigenvalues of G'G."""
    n = len(y)
    x = np.ones((n, 1))
    bread = np.linalg.inv(x.T @ x)
    hat = x @ bread @ x.T
    residual = y - hat @ y
    variance, columns = 0.0, []
    for c in np.unique(cluster):
        here = np.flatnonzero(cluster == c)
        adjust = np.real(linalg.inv(linalg.sqrtm(np.eye(here.size) - hat[np.ix_(here, here)])))
        weight = bread @ x[here].T @ adjust
        variance += float((weight @ residual[here]).item() ** 2)
        columns.append((np.eye(n) - hat)[:, here] @ weight.T)
    g = np.hstack(columns)
    eigenvalues = np.linalg.eigvalsh(g.T @ g)
    return y.mean(), np.sqrt(variance), eigenvalues.sum() ** 2 / (eigenvalues**2).sum()


@pytest.mark.parametrize("seed", range(6))
def test_closed_form_equals_the_matrix_definition(seed):
    random = np.random.default_rng(seed)
    cluster = random.integers(0, 3 + seed, 24)
    y = random.normal(size=24) + cluster * 0.3
    mean, se, df = bell_mccaffrey(y, cluster)
    interval = cr2_mean(y, cluster)
    assert (interval.estimate, interval.se, interval.df) == pytest.approx((mean, se, df), rel=1e-9)
    half = stats.t.ppf(0.975, df) * se
    assert (interval.low, interval.high) == pytest.approx((mean - half, mean + half), rel=1e-9)


def test_one_item_per_cluster_is_the_t_interval():
    y = np.array([0.1, 0.5, 0.2, 0.9, 0.4])
    clustered, plain = cr2_mean(y, np.arange(5)), t_mean(y)
    assert (clustered.low, clustered.high, clustered.df) == pytest.approx(
        (plain.low, plain.high, plain.df), abs=1e-12
    )


def test_one_cluster_is_refused():
    with pytest.raises(TooFewClusters, match="at least 2"):
        cr2_mean([0.0, 1.0, 1.0], ["p", "p", "p"])


def test_labels_may_be_text_and_their_order_does_not_matter():
    y, labels = np.array([0.0, 1.0, 0.5, 0.2]), np.array(["b", "a", "a", "b"])
    order = np.array([2, 0, 3, 1])
    one, other = cr2_mean(y, labels), cr2_mean(y[order], labels[order])
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=1e-15)


def test_equal_scores_are_counted_by_cluster_and_not_by_item():
    interval = cr2_mean(np.ones(40), np.repeat(np.arange(8), 5))
    assert interval.high == 1.0
    assert interval.low == pytest.approx(8 / (8 + stats.norm.ppf(0.975) ** 2), abs=1e-12)


def test_clusters_with_the_same_mean_keep_an_interval_with_a_width():
    # Items differ but every cluster is at one half: the CR2 variance is 0, which is not certainty.
    interval = cr2_mean(np.tile([0.0, 1.0], 10), np.repeat(np.arange(10), 2))
    unseen = stats.binomtest(0, 10).proportion_ci().high
    assert interval.high == pytest.approx(0.5 + 0.5 * unseen)
    assert interval.low == pytest.approx(0.5 - 0.5 * unseen)


def test_type_one_error_with_few_clusters_is_nominal_where_z_is_not():
    # Trap 14 of the specification, by simulation: z rejects about .13 at 8 clusters.
    random = np.random.default_rng(3)
    cluster = np.repeat(np.arange(8), [2, 3, 4, 5, 5, 6, 7, 8])
    ours = naive = 0
    for _ in range(2000):
        y = random.normal(size=8)[cluster] + random.normal(size=40)
        interval = cr2_mean(y, cluster)
        ours += not interval.low <= 0 <= interval.high
        sums = np.bincount(cluster, weights=y - y.mean())
        naive += abs(y.mean()) > 1.96 * np.sqrt((sums**2).sum()) / 40
    assert 0.035 < ours / 2000 < 0.065
    assert naive / 2000 > 0.09
