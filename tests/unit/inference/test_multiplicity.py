"""Holm's adjustment against statsmodels."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from splitplot.inference.multiplicity import holm


@pytest.mark.parametrize("size", [1, 2, 5, 45])
def test_agrees_with_statsmodels(size):
    p_values = list(np.random.default_rng(size).random(size) ** 3)
    assert holm(p_values) == pytest.approx(
        list(multipletests(p_values, method="holm")[1]), abs=1e-12
    )


def test_tied_p_values_are_adjusted_alike():
    assert holm([0.02, 0.02, 0.5]) == [pytest.approx(0.06), pytest.approx(0.06), 0.5]


def test_a_comparison_without_a_test_stays_out_of_the_family():
    # statsmodels would count a NaN in the size of the family: 0.06 here (trap 4 of the specification).
    assert holm([0.02, None, 0.04]) == [0.04, None, 0.04]
