"""Holm's and Benjamini & Hochberg's adjustments against statsmodels, scipy and the example of 1995."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from splitplot.inference.multiplicity import benjamini_hochberg, holm, holm_with_aims

MYOCARDIAL = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
    0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000,
]  # fmt: skip
"""The 15 ordered p-values of Benjamini & Hochberg (1995), section 4.1 (Neuhaus et al. 1992)."""


@pytest.mark.parametrize("size", [1, 2, 5, 45])
def test_agrees_with_statsmodels(size):
    p_values = list(np.random.default_rng(size).random(size) ** 3)
    assert holm(p_values) == pytest.approx(
        list(multipletests(p_values, method="holm")[1]), abs=1e-12
    )
    assert benjamini_hochberg(p_values) == pytest.approx(
        list(multipletests(p_values, method="fdr_bh")[1]), abs=1e-12
    )


def test_benjamini_hochberg_agrees_with_scipy():
    p_values = list(np.random.default_rng(3).random(30))
    assert benjamini_hochberg(p_values) == pytest.approx(
        list(stats.false_discovery_control(p_values))
    )


def test_the_published_example_singles_out_four_where_holm_keeps_three():
    assert [p <= 0.05 for p in benjamini_hochberg(MYOCARDIAL)] == [True] * 4 + [False] * 11
    assert [p <= 0.05 for p in holm(MYOCARDIAL)] == [True] * 3 + [False] * 12
    # p(4)·15/4 = .0356, the largest of the four; p(3)·13 = .0247 is Holm's last.
    assert benjamini_hochberg(MYOCARDIAL)[3] == pytest.approx(0.035625)
    assert holm(MYOCARDIAL)[2] == pytest.approx(0.0247)


def test_tied_p_values_are_adjusted_alike():
    assert holm([0.02, 0.02, 0.5]) == [pytest.approx(0.06), pytest.approx(0.06), 0.5]
    assert benjamini_hochberg([0.02, 0.02, 0.5]) == [pytest.approx(0.03), pytest.approx(0.03), 0.5]


def test_a_comparison_without_a_test_stays_out_of_the_family():
    # Trap 4: statsmodels counts a NaN in the size of Holm's family (0.06 here) and makes all of BH NaN.
    assert holm([0.02, None, 0.04]) == [0.04, None, 0.04]
    assert benjamini_hochberg([0.02, None, 0.04]) == [0.04, None, 0.04]
    assert np.isnan(multipletests([0.02, np.nan, 0.04], method="fdr_bh")[1]).all()
    assert holm([None, None]) == benjamini_hochberg([None, None]) == [None, None]


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@pytest.mark.parametrize("wrong", [float("nan"), -0.1, 1.2])
def test_what_is_no_p_value_is_refused_and_never_sorted_somewhere(adjust, wrong):
    with pytest.raises(ValueError, match="not a p-value"):
        adjust([0.02, wrong])


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_the_order_of_the_comparisons_does_not_matter(adjust):
    p_values = list(np.random.default_rng(4).random(12))
    order = np.random.default_rng(5).permutation(12)
    assert adjust([p_values[i] for i in order]) == [adjust(p_values)[i] for i in order]


def rejected(p_values, aims, alpha):
    """Step by step, as methods_resampling.md has it: whom a family with aims of non-inferiority rejects."""
    m, left, found = len(p_values), set(range(len(p_values))), set()
    halved = [p / 2 if aim else p for p, aim in zip(p_values, aims, strict=True)]
    while left:
        best = min(left, key=lambda i: (halved[i], i))
        passed_on = m - sum(aims[i] for i in found)
        level = alpha * passed_on / (m * len(left))
        if halved[best] > (min(level, alpha / 2) if aims[best] else level):
            break
        found.add(best)
        left.remove(best)
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_a_family_with_aims_is_the_step_down_procedure_that_the_docs_describe(size):
    random = np.random.default_rng(size)
    for _ in range(400):
        p_values = list(random.random(size) ** 3 * 0.2)
        aims = list(random.random(size) < 0.5)
        adjusted = holm_with_aims(p_values, aims)
        for alpha in (0.01, 0.05, 0.1):
            kept = {i for i, p in enumerate(adjusted) if p <= alpha}
            assert kept == rejected(p_values, aims, alpha)


def test_without_an_aim_it_is_holm_and_what_has_no_test_does_not_count():
    p_values = [0.02, None, 0.3, 0.011, 0.04]
    assert holm_with_aims(p_values, [False] * 5) == holm(p_values)
    assert holm_with_aims([None, 0.012], [True, False]) == [None, 0.012]


def test_one_of_each_a_difference_at_half_of_alpha_and_the_aim_as_if_alone():
    assert holm_with_aims([0.02, 0.0001], [False, True]) == pytest.approx([0.04, 0.0001])
    assert holm_with_aims([0.0001, 0.03], [False, True]) == pytest.approx([0.0002, 0.03])


@pytest.mark.parametrize("k", [1, 2, 4])
def test_no_false_direction_in_more_than_alpha_of_families_with_aims(k):
    """One contrast that is to differ and k of non-inferiority, five standard errors of margin, no gap at all:
    each of the k speaks of its direction at α/m, as `verdict` does."""
    studies, m = 4_000, k + 1
    z = np.random.default_rng(k).normal(size=(studies, m))
    aims = [False] + [True] * k
    p_values = np.where(aims, 2 * stats.norm.sf(z + 5), 2 * stats.norm.sf(np.abs(z))).clip(0, 1)
    beside = (2 * stats.norm.sf(np.abs(z[:, 1:])) <= 0.05 / m).any(axis=1)
    wrong = {
        name: np.mean([adjust(list(row))[0] <= 0.05 for row in p_values] | beside)
        for name, adjust in (("ours", lambda p: holm_with_aims(p, aims)), ("Holm", holm))
    }
    error = 3 * np.sqrt(0.05 * 0.95 / studies)
    assert wrong["ours"] <= 0.05 + error
    assert wrong["Holm"] > 0.05 + error
