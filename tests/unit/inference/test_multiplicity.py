"""Holm's and Benjamini & Hochberg's adjustments against statsmodels, scipy and the example of 1995."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from splitplot.inference.multiplicity import benjamini_hochberg, holm

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
