"""Tests of three arms and more, against published data, statsmodels, scipy and simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.anova import AnovaRM
from statsmodels.stats.contingency_tables import cochrans_q

from splitplot.inference.mcnemar import mcnemar_exact
from splitplot.inference.omnibus import (
    blocked_f,
    clustered_wald,
    cochran_q,
    friedman,
    omnibus_tests,
)

# fmt: off
ROUNDING_FIRST_BASE = np.array([
    (5.40, 5.50, 5.55), (5.85, 5.70, 5.75), (5.20, 5.60, 5.50), (5.55, 5.50, 5.40),
    (5.90, 5.85, 5.70), (5.45, 5.55, 5.60), (5.40, 5.40, 5.35), (5.45, 5.50, 5.35),
    (5.25, 5.15, 5.00), (5.85, 5.80, 5.70), (5.25, 5.20, 5.10), (5.65, 5.55, 5.45),
    (5.60, 5.35, 5.45), (5.05, 5.00, 4.95), (5.50, 5.50, 5.40), (5.45, 5.55, 5.50),
    (5.55, 5.55, 5.35), (5.45, 5.50, 5.55), (5.50, 5.45, 5.25), (5.65, 5.60, 5.40),
    (5.70, 5.65, 5.55), (6.30, 6.30, 6.25),
])
# fmt: on


def table(patterns):
    return np.array(
        [[int(x) for x in row] for row, times in patterns for _ in range(times)], dtype=float
    )


def test_cochrans_own_data_on_four_media():
    # Cochran 1950: growth of 69 specimens on four media, Q = 8.05 with 3 degrees of freedom.
    found = cochran_q(
        table([("1111", 4), ("1101", 2), ("0111", 3), ("0101", 1), ("0000", 59)]), seed=1
    )
    assert found.statistic == pytest.approx(8.0526, abs=5e-5)
    assert found.df == (3.0,)
    assert found.p_value == pytest.approx(stats.chi2.sf(8.0526, 3), abs=1e-5)
    assert found.n_items == 69


def test_q_agrees_with_statsmodels():
    scores = np.random.default_rng(0).random((200, 5)) < np.array([0.5, 0.55, 0.6, 0.5, 0.65])
    expected = cochrans_q(scores.astype(int))
    found = cochran_q(scores.astype(float))
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)


def test_few_items_that_differ_are_permuted_instead_of_trusted_to_chi_square():
    # With two arms the permutation within items is McNemar's exact test; chi-square would say .014.
    scores = np.concatenate([table([("10", 6)]), table([("11", 20), ("00", 20)])])
    found = cochran_q(scores, seed=2)
    assert found.df is None
    assert found.p_value == pytest.approx(mcnemar_exact(6, 0), abs=0.006)
    assert stats.chi2.sf(found.statistic, 1) == pytest.approx(0.0143, abs=1e-4)


def test_friedman_matches_the_published_base_running_example():
    # Hollander & Wolfe, table 7.1 (R: friedman.test): 11.143, 2 df, p = 0.003805.
    found = friedman(ROUNDING_FIRST_BASE)
    assert found.statistic == pytest.approx(11.143, abs=5e-4)
    assert found.p_value == pytest.approx(0.003805, abs=5e-7)


def test_friedman_with_ties_agrees_with_scipy():
    scores = np.random.default_rng(1).integers(0, 4, (60, 4)).astype(float)
    expected = stats.friedmanchisquare(*scores.T)
    found = friedman(scores / 3 + 0.1)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-9)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)


def test_f_agrees_with_statsmodels_repeated_measures_before_the_correction_of_df():
    random = np.random.default_rng(2)
    scores = (
        random.normal(0, 1, (30, 4)) + random.normal(0, 2, (30, 1)) + np.array([0, 0.3, 0, 0.5])
    )
    long = pd.DataFrame(
        {
            "item": np.repeat(np.arange(30), 4),
            "arm": np.tile(list("abcd"), 30),
            "score": scores.ravel(),
        }
    )
    expected = AnovaRM(long, "score", "item", within=["arm"]).fit().anova_table.iloc[0]
    found = blocked_f(scores)
    assert found.statistic == pytest.approx(expected["F Value"], rel=1e-9)
    assert np.array(found.df) / found.epsilon == pytest.approx([3, 87])
    assert found.p_value == pytest.approx(stats.f.sf(found.statistic, *found.df), rel=1e-9)


def test_epsilon_is_boxs_from_the_double_centred_covariance():
    # Geisser & Greenhouse 1958: ε = (k(s̄_ii − s̄))²/((k − 1)(Σs² − 2kΣs̄_i.² + k²s̄²)).
    random = np.random.default_rng(3)
    scores = random.normal(0, 1, (40, 4)) * np.array([1, 2, 3, 1]) + random.normal(0, 1, (40, 1))
    s, k = np.cov(scores.T), 4
    top = (k * (np.diag(s).mean() - s.mean())) ** 2
    bottom = (k - 1) * ((s**2).sum() - 2 * k * (s.mean(axis=1) ** 2).sum() + k**2 * s.mean() ** 2)
    assert blocked_f(scores).epsilon == pytest.approx(top / bottom, rel=1e-9)


def test_f_keeps_its_level_where_arms_correlate_unequally_and_the_uncorrected_one_does_not():
    random = np.random.default_rng(4)
    runs, corrected, plain = 2000, 0, 0
    for _ in range(runs):
        base = random.normal(0, 1, (30, 1))
        scores = base * np.array([1, 1, 1, 0, 0]) + random.normal(0, 1, (30, 5)) * [
            0.2,
            0.2,
            0.2,
            1,
            2,
        ]
        found = blocked_f(scores)
        corrected += found.p_value < 0.05
        plain += stats.f.sf(found.statistic, 4, 116) < 0.05
    assert corrected / runs == pytest.approx(0.05, abs=0.016)
    assert plain / runs > 0.075


def test_clustered_wald_with_an_item_per_cluster_is_hotellings_t2():
    scores = np.random.default_rng(5).normal(0, 1, (25, 3))
    d = scores[:, 1:] - scores[:, :1]
    t2 = 25 * d.mean(axis=0) @ np.linalg.inv(np.cov(d.T)) @ d.mean(axis=0)
    found = clustered_wald(scores, np.arange(25))
    assert found.statistic == pytest.approx((25 - 2) / (24 * 2) * t2, rel=1e-9)
    assert found.df == pytest.approx((2, 23))


def test_clusters_keep_the_level_that_blocks_of_items_lose():
    random = np.random.default_rng(6)
    runs, blocked, wald = 1000, 0, 0
    cluster = np.arange(80) % 10
    for _ in range(runs):
        scores = random.normal(0, 1, (80, 3)) + random.normal(0, 0.8, (10, 3))[cluster]
        blocked += blocked_f(scores).p_value < 0.05
        [found] = omnibus_tests(scores, cluster=cluster)
        wald += found.p_value < 0.05
    assert wald / runs == pytest.approx(0.05, abs=0.022)
    assert blocked / runs > 0.3


def test_the_test_follows_the_scores():
    binary = np.random.default_rng(7).integers(0, 2, (50, 3)).astype(float)
    assert [one.test for one in omnibus_tests(binary)] == ["Cochran's Q"]
    names = [one.test for one in omnibus_tests(binary / 3)]
    assert names == ["F blocked by item, Greenhouse-Geisser", "Friedman with ties"]
    # Clusters of one item each are none.
    assert omnibus_tests(binary, cluster=np.arange(50))[0].test == "Cochran's Q"


def test_arms_that_never_differ_are_no_evidence():
    same = np.repeat(np.random.default_rng(8).random((30, 1)), 3, axis=1)
    assert [one.p_value for one in omnibus_tests(same)] == [1.0, 1.0]
    assert omnibus_tests(np.ones((30, 3)))[0].p_value == 1.0
    assert omnibus_tests(same, cluster=np.arange(30) % 6)[0].p_value == 1.0


def test_arms_that_differ_alike_on_every_item_leave_no_error_to_test_against():
    with pytest.raises(ValueError, match="no error to test against"):
        blocked_f(np.random.default_rng(9).random((30, 1)) + np.array([[0.0, 0.5, 1.0]]))


def test_missing_scores_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        cochran_q([[1.0, np.nan], [0.0, 1.0]])
