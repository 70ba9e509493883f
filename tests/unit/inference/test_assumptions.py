"""Closed forms of what a study can see, against statsmodels' power functions and published formulas."""

from math import ceil, sqrt

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.stats.power import TTestPower

from splitplot.inference.assumptions import (
    Components,
    Size,
    arm_means,
    components,
    detectable,
    difference_se,
    difference_variance,
    half_width,
    items_for_equivalence,
    items_for_gap,
    run_factor,
)
from splitplot.inference.clusters import cr2_mean


def miller(delta, omega2, run_a, run_b, k_a, k_b, alpha=0.05, power=0.8):
    """n = (z_{α/2} + z_β)² (ω² + σ²_A/K_A + σ²_B/K_B)/δ² (Miller 2024, section 5), written out."""
    z = norm.ppf(1 - alpha / 2) + norm.ppf(power)
    return z**2 * (omega2 + run_a / k_a + run_b / k_b) / delta**2


def graded(mean=0.5, item=0.2, arm=0.1, run=0.15, share=0.3):
    return Components(mean, item, arm, run, share)


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("gap", [0.03, 0.1])
def test_items_for_a_gap_are_millers_formula_and_two_more_for_t(k, gap):
    c = graded()
    # the arms lie gap/2 above and below the mean, and their variances keep their shares of m(1 − m)
    grown = [(0.5 + s * gap / 2) * (0.5 - s * gap / 2) / 0.25 for s in (1, -1)]
    within = (
        sum(0.1**2 * g for g in grown)
        + 0.2**2 * sum(grown)
        - 2 * 0.2**2 * sqrt(grown[0] * grown[1])
    )
    wanted = miller(gap, within, 0.15**2 * grown[0], 0.15**2 * grown[1], k, k)
    found = items_for_gap(c, gap, Size(100, (k,), (k,), k), 0.05)
    assert 1 < found - wanted < 4  # t in place of z


def test_a_family_that_shares_alpha_needs_more_items_by_the_same_formula():
    c, size = graded(), Size(100, (2,), (2,), 2)
    omega2, variance = difference_variance(c, 0.04, size)
    each = (variance - omega2) * 2  # σ²_A + σ²_B, as K = 2
    wanted = miller(0.04, omega2, each / 2, each / 2, 2, 2, alpha=0.05 / 3)
    assert 1 < items_for_gap(c, 0.04, size, 0.05, family=3) - wanted < 4
    assert wanted > 1.2 * items_for_gap(c, 0.04, size, 0.05)


def test_the_example_of_miller_needs_969_items():
    # ω² = 1/9 and no run noise, a gap of 3 points: 969 questions (Miller 2024, section 5)
    assert ceil(miller(0.03, 1 / 9, 0, 0, 1, 1)) == 969
    c = Components(0.5, 0.0, sqrt(1 / 18), 0.0)
    assert items_for_gap(c, 0.03, Size(10, (1,), (1,)), 0.05) == pytest.approx(969, rel=0.003)


def test_the_detectable_gap_has_the_power_that_statsmodels_gives_it():
    c, n = graded(), 120
    size = Size(n, (2,), (2,), 2)
    gap = detectable(c, size, 0.05)
    deviation = sqrt(difference_variance(c, 0.0, size)[1])
    power = TTestPower().power(gap / deviation, n, 0.05, alternative="two-sided")
    assert power == pytest.approx(0.8, abs=0.003)
    shared = detectable(c, size, 0.05, family=4)
    assert TTestPower().power(shared / deviation, n, 0.05 / 4) == pytest.approx(0.8, abs=0.003)


def test_the_half_width_is_that_of_a_t_interval():
    from scipy.stats import t

    size = Size(50, (1,), (1,))
    deviation = sqrt(2 * (0.1**2 + 0.15**2))
    assert half_width(graded(), 0.0, size, 0.05) == pytest.approx(
        t.ppf(0.975, 49) * deviation / sqrt(50)
    )


def test_items_for_equivalence_pass_both_one_sided_tests_8_times_in_10():
    c, margin = graded(), 0.05
    n = items_for_equivalence(c, margin, Size(10, (1,), (1,)), 0.05)
    se = sqrt(difference_variance(c, 0.0, Size(n, (1,), (1,)))[1] / n)
    # P(|estimate| < margin − z·se) where the estimate is normal around 0
    assert 2 * norm.cdf((margin - norm.ppf(0.95) * se) / se) - 1 == pytest.approx(0.8, abs=0.005)


def test_an_arm_of_several_cells_averages_their_run_noise():
    assert run_factor((1,)) == 1
    assert run_factor((4,)) == 1 / 4
    # the mean of a cell with one answer and one with three: (σ² + σ²/3)/4
    assert run_factor((1, 3)) == pytest.approx((1 + 1 / 3) / 4)


@pytest.mark.parametrize("per_cluster", [2, 5, 20])
def test_clusters_widen_the_interval_as_cr2_finds_it(per_cluster):
    rng, n = np.random.default_rng(per_cluster), 400
    c = Components(0.5, 0.1, 0.2, 0.1, cluster_share=0.5)
    cluster = np.arange(n) // per_cluster
    size = Size(n, (1,), (1,), cluster=cluster)
    between = 2 * 0.2**2
    found = []
    for _ in range(400):
        common = rng.normal(0, sqrt(0.5 * between), n // per_cluster)[cluster]
        own = rng.normal(0, sqrt(0.5 * between), n)
        found.append(cr2_mean(common + own + rng.normal(0, sqrt(2 * 0.1**2), n), cluster).se ** 2)
    se, df = difference_se(c, 0.0, size)
    assert se**2 == pytest.approx(np.mean(found), rel=0.06)
    assert df == pytest.approx(n / per_cluster - 1, rel=1e-9)


def test_cautious_defaults_are_right_or_wrong_answers_that_correlate_0_3():
    c = components()
    assert c.binary and c.graininess == pytest.approx(1)
    assert c.item_sd**2 / (c.item_sd**2 + c.item_arm_sd**2 + c.run_sd**2) == pytest.approx(0.3)
    # with one answer each, two right-or-wrong arms of equal mean differ on 35 items of 100
    assert difference_variance(c, 0.0, Size(1, (1,), (1,)))[1] == pytest.approx(0.35)


def test_what_is_given_is_kept_and_the_rest_takes_what_is_left():
    c = components(mean=0.9, item_arm_sd=0.28)
    assert (c.mean, c.item_arm_sd) == (0.9, 0.28)
    assert c.item_sd**2 + c.item_arm_sd**2 + c.run_sd**2 == pytest.approx(0.09)
    assert c.item_sd**2 == pytest.approx(0.09 - 0.28**2)


def test_components_beyond_what_scores_can_vary_are_refused_with_the_numbers():
    with pytest.raises(ValueError, match=r"0\.5 · 0\.5 = 0\.25"):
        components(item_sd=0.4, run_sd=0.4)
    with pytest.raises(ValueError, match="must lie between"):
        components(mean=0.001)


def test_a_gap_beyond_the_end_of_the_scale_moves_both_arms():
    a, b = arm_means(components(mean=0.98), 0.1)
    assert a - b == pytest.approx(0.1)
    assert a < 1 and b > 0
    with pytest.raises(ValueError, match="does not fit"):
        arm_means(components(), 1.0)
