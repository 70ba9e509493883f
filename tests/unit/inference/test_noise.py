"""Run-to-run noise and what a study can see, against simulation and scipy's power."""

import numpy as np
import pytest
from scipy import stats

from splitplot.inference.intervals import Interval
from splitplot.inference.noise import (
    RunNoise,
    items_needed,
    items_to_settle,
    run_noise,
    run_variance,
    smallest_detectable,
    these_items_interval,
    these_items_p_value,
)


def test_formula_by_hand():
    # (1/I²) Σ (s²_A/K_A + s²_B/K_B) with I = 2: (0.3/3 + 0/3 + 0.5/2 + 0.5/2)/4 = 0.15
    a, b = run_variance([3, 3], [0.3, 0.0]), run_variance([2, 2], [0.5, 0.5])
    noise = run_noise(a, b)
    assert noise.se_run == pytest.approx(np.sqrt(0.15))
    # Satterthwaite over the terms 0.1, 0, 0.25, 0.25 of one degree of freedom each: 0.6²/0.135
    assert noise.df == pytest.approx(0.36 / 0.135)
    assert noise.half_width == pytest.approx(stats.t.ppf(0.975, noise.df) * noise.se_run)
    assert run_noise(a, b, replications=3).df == pytest.approx(2 * noise.df)


def test_noise_is_how_far_a_difference_moves_when_everything_is_run_again():
    random = np.random.default_rng(1)
    chance_a, chance_b = random.random((2, 80))
    k = 3
    differences, estimates = [], []
    for _ in range(1500):
        a, b = (random.random((k, 80)) < chance for chance in (chance_a, chance_b))
        differences.append(a.mean() - b.mean())
        va, vb = (run_variance(np.full(80, k), x.var(axis=0, ddof=1)) for x in (a, b))
        estimates.append(run_noise(va, vb).se_run ** 2)
    assert np.sqrt(np.mean(estimates)) == pytest.approx(np.std(differences), rel=0.06)


def test_an_item_with_a_single_kept_replication_takes_the_mean_variance_of_the_others():
    assert run_variance([2, 2, 1], [0.5, 0.1, 0.0]) == pytest.approx([0.25, 0.05, 0.3])
    assert run_variance([1, 1], [0.0, 0.0]) is None


def test_one_replication_says_nothing_and_says_so():
    noise = run_noise(None, np.array([0.1]))
    assert noise.se_run is None
    assert "two replications" in noise.reason


def test_no_variation_is_zero_only_where_sampling_is_deterministic():
    still = np.zeros(5)
    assert run_noise(still, still, deterministic=True).se_run == 0.0
    noise = run_noise(still, still)
    assert noise.se_run is None
    assert "too small to be detected" in noise.reason


def test_interval_and_p_value_for_exactly_these_items():
    noise = run_noise(np.full(4, 0.01), np.full(4, 0.03))  # SE = √0.16/4 = 0.1
    interval = these_items_interval(0.15, noise)
    df = 0.16**2 / (4 * 0.01**2 + 4 * 0.03**2)
    assert (interval.low, interval.high) == pytest.approx(stats.t.interval(0.95, df, 0.15, 0.1))
    assert (interval.df, interval.method) == (pytest.approx(df), "run-to-run noise, t")
    assert these_items_p_value(0.15, noise) == pytest.approx(2 * stats.t.sf(1.5, df))


def test_noise_that_is_taken_as_known_keeps_the_normal_quantile():
    noise = RunNoise(0.1, 0.2, None)
    interval = these_items_interval(0.15, noise)
    assert (interval.low, interval.high) == pytest.approx(stats.norm.interval(0.95, 0.15, 0.1))
    assert these_items_p_value(0.15, noise) == pytest.approx(2 * stats.norm.sf(1.5))


@pytest.mark.parametrize(("unstable", "replications"), [(3, 2), (3, 3), (5, 2), (5, 3)])
def test_a_handful_of_unstable_items_raise_no_more_false_alarms_than_they_may(
    unstable, replications
):
    # By simulation, 50 items of which few ever change; the normal quantile has .062 to .101 here.
    # Monte Carlo standard error of .05: .005.
    random = np.random.default_rng([unstable, replications])
    alarms, interval_alarms, normal, runs = 0, 0, 0, 2000
    for _ in range(runs):
        chance = random.uniform(0.3, 0.7, unstable)
        arms = np.zeros((2, replications, 50))
        arms[:, :, :unstable] = random.random((2, replications, unstable)) < chance
        count = np.full(50, replications)
        noise = run_noise(*(run_variance(count, arm.var(axis=0, ddof=1)) for arm in arms))
        if noise.se_run is None:
            continue
        gap = arms[0].mean() - arms[1].mean()
        interval = these_items_interval(gap, noise)
        alarms += these_items_p_value(gap, noise) < 0.05
        interval_alarms += interval.low > 0 or interval.high < 0
        normal += abs(gap) > 1.959964 * noise.se_run
    assert alarms == interval_alarms
    assert alarms / runs < 0.05 < normal / runs


def test_smallest_detectable_difference_is_found_with_80_percent_power():
    se, df = 0.03, 59
    gap = smallest_detectable(se, 0.05, df)
    critical = stats.t.ppf(0.975, df)
    power = stats.nct.sf(critical, df, gap / se)
    assert power == pytest.approx(0.8, abs=0.005)
    assert smallest_detectable(0.0, 0.05) is None


@pytest.mark.parametrize("effect", [0.05, 0.1, 0.3, 0.5, 0.9])
def test_items_needed_is_the_sample_size_of_the_paired_t_test(effect):
    # Reference: statsmodels, by the noncentral t distribution. Ours adds two quantiles: within an item.
    from statsmodels.stats.power import TTestPower

    expected = TTestPower().solve_power(effect_size=effect, alpha=0.05, power=0.8)
    se = 0.5 / np.sqrt(200)
    assert abs(items_needed(se, 200, 0.5 * effect, 0.05) - expected) <= 1


def test_items_needed_are_not_known_without_a_margin_or_noise():
    assert items_needed(0.03, 200, 0.0, 0.05) is None
    assert items_needed(0.0, 200, 0.05, 0.05) is None


def test_items_to_settle_shrinks_the_interval_to_the_margin():
    interval = Interval(0.0, -0.04, 0.04, 0.95, "t")
    assert items_to_settle(interval, 100, 0.02) == 1600
    assert items_to_settle(interval, 100, 0.1) is None
