"""pass@k and pass^k against enumeration of all draws, with exact binomials, and under resampling."""

from itertools import combinations
from math import comb

import numpy as np
import pytest

from splitplot.inference.cells import cell_interval
from splitplot.inference.passk import pass_at_k, pass_hat_k, pass_interval


@pytest.mark.parametrize("n", range(1, 8))
def test_both_are_the_shares_of_all_possible_draws(n):
    for c in range(n + 1):
        answers = [1] * c + [0] * (n - c)
        for k in range(1, n + 1):
            draws = list(combinations(answers, k))
            assert pass_at_k([n], [c], k)[0] == pytest.approx(
                np.mean([max(draw) for draw in draws])
            )
            assert pass_hat_k([n], [c], k)[0] == pytest.approx(
                np.mean([min(draw) for draw in draws])
            )


def test_pass_at_k_is_the_published_product():
    # Chen et al. 2021 (arXiv:2107.03374), the code under "pass@k".
    def published(n, c, k):
        return 1.0 if n - c < k else 1.0 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1))

    for n, c, k in [(200, 3, 100), (200, 0, 10), (200, 200, 1), (1000, 17, 10), (20, 13, 8)]:
        assert pass_at_k([n], [c], k)[0] == pytest.approx(published(n, c, k), abs=1e-12)
        exact = comb(c, k) / comb(n, k)  # Python's integers do not overflow
        assert pass_hat_k([n], [c], k)[0] == pytest.approx(exact, rel=1e-10, abs=1e-300)


def test_the_mean_over_draws_of_answers_is_the_true_chance():
    random = np.random.default_rng(5)
    p, n, k = 0.3, 10, 4
    c = random.binomial(n, p, 200_000)
    many = np.full(c.size, n)
    assert pass_at_k(many, c, k).mean() == pytest.approx(1 - (1 - p) ** k, abs=0.002)
    assert pass_hat_k(many, c, k).mean() == pytest.approx(p**k, abs=0.002)
    # The plug-in 1 − (1 − c/n)^k, often used, is biased where this one is not.
    assert abs((1 - (1 - c / n) ** k).mean() - (1 - (1 - p) ** k)) > 0.02


@pytest.mark.parametrize(
    ("n", "c", "k", "reason"),
    [
        ([5, 3], [1, 1], 4, "k = 4 is more than the 3 answers"),
        ([5], [6], 1, "between 0 and the number"),
        ([5], [-1], 1, "between 0 and the number"),
        ([5], [2.5], 1, "whole numbers"),
        ([5], [2], 0, "at least 1"),
        ([], [], 1, "per problem"),
        ([np.nan], [1], 1, "must be numbers"),
    ],
)
def test_what_cannot_be_estimated_is_refused(n, c, k, reason):
    with pytest.raises(ValueError, match=reason):
        pass_at_k(n, c, k)


def bootstrap(values, groups, draws=4000, seed=11):
    """Percentile bootstrap of the mean over whole groups."""
    random = np.random.default_rng(seed)
    names = np.unique(groups)
    sums = np.array([values[groups == g].sum() for g in names])
    sizes = np.array([(groups == g).sum() for g in names])
    chosen = random.integers(0, names.size, (draws, names.size))
    return np.quantile(sums[chosen].sum(1) / sizes[chosen].sum(1), [0.025, 0.975])


@pytest.mark.parametrize("clustered", [False, True])
def test_the_interval_agrees_with_a_bootstrap_over_problems(clustered):
    random = np.random.default_rng(3)
    groups = np.repeat(np.arange(100), 3) if clustered else np.arange(300)
    ability = random.normal(0, 1, groups.max() + 1)[groups] + random.normal(0, 1, 300)
    c = random.binomial(8, 1 / (1 + np.exp(-ability)))
    values = pass_at_k(np.full(300, 8), c, 3)
    interval = pass_interval(values, cluster=groups if clustered else None)
    low, high = bootstrap(values, groups)
    assert interval.low == pytest.approx(low, abs=0.006)
    assert interval.high == pytest.approx(high, abs=0.006)


def test_k_of_1_is_the_mean_score_of_the_cell():
    c = np.array([0, 1, 3, 2, 3, 3])
    plain = cell_interval(c / 3)
    for estimate in (pass_at_k, pass_hat_k):
        found = pass_interval(estimate(np.full(6, 3), c, 1))
        assert (found.estimate, found.low, found.high) == pytest.approx(
            (plain.estimate, plain.low, plain.high)
        )
