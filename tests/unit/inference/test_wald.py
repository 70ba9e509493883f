"""The joint test of several means, against Hotelling's formula, CR2 of one mean, and its error rates."""

import numpy as np
import pytest
from scipy import stats

from splitplot.inference.clusters import TooFewClusters, cr2_mean
from splitplot.inference.wald import JointTest, helmert, joint_zero_test


def test_without_clusters_it_is_hotellings_t2():
    rows = np.random.default_rng(0).normal(0.2, 1, (40, 3)) @ np.array(
        [[1, 0.5, 0], [0, 1, 0.3], [0, 0, 2]]
    )
    t2 = 40 * rows.mean(axis=0) @ np.linalg.inv(np.cov(rows.T)) @ rows.mean(axis=0)
    found = joint_zero_test(rows)
    assert found.statistic == pytest.approx((40 - 3) / (39 * 3) * t2, rel=1e-9)
    assert found.df == pytest.approx((3, 37))
    assert found.p_value == pytest.approx(stats.f.sf(found.statistic, 3, 37), rel=1e-9)


def test_one_column_with_clusters_is_the_square_of_cr2s_t():
    random = np.random.default_rng(1)
    cluster = np.repeat(np.arange(9), [1, 2, 3, 4, 5, 6, 7, 8, 9])
    values = random.normal(0.3, 1, cluster.size)
    one = cr2_mean(values, cluster)
    found = joint_zero_test(values[:, None], cluster)
    assert found.statistic == pytest.approx((one.estimate / one.se) ** 2, rel=1e-9)
    assert found.df == pytest.approx((1, one.df))


def test_any_full_set_of_contrasts_gives_the_same_test():
    scores = np.random.default_rng(2).normal(0, 1, (50, 4))
    cluster = np.arange(50) % 11
    found = joint_zero_test(helmert(scores), cluster)
    other = joint_zero_test(scores[:, 1:] - scores[:, :1], cluster)
    assert found.statistic == pytest.approx(other.statistic, rel=1e-9)


def test_helmert_contrasts_are_orthonormal_and_blind_to_the_common_part():
    contrasts = helmert(np.eye(5))
    assert contrasts.T @ contrasts == pytest.approx(np.eye(4), abs=1e-12)
    assert contrasts.sum(axis=0) == pytest.approx(np.zeros(4), abs=1e-12)


@pytest.mark.parametrize("clusters", [6, 10, 20])
def test_unequal_clusters_keep_the_level(clusters):
    random = np.random.default_rng(clusters)
    cluster = np.repeat(np.arange(clusters), random.integers(1, 9, clusters))
    runs, rejected = 2000, 0
    for _ in range(runs):
        rows = (
            random.normal(0, 1, (cluster.size, 2)) + random.normal(0, 0.5, (clusters, 2))[cluster]
        )
        rejected += joint_zero_test(rows, cluster).p_value < 0.05
    assert rejected / runs == pytest.approx(0.05, abs=0.018)


def test_directions_without_variance_are_left_out_if_nothing_lies_in_them():
    rows = np.random.default_rng(3).normal(0, 1, (30, 2))
    wider = np.column_stack([rows, np.zeros(30), rows.sum(axis=1)])
    found, plain = joint_zero_test(wider), joint_zero_test(rows)
    assert found.statistic == pytest.approx(plain.statistic, rel=1e-6)
    assert found.df == pytest.approx(plain.df)


def test_where_there_is_no_test_it_says_why():
    assert joint_zero_test(np.zeros((20, 2))) == "no item differs"
    assert "exactly the same way" in joint_zero_test(
        np.column_stack([np.ones(20), np.arange(20) % 2])
    )
    random = np.random.default_rng(4)
    assert "too few" in joint_zero_test(random.normal(0, 1, (5, 5)))
    assert "3 clusters are too few" in joint_zero_test(
        random.normal(0, 1, (30, 3)), np.arange(30) % 3
    )
    assert isinstance(joint_zero_test(random.normal(0, 1, (30, 2)), np.arange(30) % 6), JointTest)
    with pytest.raises(TooFewClusters):
        joint_zero_test(random.normal(0, 1, (30, 2)), np.zeros(30))
    with pytest.raises(ValueError, match="NaN"):
        joint_zero_test([[np.nan, 1.0]])
