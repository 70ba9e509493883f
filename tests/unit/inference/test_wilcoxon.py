"""The signed-rank test against all sign patterns, scipy where it is right, and a published table."""

import warnings
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from splitplot.inference.mcnemar import mcnemar_exact
from splitplot.inference.wilcoxon import (
    EXACT_ITEMS,
    difference_steps,
    signed_rank_distribution,
    signed_rank_test,
)


def by_all_patterns(differences):
    """Pratt's test, literally: rank |d| with zeros, drop the zeros, try every pattern of signs."""
    ranks = stats.rankdata(np.abs(differences))[differences != 0]
    signs = np.sign(differences[differences != 0])
    centre = ranks.sum() / 2
    observed = abs(ranks[signs > 0].sum() - centre)
    sums = [ranks[np.array(kept)].sum() for kept in product((True, False), repeat=ranks.size)]
    return np.mean([abs(s - centre) >= observed - 1e-9 for s in sums])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=11).filter(any))
def test_exact_p_is_the_share_of_all_sign_patterns_with_ties_and_zeros(values):
    d = np.array(values, dtype=float)
    found = signed_rank_test(d + 5.5, np.full(d.size, 5.5))
    assert found.exact
    assert found.zeros == (d == 0).sum()
    assert found.p_value == pytest.approx(by_all_patterns(d), abs=1e-12)


def test_the_published_depression_scale_example():
    # Hollander & Wolfe, table 3.1, nine patients before and after: T+ = 40, two-sided p = 0.039.
    before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
    found = signed_rank_test(before, after)
    assert found.rank_sum == 40
    assert found.p_value == pytest.approx(0.0390625, abs=1e-12)


def test_exact_p_agrees_with_scipy_up_to_the_last_exact_size():
    random = np.random.default_rng(0)
    a, b = random.normal(0.15, 1, EXACT_ITEMS), random.normal(0, 1, EXACT_ITEMS)
    expected = stats.wilcoxon(a - b, method="exact").pvalue
    assert signed_rank_test(a, b).p_value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_normal_p_with_zeros_and_ties_agrees_with_scipy_on_integers(seed):
    random = np.random.default_rng(seed)
    a, b = random.integers(0, 6, (2, 400)).astype(float)
    expected = stats.wilcoxon(a - b, zero_method="pratt", method="asymptotic").pvalue
    found = signed_rank_test(a, b)
    assert not found.exact
    assert found.p_value == pytest.approx(expected, rel=1e-9)


def test_where_the_exact_law_ends_the_normal_one_is_close_to_it(monkeypatch):
    random = np.random.default_rng(11)
    for run in range(60):
        gap = random.uniform(0, 0.3)
        if run % 2:
            a, b = random.normal(gap, 1, EXACT_ITEMS), random.normal(0, 1, EXACT_ITEMS)
        else:
            a, b = random.integers(0, 4, (2, EXACT_ITEMS)) / 3
        exact = signed_rank_test(a, b)
        with monkeypatch.context() as patched:
            patched.setattr("splitplot.inference.wilcoxon.EXACT_ITEMS", 0)
            normal = signed_rank_test(a, b)
        assert exact.exact and not normal.exact
        assert normal.p_value == pytest.approx(
            exact.p_value, abs=0.001 if exact.p_value < 0.1 else 0.015
        )


def test_normal_variance_is_that_of_the_textbook_with_its_terms_for_zeros_and_ties():
    # Cureton 1967: [n(n+1)(2n+1) − z(z+1)(2z+1)]/24 − Σ(t³ − t)/48.
    random = np.random.default_rng(3)
    a, b = random.integers(0, 4, (2, 300)).astype(float)
    d = np.abs(a - b)
    n, z = d.size, int((d == 0).sum())
    _, ties = np.unique(d[d > 0], return_counts=True)
    variance = (n * (n + 1) * (2 * n + 1) - z * (z + 1) * (2 * z + 1)) / 24
    variance -= float((ties**3 - ties).sum()) / 48
    mean = (n * (n + 1) - z * (z + 1)) / 4
    found = signed_rank_test(a, b)
    expected = 2 * stats.norm.sf(abs(found.rank_sum - mean) / np.sqrt(variance))
    assert found.p_value == pytest.approx(expected, rel=1e-12)


def test_the_same_scores_written_in_thirds_give_the_p_of_whole_numbers():
    # Trap 7 of the specification: subtraction of thirds makes several values of one difference.
    random = np.random.default_rng(7)
    a, b = random.integers(0, 7, (2, 60))
    whole = signed_rank_test(a.astype(float), b.astype(float)).p_value
    thirds = signed_rank_test(a / 3 + 0.1, b / 3 + 0.1)
    assert np.unique(np.abs((a / 3 + 0.1) - (b / 3 + 0.1))).size > np.unique(np.abs(a - b)).size
    assert thirds.p_value == whole


def test_rounding_goes_by_the_scores_for_the_difference_may_be_rounding_alone():
    # Twelve digits of 0.1 + 0.2 − 0.3 itself leave 5.55e-17, which would be a difference with a rank.
    a, b = np.array([0.1 + 0.2, 0.7, 0.4]), np.array([0.3, 0.1, 0.9])
    assert difference_steps(a, b)[0] == 0
    assert signed_rank_test(a, b).zeros == 1


def test_0_1_scores_are_sent_to_mcnemar():
    # Trap 8: 8 against 2 of 100, asymptotic signed-rank .058 or .277 by how zeros are split; exact .109.
    d = np.concatenate([np.ones(8), -np.ones(2), np.zeros(90)])
    a, b = np.maximum(d, 0), np.maximum(-d, 0)
    assert stats.wilcoxon(d, zero_method="pratt", method="asymptotic").pvalue == pytest.approx(
        0.0578, abs=1e-4
    )
    assert mcnemar_exact(8, 2) == pytest.approx(0.1094, abs=1e-4)
    with pytest.raises(ValueError, match="McNemar"):
        signed_rank_test(a, b)
    # The exact test given the ranks is McNemar's: what is wrong there is the normal approximation.
    assert signed_rank_test(a / 2, b / 2).p_value == pytest.approx(mcnemar_exact(8, 2), abs=1e-12)


def test_no_difference_at_all_is_p_one_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert signed_rank_test([0.5, 0.2, 0.7], [0.5, 0.2, 0.7]).p_value == 1.0
        assert signed_rank_test([0.1 + 0.2], [0.3]).p_value == 1.0


def test_the_distribution_sums_to_one_and_is_symmetric():
    law = signed_rank_distribution(np.arange(1, EXACT_ITEMS + 1))
    assert law.sum() == pytest.approx(1.0, abs=1e-12)
    assert law == pytest.approx(law[::-1], abs=1e-15)


def test_missing_scores_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        signed_rank_test([0.5, np.nan], [0.1, 0.2])
