"""Arms with items of their own, against Newcombe's table, statsmodels, scipy and enumeration."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from splitplot.inference.clusters import TooFewClusters, cr2_mean
from splitplot.inference.unpaired import (
    label_permutation_test,
    newcombe,
    unpaired_comparison,
    unpaired_difference,
    welch,
)


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((0, 10, 0, 10), -0.2775, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_newcombe_matches_his_table(counts, low, high):
    # Newcombe 1998, Statistics in Medicine 17:873, table II, method 10.
    found = newcombe(*counts)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_newcombe_agrees_with_statsmodels():
    found = newcombe(83, 120, 61, 95)
    expected = confint_proportions_2indep(83, 120, 61, 95, method="newcomb")
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-9)


def test_welch_agrees_with_scipy():
    random = np.random.default_rng(0)
    a, b = random.normal(0.3, 1, 40), random.normal(0, 3, 25)
    test = stats.ttest_ind(a, b, equal_var=False)
    found, expected = welch(a, b), test.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert found.df == pytest.approx(test.df, rel=1e-9)


def test_an_arm_that_never_varies_keeps_a_width():
    found = welch(np.ones(30), np.random.default_rng(1).integers(0, 4, 30) / 3)
    assert found.low < found.estimate < found.high
    assert "limits combined" in found.method
    with pytest.raises(ValueError, match="no known range"):
        welch(np.full(30, 7.0), np.full(30, 8.0))


def welch_square(a, b):
    variance = a.var(ddof=1) / a.size + b.var(ddof=1) / b.size
    gap = (a.mean() - b.mean()) ** 2
    return gap / variance if variance > 1e-20 else (np.inf if gap > 1e-20 else 0.0)


def by_all_labellings(a, b):
    pooled, hits, total = np.concatenate([a, b]), 0, 0
    observed = welch_square(a, b)
    for chosen in combinations(range(pooled.size), a.size):
        mask = np.zeros(pooled.size, dtype=bool)
        mask[list(chosen)] = True
        hits += welch_square(pooled[mask], pooled[~mask]) >= observed * (1 - 1e-9)
        total += 1
    return hits / total


def test_permutation_of_labels_agrees_with_every_labelling():
    random = np.random.default_rng(2)
    a, b = random.normal(0.8, 1, 6), random.normal(0, 1, 5)
    found = label_permutation_test(a, b)
    assert found.exact and found.patterns == 462
    assert found.p_value == pytest.approx(by_all_labellings(a, b), abs=1e-12)


@pytest.mark.parametrize(("right_a", "right_b"), [(5, 2), (6, 0), (3, 3), (1, 4)])
def test_0_1_scores_are_exact_by_the_hypergeometric_law(right_a, right_b):
    a, b = (
        np.repeat([1.0, 0.0], [right_a, 6 - right_a]),
        np.repeat([1.0, 0.0], [right_b, 7 - right_b]),
    )
    found = label_permutation_test(a, b)
    assert found.p_value == pytest.approx(by_all_labellings(a, b), abs=1e-9)


def test_many_items_use_random_labellings_close_to_scipys_permutation_test():
    random = np.random.default_rng(3)
    a, b = random.normal(0.5, 1, 40), random.normal(0, 1, 35)
    expected = stats.permutation_test(
        (a, b),
        lambda x, y, axis: np.abs(stats.ttest_ind(x, y, axis=axis, equal_var=False).statistic),
        n_resamples=9_999,
        alternative="greater",
        vectorized=True,
        rng=np.random.default_rng(1),
    ).pvalue
    found = label_permutation_test(a, b, seed=4)
    assert not found.exact and found.patterns == 10_000
    assert found.p_value == pytest.approx(expected, abs=0.012)
    assert label_permutation_test(a, b, seed=4).p_value == found.p_value


@pytest.mark.long
def test_the_level_holds_where_the_smaller_arm_varies_more():
    # The plain permutation of means rejects far too often here; studentised it does not.
    random = np.random.default_rng(5)
    runs, rejected = 200, 0
    for run in range(runs):
        a, b = random.normal(0, 3, 15), random.normal(0, 1, 60)
        rejected += label_permutation_test(a, b, seed=run).p_value <= 0.05
    assert rejected / runs < 0.085


def test_clusters_use_cr2_in_either_arm_and_labels_of_whole_clusters():
    random = np.random.default_rng(6)
    cluster_a, cluster_b = np.arange(40) % 8, np.arange(45) % 9
    a = random.normal(0, 1, 40) + random.normal(0, 1, 8)[cluster_a]
    b = random.normal(0, 1, 45) + random.normal(0, 1, 9)[cluster_b]
    found = unpaired_difference(a, b, cluster_a=cluster_a, cluster_b=cluster_b)
    one, other = cr2_mean(a, cluster_a), cr2_mean(b, cluster_b)
    assert found.se == pytest.approx(np.hypot(one.se, other.se))
    v, w = one.se**2, other.se**2
    assert found.df == pytest.approx((v + w) ** 2 / (v**2 / one.df + w**2 / other.df))
    test = label_permutation_test(a, b, cluster_a=cluster_a, cluster_b=cluster_b)
    means_a, means_b = (
        np.array([x[c == i].mean() for i in range(c.max() + 1)])
        for x, c in ((a, cluster_a), (b, cluster_b))
    )
    # Clusters of one size: the test of their means.
    assert test.p_value == pytest.approx(
        label_permutation_test(means_a, means_b).p_value, abs=1e-12
    )
    with pytest.raises(TooFewClusters):
        unpaired_difference(a, b, cluster_a=np.zeros(40), cluster_b=cluster_b)
    with pytest.raises(ValueError, match="both arms or for neither"):
        unpaired_difference(a, b, cluster_a=cluster_a)


def test_a_comparison_names_its_methods_and_both_levels():
    random = np.random.default_rng(7)
    a, b = random.integers(0, 2, 50).astype(float), random.integers(0, 2, 60).astype(float)
    found = unpaired_comparison(a, b)
    assert found.difference == newcombe(int(a.sum()), 50, int(b.sum()), 60)
    assert found.equivalence == newcombe(int(a.sum()), 50, int(b.sum()), 60, 0.9)
    assert (found.n_a, found.n_b) == (50, 60)
    assert "hypergeometric" in found.test
    assert unpaired_comparison(a / 3, b / 3).difference.method == "Welch, unpaired"


def test_equal_scores_are_p_one():
    assert label_permutation_test(np.ones(9), np.ones(8)).p_value == 1.0
