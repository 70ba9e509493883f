"""Calibration against literal sums, Kumar's Monte Carlo, identities, and simulation of error rates."""

import numpy as np
import pytest

from splitplot.inference.calibration import (
    MAX_DISTINCT,
    bin_of,
    brier,
    brier_interval,
    ece,
    ece_debiased,
    ece_interval,
    reliability_bins,
)
from splitplot.inference.resampling.bootstrap import bootstrap_statistics
from splitplot.inference.resampling.intervals import MIN_UNITS

LEVELS = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0])


def answers(n, gap, seed):
    """Confidences and 0/1 scores; a share `gap` too sure of itself."""
    random = np.random.default_rng(seed)
    c = random.choice(LEVELS, n)
    return c, (random.random(n) < np.clip(c - gap, 0, 1)).astype(float)


def test_bins_are_right_closed_on_percents_whatever_the_floats_say():
    # Trap: in floats 0.29·100 = 28.999999999999996, 0.07·100 = 7.000000000000001, 0.1 + 0.2 > 0.3.
    for percent in range(101):
        right = max(0, -(-percent // 10) - 1)  # integers only
        assert bin_of([percent / 100])[0] == right
        assert bin_of([0.01 * percent])[0] == right
    assert bin_of([0.1 + 0.2])[0] == bin_of([0.3])[0] == 2
    assert bin_of([0.301])[0] == 3
    assert bin_of([0.0])[0] == 0
    # The formula that is usually written puts these three tenths into the bin above.
    assert np.ceil((0.1 + 0.2) * 10) - 1 == 3


def test_the_table_of_bins_adds_up_to_the_ece():
    c, y = answers(300, 0.1, 1)
    table = reliability_bins(c, y)
    assert [entry.n for entry in table][:4] == [0, 0, 0, 0]
    assert table[0].confidence is None
    assert sum(entry.n for entry in table) == 300
    by_hand = sum(e.n / 300 * abs(e.confidence - e.accuracy) for e in table if e.n)
    assert ece(c, y) == pytest.approx(by_hand)


def test_a_small_ece_by_hand():
    # Two bins: three answers at 70 (two right), two at 90 (none right): 3/5·|.7 − 2/3| + 2/5·.9.
    value = ece([0.7, 0.7, 0.7, 0.9, 0.9], [1, 1, 0, 0, 0])
    assert value == pytest.approx(0.6 * (0.7 - 2 / 3) + 0.4 * 0.9)


def test_the_debiased_ece_is_the_expectation_that_kumar_and_others_draw():
    # Kumar, Liang & Ma 2019 (arXiv:1909.10155), the L1 estimate: plain − (mean over draws − plain), the
    # accuracy of a bin drawn as normal around what was seen. Variance over units: n − 1, not n.
    c, y = answers(120, 0.05, 4)
    place = bin_of(c)
    random = np.random.default_rng(0)
    plain = drawn = 0.0
    for k in np.unique(place):
        inside = place == k
        n, gap = inside.sum(), (y[inside] - c[inside]).mean()
        sigma = (y[inside] - c[inside]).std(ddof=1) / np.sqrt(n)
        plain += n / 120 * abs(gap)
        drawn += n / 120 * np.abs(random.normal(gap, sigma, 400_000)).mean()
    assert ece_debiased(c, y) == pytest.approx(2 * plain - drawn, abs=2e-4)


@pytest.mark.parametrize("gap", [0.0, 0.05])
def test_debiasing_takes_away_a_third_of_the_bias_at_least(gap):
    found = [(ece(c, y), ece_debiased(c, y)) for c, y in (answers(150, gap, s) for s in range(400))]
    plain, debiased = np.mean(found, axis=0) - gap
    assert plain > 0.015
    assert abs(debiased) < plain * 2 / 3


def test_replications_of_an_item_are_one_unit_of_the_bias():
    # The same answer thrice is no more knowledge: its bias is that of one answer.
    c, y = answers(100, 0.0, 7)
    once = ece_debiased(c, y)
    thrice = ece_debiased(np.repeat(c, 3), np.repeat(y, 3), np.repeat(np.arange(100), 3))
    assert thrice == pytest.approx(once)
    assert ece_debiased(np.repeat(c, 3), np.repeat(y, 3)) > once


def test_a_bin_with_one_unit_takes_the_variance_of_a_calibrated_answer():
    # One answer at .8: |gap| .2; sigma² = .8·.2.
    from scipy.stats import foldnorm

    sigma = np.sqrt(0.16)
    mean = foldnorm(0.2 / sigma, scale=sigma).mean()
    assert ece_debiased([0.8], [1.0]) == pytest.approx(2 * 0.2 - mean)


@pytest.mark.long
@pytest.mark.parametrize(
    ("n", "gap"),
    [
        (200, 0.0),
        (200, 0.03),
        (200, 0.2),
        (1000, 0.1),
    ],
)
def test_the_interval_of_the_ece_covers_where_percentiles_do_not(n, gap):
    runs, hits, percentiles = 120, 0, 0
    for seed in range(runs):
        c, y = answers(n, gap, [seed, n])
        low, high = ece_interval(c, y, seed=seed)
        assert low <= ece(c, y) <= high
        hits += low <= gap <= high
        if gap == 0.0 and seed < 30:
            draws = bootstrap_statistics(
                lambda w, c=c, y=y: [ece(np.repeat(c, w.astype(int)), np.repeat(y, w.astype(int)))],
                n,
                draws=1_000,
                seed=seed,
            )
            percentiles += np.quantile(draws, 0.025) <= gap
    assert hits / runs >= 0.88
    if gap == 0.0:
        assert percentiles == 0


def test_the_interval_of_the_ece_is_honest_about_clusters():
    c, y = answers(200, 0.1, 3)
    alone = ece_interval(c, y, seed=1)
    groups = np.repeat(np.arange(200), 5)
    repeated = ece_interval(np.repeat(c, 5), np.repeat(y, 5), groups, seed=1)
    assert repeated == pytest.approx(alone)


@pytest.mark.parametrize("seed", range(5))
def test_the_parts_of_the_brier_score_are_murphys_and_add_up(seed):
    c, y = answers(200, 0.1, seed)
    found = brier(c, y)
    # Murphy 1973, sums over the distinct forecasts.
    overall = y.mean()
    values = np.unique(c)
    share = np.array([(c == v).mean() for v in values])
    mean = np.array([y[c == v].mean() for v in values])
    assert found.reliability == pytest.approx((share * (values - mean) ** 2).sum())
    assert found.resolution == pytest.approx((share * (mean - overall) ** 2).sum())
    assert found.uncertainty == pytest.approx(overall * (1 - overall))
    assert found.brier == pytest.approx(found.reliability - found.resolution + found.uncertainty)
    assert found.parts == "7 distinct confidences"


def test_with_many_confidences_the_parts_on_bins_keep_the_identity_exactly():
    # Stephenson, Coelho & Jolliffe 2008, equation 10: WBV and WBC written out.
    random = np.random.default_rng(2)
    c = random.random(400)
    y = (random.random(400) < c).astype(float)
    found = brier(c, y)
    place = bin_of(c)
    wbv = wbc = 0.0
    for k in np.unique(place):
        inside = place == k
        wbv += ((c[inside] - c[inside].mean()) ** 2).sum() / 400
        wbc += 2 * ((y[inside] - y[inside].mean()) * (c[inside] - c[inside].mean())).sum() / 400
    plain = sum(
        (place == k).mean() * (y[place == k].mean() - y.mean()) ** 2 for k in np.unique(place)
    )
    assert found.resolution == pytest.approx(plain - wbv + wbc)
    assert found.brier == pytest.approx(((c - y) ** 2).mean())
    assert found.brier == pytest.approx(
        found.reliability - found.resolution + found.uncertainty, abs=1e-15
    )
    assert np.unique(c).size > MAX_DISTINCT
    assert "10 equal bins" in found.parts


def test_the_identity_holds_for_scores_between_0_and_1():
    random = np.random.default_rng(6)
    found = brier(random.choice(LEVELS, 90), random.random(90))
    assert found.brier == pytest.approx(found.reliability - found.resolution + found.uncertainty)


def test_the_interval_of_the_brier_score_is_that_of_a_mean():
    c, y = answers(400, 0.1, 9)
    low, high = brier_interval(c, y, seed=5)
    losses = (c - y) ** 2
    half = 1.96 * losses.std(ddof=1) / 20
    assert (low, high) == pytest.approx((losses.mean() - half, losses.mean() + half), abs=0.004)


def test_the_same_seed_gives_the_same_interval_and_another_one_another():
    c, y = answers(100, 0.1, 9)
    assert ece_interval(c, y, seed=5) == ece_interval(c, y, seed=5)
    assert brier_interval(c, y, seed=5) != brier_interval(c, y, seed=6)


def test_few_units_and_no_spread_have_no_interval():
    c, y = answers(MIN_UNITS - 1, 0.1, 1)
    assert ece_interval(c, y) is None
    assert brier_interval(c, y) is None
    same = np.ones(200)
    assert ece_interval(same, same) is None
    assert brier_interval(same, same) is None


@pytest.mark.parametrize(
    ("c", "y"), [([], []), ([0.5], [0.5, 1]), ([1.2], [1]), ([0.5], [-0.1]), ([np.nan], [1])]
)
def test_what_is_no_confidence_is_refused(c, y):
    with pytest.raises(ValueError, match=r"within 0…1|at least one answer"):
        ece(c, y)
