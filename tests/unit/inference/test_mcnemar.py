"""McNemar's test, its power, odds ratio and Tango's interval, against statsmodels, scipy, published examples
and brute force."""

from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar

from splitplot.inference.mcnemar import (
    mcnemar_detectable,
    mcnemar_exact,
    mcnemar_items,
    mcnemar_mid_p,
    mcnemar_power,
    odds_ratio,
    tango,
    tango_statistic,
)

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


@pytest.mark.parametrize(("b", "c", "n"), [(1, 7, 21), (40, 20, 160), (12, 2, 20), (0, 0, 9)])
def test_tango_statistic_is_the_score_statistic_and_reaches_z_at_the_limits(b, c, n):
    interval, z = tango(b, c, n), stats.norm.ppf(0.975)
    assert tango_statistic(interval.low, b, c, n) == pytest.approx(z, rel=1e-6)
    assert tango_statistic(interval.high, b, c, n) == pytest.approx(-z, rel=1e-6)
    for delta in (-0.3, -0.05, 0.04, 0.2):
        if b + c:
            expected = score_statistic(delta, b, c, n)
            assert tango_statistic(delta, b, c, n) == pytest.approx(expected, abs=1e-5)


def test_tango_statistic_matches_the_published_non_inferiority_test_of_lens_disinfection():
    # Tango 1998, example 1: 44 lenses, 0 against 1 discordant, margin 0.1: Z = 1.709, one-sided p = 0.044.
    assert tango_statistic(-0.1, 0, 1, 44) == pytest.approx(1.709, abs=5e-4)


@pytest.mark.parametrize(
    ("n", "tango_covers", "wald_covers"), [(20, 0.989, 0.916), (50, 0.954, 0.925)]
)
def test_tango_covers_near_the_ceiling_where_wald_does_not(n, tango_covers, wald_covers):
    # Trap 23 of the specification (n = 50: Wald .925, Tango .952 there, by simulation). Here exactly, over
    # all tables, with A alone right on 12% and B alone on 2%.
    p_b, p_c = 0.12, 0.02
    by_tango = by_wald = 0.0
    for b in range(n + 1):
        for c in range(n + 1 - b):
            chance = np.exp(
                stats.multinomial.logpmf([b, c, n - b - c], n, [p_b, p_c, 1 - p_b - p_c])
            )
            if chance < 1e-9:
                continue
            interval, d = tango(b, c, n), (b - c) / n
            half = stats.norm.ppf(0.975) * np.sqrt(((b + c) / n - d**2) / n)
            by_tango += chance * (interval.low <= p_b - p_c <= interval.high)
            by_wald += chance * (abs(d - (p_b - p_c)) <= half)
    assert by_tango == pytest.approx(tango_covers, abs=1e-3)
    assert by_wald == pytest.approx(wald_covers, abs=1e-3)


@pytest.mark.parametrize(
    ("n", "p_b", "p_c"),
    [(20, 0.3, 0.1), (40, 0.2, 0.05), (30, 0.5, 0.5), (12, 0.4, 0.0), (5, 0.3, 0.1)],
)
def test_power_is_the_share_of_all_tables_that_the_test_rejects(n, p_b, p_c):
    tables = [(b, c) for b in range(n + 1) for c in range(n + 1 - b) if mcnemar_exact(b, c) <= 0.05]
    rest = max(0.0, 1 - p_b - p_c)
    expected = sum(
        stats.binom.pmf(b + c, n, 1 - rest) * stats.binom.pmf(b, b + c, p_b / (p_b + p_c))
        for b, c in tables
    )
    assert mcnemar_power(n, p_b, p_c) == pytest.approx(expected, abs=1e-12)


def test_power_with_many_items_agrees_with_simulated_tables():
    random = np.random.default_rng(0)
    n, p_b, p_c = 20_000, 0.107, 0.1
    tables = random.multinomial(n, [p_b, p_c, 1 - p_b - p_c], 4000)
    rejected = np.mean([mcnemar_exact(int(b), int(c)) <= 0.05 for b, c, _ in tables])
    assert mcnemar_power(n, p_b, p_c) == pytest.approx(rejected, abs=0.025)


def test_the_normal_formula_promises_more_power_than_the_exact_test_has():
    # Trap 21 of the specification: .76 to .785 of a nominal .80. Miller 2024's formula (z + z)²·var/gap².
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    for p_b, p_c in ((0.15, 0.1), (0.1, 0.05), (0.3, 0.1)):
        gap = p_b - p_c
        formula = ceil(z**2 * (p_b + p_c - gap**2) / gap**2)
        assert 0.71 < mcnemar_power(formula, p_b, p_c) < 0.785
        needed = mcnemar_items(p_b, p_c)
        assert mcnemar_power(needed, p_b, p_c) >= 0.8
    # Five percent more, the rule of thumb, is not enough where few items are needed.
    assert mcnemar_power(ceil(1.05 * formula), p_b, p_c) < 0.77


@pytest.mark.parametrize(
    ("p_b", "p_c", "power"),
    [
        (0.3, 0.1, 0.8),
        (0.7, 0.3, 0.8),
        (0.5, 0.02, 0.9),
        (0.9, 0.1, 0.7),
        (1.0, 0.0, 0.8),
        (0.08, 0, 0.8),
    ],
)
def test_items_needed_are_the_first_from_which_exact_power_never_falls_below_what_was_asked(
    p_b, p_c, power
):
    enough = [n for n in range(1, 400) if mcnemar_power(n, p_b, p_c) < power][-1] + 1
    assert mcnemar_items(p_b, p_c, power=power) == enough


def test_the_detectable_gap_has_exactly_the_power_asked_for():
    for n, discordance in ((20_000, 0.21), (300, 0.2), (60, 0.9)):
        gap = mcnemar_detectable(n, discordance)
        shares = (discordance + gap) / 2, (discordance - gap) / 2
        assert mcnemar_power(n, *shares) == pytest.approx(0.8, abs=1e-6)
    assert mcnemar_detectable(10, 0.2) is None
    assert mcnemar_items(0.1, 0.1) is None


@pytest.mark.parametrize(("p_b", "p_c"), [(-0.1, 0.2), (0.7, 0.5), (float("nan"), 0.1)])
def test_impossible_probabilities_are_refused(p_b, p_c):
    with pytest.raises(ValueError, match="impossible"):
        mcnemar_power(50, p_b, p_c)


@pytest.mark.parametrize(("b", "c"), [(12, 5), (5, 12), (1, 1), (150, 86)])
def test_odds_ratio_limits_leave_half_of_alpha_in_either_tail(b, c):
    found = odds_ratio(b, c)
    assert found.estimate == b / c
    low, high = (odds / (1 + odds) for odds in (found.low, found.high))
    assert stats.binom.sf(b - 1, b + c, low) == pytest.approx(0.025, rel=1e-6)
    assert stats.binom.cdf(b, b + c, high) == pytest.approx(0.025, rel=1e-6)


def test_odds_ratio_matches_the_published_one_of_approval_ratings():
    # Agresti 2013, table 11.1: 150 changed from approval, 86 to it; 86/150 = 0.57, 95% interval 0.43 to 0.75
    # (by the normal approximation, which the exact one meets at two digits).
    found = odds_ratio(86, 150)
    assert round(found.estimate, 2) == 0.57
    assert (found.low, found.high) == pytest.approx((0.44, 0.75), abs=0.01)


def test_odds_ratio_without_discordant_items_on_a_side_is_unbounded_there():
    none, zero, unbounded = odds_ratio(0, 0), odds_ratio(0, 7), odds_ratio(7, 0)
    assert (none.estimate, none.low, none.high) == (None, 0.0, None)
    assert (zero.estimate, zero.low) == (0.0, 0.0)
    assert (unbounded.estimate, unbounded.high) == (None, None)
    # Clopper-Pearson at 7 of 7: π ≥ (α/2)^(1/7).
    share = 0.025 ** (1 / 7)
    assert unbounded.low == pytest.approx(share / (1 - share))
    assert zero.high == pytest.approx((1 - share) / share)
    assert unbounded.to_json()["high"] is None


@given(st.integers(0, 40), st.integers(0, 40))
def test_odds_ratio_excludes_one_exactly_when_mcnemar_rejects(b, c):
    found = odds_ratio(b, c)
    excludes = found.low > 1 or (found.high is not None and found.high < 1)
    assert excludes == (mcnemar_exact(b, c) < 0.05)
