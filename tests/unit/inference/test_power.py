"""Chances of verdicts, against statsmodels, against enumeration, and against the procedures themselves."""

from math import sqrt

import numpy as np
import pytest
from scipy.stats import binom, multinomial
from statsmodels.stats.power import TTestPower

from splitplot.inference.assumptions import (
    Components,
    Size,
    components,
    difference_variance,
    item_moments,
    items_for_gap,
)
from splitplot.inference.evidence import FIXED
from splitplot.inference.mcnemar import mcnemar_exact, tango
from splitplot.inference.paired import paired_comparison
from splitplot.inference.power import Claim, chances, point
from splitplot.inference.words import EQUIVALENT, NO_VERDICT, NOT_SETTLED

DRAWS = 3_000
ERROR = 3 * sqrt(0.25 / DRAWS)


def graded():
    return Components(0.5, 0.2, 0.1, 0.15)


@pytest.mark.parametrize(("gap", "n", "k"), [(0.05, 100, 1), (0.04, 200, 2), (0.03, 60, 3)])
def test_the_chance_to_see_a_gap_is_the_power_of_the_paired_t_test(gap, n, k):
    c, size = graded(), Size(n, (k,), (k,), k)
    found = chances(c, gap, size, Claim(0.01), draws=DRAWS, seed=1).found
    deviation = sqrt(difference_variance(c, gap, size)[1])
    wanted = TTestPower().power(gap / deviation, n, 0.05, alternative="two-sided")
    # the adjusted t interval is a little wider than the plain one on small samples
    assert wanted - ERROR - 0.03 < found < wanted + ERROR


def cells_of_two_by_two(c, gap):
    """P(A alone right), P(B alone right) of one answer each: E[p_A(1 − p_B)], E[p_B(1 − p_A)]."""
    a, b = c.mean + gap / 2, c.mean - gap / 2
    both = item_moments(c, gap)[2] + a * b
    return a - both, b - both


def exact_power(b_chance, c_chance, n, decides):
    """Σ of the trinomial probabilities of the tables that decide for A."""
    total = 0.0
    for differing in range(n + 1):
        weight = binom.pmf(differing, n, b_chance + c_chance)
        if weight < 1e-9:
            continue
        b = np.arange(differing + 1)
        chance = binom.pmf(b, differing, b_chance / (b_chance + c_chance))
        keep = [decides(int(one), differing - int(one)) for one in b]
        total += weight * float(chance[keep].sum())
    return total


@pytest.mark.parametrize(("family", "gap"), [(1, 0.12), (3, 0.15)])
def test_right_or_wrong_answers_have_the_exact_power_of_mcnemar_and_tango(family, gap):
    c, n = components(), 120
    found = chances(c, gap, Size(n, (1,), (1,)), Claim(0.05, family=family), draws=DRAWS, seed=2)

    def decides(b, other):
        if b <= other or tango(b, other, n, 0.95).low <= 0:
            return False
        return family == 1 or mcnemar_exact(b, other) <= 0.05 / family

    wanted = exact_power(*cells_of_two_by_two(c, gap), n, decides)
    assert found.found == pytest.approx(wanted, abs=ERROR)


def test_the_trinomial_of_the_reference_is_scipys_multinomial():
    # exact_power factorises the trinomial; here its total is checked against scipy's own
    p = (0.2, 0.1)
    wanted = sum(
        multinomial.pmf([b, c, 12 - b - c], 12, [*p, 0.7])
        for b in range(13)
        for c in range(13 - b)
        if b > c + 3
    )
    assert exact_power(*p, 12, lambda b, c: b > c + 3) == pytest.approx(wanted, rel=1e-6)


def test_items_for_a_gap_give_mcnemars_exact_test_8_chances_in_10():
    c, gap = components(), 0.12
    n = items_for_gap(c, gap, Size(10, (1,), (1,)), 0.05)
    power = exact_power(
        *cells_of_two_by_two(c, gap), n, lambda b, o: b > o and mcnemar_exact(b, o) <= 0.05
    )
    assert power == pytest.approx(0.8, abs=0.02)


@pytest.mark.long
@pytest.mark.parametrize("k", [1, 3])
def test_without_a_gap_an_arm_is_found_ahead_at_most_as_often_as_alpha(k):
    found = chances(components(), 0.0, Size(150, (k,), (k,), k), Claim(0.01), draws=DRAWS, seed=3)
    assert found.false_alarms <= 0.05 + 3 * sqrt(0.05 * 0.95 / DRAWS)
    assert found.covered >= 0.95 - 3 * sqrt(0.05 * 0.95 / DRAWS) - 0.01


def test_a_family_shares_alpha_as_the_first_step_of_holm_does():
    alone = chances(components(), 0.0, Size(200, (2,), (2,), 2), Claim(0.01), draws=DRAWS, seed=4)
    of_five = chances(
        components(), 0.0, Size(200, (2,), (2,), 2), Claim(0.01, family=5), draws=DRAWS, seed=4
    )
    assert of_five.false_alarms < 0.02 < alone.false_alarms
    assert of_five.half_width == alone.half_width


def test_the_interval_at_alpha_over_the_family_stands_for_the_sign_flip_test():
    rng = np.random.default_rng(5)
    agree = []
    for seed in range(60):
        p = rng.beta(2, 2, 80)
        a, b = rng.binomial(3, np.minimum(1, p + 0.09)) / 3, rng.binomial(3, p) / 3
        result = paired_comparison(a, b, alpha=0.05 / 3, seed=seed)
        excluded = result.difference.low > 0 or result.difference.high < 0
        agree.append(excluded == (result.p_value <= 0.05 / 3))
    assert np.mean(agree) >= 0.95


def test_the_simulated_smallest_gap_is_near_the_closed_form():
    found = point(graded(), Size(150, (2,), (2,), 2), Claim(0.02), [0.0], draws=2_000, seed=6)
    assert found.detectable_drawn == pytest.approx(found.detectable, rel=0.08)
    assert found.chances[0].half_width == pytest.approx(found.half_width, rel=0.06)


def test_a_large_study_finds_equal_arms_equivalent():
    found = chances(components(), 0.0, Size(2_000, (2,), (2,), 2), Claim(0.05), draws=200, seed=7)
    assert found.counts[EQUIVALENT] > 195


def test_replications_do_not_help_where_the_answer_is_the_same_again():
    once = chances(components(), 0.1, Size(100, (1,), (1,)), Claim(0.05), draws=300, seed=8)
    again = chances(
        components(), 0.1, Size(100, (1,), (1,), replications=5), Claim(0.05), draws=300, seed=8
    )
    assert once.counts == again.counts


def test_clusters_are_analysed_as_clusters():
    c = Components(0.5, 0.2, 0.25, 0.2, cluster_share=0.6)
    n = 200
    cluster = np.arange(n) // 10
    alone = chances(c, 0.0, Size(n, (1,), (1,)), Claim(0.01), draws=800, seed=9)
    shared = chances(c, 0.0, Size(n, (1,), (1,), cluster=cluster), Claim(0.01), draws=800, seed=9)
    assert shared.half_width > 1.3 * alone.half_width
    assert shared.false_alarms < 0.05 + 3 * sqrt(0.05 * 0.95 / 800)


def test_exactly_these_items_needs_replications_and_is_narrower_with_them():
    claim = Claim(0.05, scope=FIXED)
    once = chances(graded(), 0.0, Size(100, (1,), (1,)), claim, draws=20, seed=10)
    assert once.counts == {NO_VERDICT: 20}
    assert "add replications" in once.refused and once.half_width is None
    again = chances(graded(), 0.0, Size(100, (3,), (3,), 3), claim, draws=200, seed=10)
    like = chances(graded(), 0.0, Size(100, (3,), (3,), 3), Claim(0.05), draws=200, seed=10)
    assert again.refused is None and again.half_width < like.half_width
    # z · √(2σ²/(K·I)), the run noise of the difference alone
    assert again.half_width == pytest.approx(1.96 * sqrt(2 * 0.15**2 / (3 * 100)), rel=0.03)


def test_a_study_too_small_for_a_verdict_says_why():
    found = chances(components(), 0.3, Size(19, (1,), (1,)), Claim(0.05), draws=20, seed=11)
    assert found.counts == {NO_VERDICT: 20} and found.found == 0
    assert "at least 20 are needed" in found.refused
    few = Size(40, (1,), (1,), cluster=np.arange(40) // 10)
    assert "clusters" in chances(components(), 0.0, few, Claim(0.05), draws=20).refused


def test_the_same_arguments_give_the_same_chances():
    size, claim = Size(80, (2,), (2,), 2), Claim(0.05)
    one = point(components(), size, claim, [0.0, 0.05], draws=60, seed=12)
    assert one == point(components(), size, claim, [0.0, 0.05], draws=60, seed=12)
    other = point(components(), size, claim, [0.0, 0.05], draws=60, seed=13)
    assert one.chances != other.chances


def test_chances_are_plain_values_with_their_monte_carlo_interval():
    value = chances(components(), 0.0, Size(60, (1,), (1,)), Claim(0.05), draws=100).to_json()
    settled = value["words"][NOT_SETTLED]
    assert settled["low"] < settled["share"] < settled["high"]
    assert sum(entry["share"] for entry in value["words"].values()) == pytest.approx(1)
