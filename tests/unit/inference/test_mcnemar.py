"""McNemar's test and Tango's interval, against statsmodels, scipy, a published example and brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar

from splitplot.inference.mcnemar import mcnemar_exact, mcnemar_mid_p, tango

COUNTS = st.integers(1, 60).flatmap(
    lambda n: st.integers(0, n).flatmap(
        lambda b: st.tuples(st.just(b), st.integers(0, n - b), st.just(n))
    )
)


@pytest.mark.parametrize(("b", "c"), [(8, 2), (2, 8), (5, 5), (1, 0), (30, 61), (300, 240)])
def test_exact_p_agrees_with_statsmodels_and_binomtest(b, c):
    assert mcnemar_exact(b, c) == pytest.approx(
        mcnemar([[9, b], [c, 9]], exact=True).pvalue, rel=1e-9
    )
    assert mcnemar_exact(b, c) == pytest.approx(stats.binomtest(b, b + c).pvalue, rel=1e-9)


def test_two_arms_that_never_differ_are_no_evidence():
    # statsmodels' chi-square variant gives p = 0 here (trap 1 of the specification).
    assert mcnemar_exact(0, 0) == 1.0
    assert mcnemar_mid_p(0, 0) == 1.0


def test_mid_p_matches_the_published_example():
    # Fagerland, Lydersen & Laake 2013: 1 against 7 discordant pairs, mid-p 0.039 (exact 0.070).
    assert mcnemar_mid_p(1, 7) == pytest.approx(0.0391, abs=5e-5)
    assert mcnemar_exact(1, 7) == pytest.approx(0.0703, abs=5e-5)


@given(st.integers(0, 40), st.integers(0, 40))
def test_mid_p_is_the_exact_p_less_the_probability_of_the_observed_table(b, c):
    if b != c:
        expected = mcnemar_exact(b, c) - stats.binom.pmf(b, b + c, 0.5)
        assert mcnemar_mid_p(b, c) == pytest.approx(expected, abs=1e-12)


def test_tango_matches_the_published_interval_of_airway_reactivity():
    # Fagerland, Lydersen & Laake 2014, tables II and V: 1, 1, 7, 12 gives (−0.517, −0.026).
    interval = tango(1, 7, 21)
    assert (round(interval.low, 3), round(interval.high, 3)) == (-0.517, -0.026)


def score_statistic(delta, b, c, n):
    """Tango's z by brute force: the constrained likelihood is maximised numerically over p12."""

    def negative_log_likelihood(p12):
        p21 = p12 - delta
        same = 1 - p12 - p21
        terms = [(b, p12), (c, p21), (n - b - c, same)]
        return -sum(k * np.log(p) for k, p in terms if k)

    low, high = max(0.0, delta), min(1.0, (1 + delta) / 2)
    best = optimize.minimize_scalar(
        negative_log_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-13}
    ).x
    return (b - c - n * delta) / np.sqrt(n * (2 * best - delta - delta**2))


@pytest.mark.parametrize(
    ("b", "c", "n"), [(1, 7, 21), (40, 20, 160), (3, 1, 44), (12, 2, 20), (1, 1, 30), (9, 11, 20)]
)
def test_tango_limits_solve_the_score_equation_with_a_numerical_constrained_maximum(b, c, n):
    interval = tango(b, c, n)
    z = stats.norm.ppf(0.975)
    assert score_statistic(interval.low, b, c, n) == pytest.approx(z, abs=1e-4)
    assert score_statistic(interval.high, b, c, n) == pytest.approx(-z, abs=1e-4)


@pytest.mark.parametrize("n", [1, 20, 1319, 10**6])
def test_tango_at_the_edges_has_its_closed_form(n):
    z2 = stats.norm.ppf(0.975) ** 2
    nothing, all_a, all_b = tango(0, 0, n), tango(n, 0, n), tango(0, n, n)
    assert nothing.high == pytest.approx(z2 / (n + z2), rel=1e-9)
    assert nothing.low == -nothing.high
    assert (all_a.low, all_a.high) == (pytest.approx((n - z2) / (n + z2), abs=1e-9), 1.0)
    assert (all_b.low, all_b.high) == (-1.0, pytest.approx((z2 - n) / (n + z2), abs=1e-9))


@given(COUNTS)
def test_tango_stays_in_range_contains_the_estimate_and_mirrors(counts):
    b, c, n = counts
    interval, mirror = tango(b, c, n), tango(c, b, n)
    assert -1 <= interval.low <= interval.estimate <= interval.high <= 1
    assert interval.high > interval.low
    assert (mirror.low, mirror.high) == (-interval.high, -interval.low)


@given(COUNTS)
def test_tango_at_zero_is_mcnemars_score_test(counts):
    b, c, n = counts
    if b + c:
        rejected = abs(b - c) / np.sqrt(b + c) > stats.norm.ppf(0.975)
        interval = tango(b, c, n)
        assert rejected == (interval.low > 0 or interval.high < 0)


@pytest.mark.parametrize(("b", "c", "n"), [(-1, 0, 5), (3, 3, 5), (0, 0, 0)])
def test_impossible_counts_are_refused(b, c, n):
    with pytest.raises(ValueError, match="impossible"):
        tango(b, c, n)
