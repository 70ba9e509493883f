"""Pooling over datasets against metafor's documented output, statsmodels and slow literal formulas."""

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq, minimize_scalar

from splitplot.inference.intervals import Interval
from splitplot.inference.mcnemar import tango
from splitplot.inference.meta import FEW_DATASETS, i2_interval, pool, reml_tau2, standard_error

BCG = [
    (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619),
    (33, 5036, 47, 5761), (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892),
    (29, 7470, 45, 7232), (17, 1699, 65, 1600), (186, 50448, 141, 27197), (5, 2493, 3, 2338),
    (27, 16886, 29, 17825),
]  # fmt: skip
"""Colditz et al. 1994: ill and well, vaccinated; ill and well, not vaccinated (metafor's dat.bcg)."""


@pytest.fixture
def bcg():
    """Log risk ratios and their standard errors."""
    a, b, c, d = np.array(BCG, dtype=float).T
    effects = np.log(a / (a + b)) - np.log(c / (c + d))
    return effects, np.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))


def test_bcg_is_what_metafor_documents(bcg):
    # The README of metafor: rma(yi, vi, data=dat, test="knha") on the log risk ratios.
    found = pool(*bcg)
    assert found.tau2 == pytest.approx(0.3132, abs=5e-5)
    assert (found.q, found.q_df) == (pytest.approx(152.2330, abs=5e-5), 12)
    assert found.q_p < 0.0001
    random = found.random
    assert random.estimate == pytest.approx(-0.7145, abs=5e-5)
    assert random.se == pytest.approx(0.1808, abs=5e-5)
    assert random.df == 12
    assert (random.low, random.high) == (
        pytest.approx(-1.1084, abs=5e-5),
        pytest.approx(-0.3206, abs=5e-5),
    )
    # rma(yi, vi, data=dat) without the adjustment: SE 0.1798.
    weight = 1 / (bcg[1] ** 2 + found.tau2)
    assert 1 / np.sqrt(weight.sum()) == pytest.approx(0.1798, abs=5e-5)
    # rma(yi, vi, data=dat, method="FE"): -0.4303, SE 0.0405.
    assert found.fixed.estimate == pytest.approx(-0.4303, abs=5e-5)
    assert found.fixed.se == pytest.approx(0.0405, abs=5e-5)


def literal_reml(y, v):
    """The restricted likelihood as a multivariate normal density of the n − 1 contrasts, maximised."""
    contrasts = np.linalg.svd(np.ones((1, y.size)))[2][1:]

    def deviance(tau2):
        covariance = contrasts @ np.diag(v + tau2) @ contrasts.T
        return -2 * stats.multivariate_normal(np.zeros(y.size - 1), covariance).logpdf(
            contrasts @ y
        )

    found = minimize_scalar(
        deviance, bounds=(0, 50 * y.var() + 1e-6), method="bounded", options={"xatol": 1e-12}
    )
    return 0.0 if deviance(0.0) <= found.fun else found.x


@pytest.mark.parametrize("seed", range(12))
def test_reml_maximises_the_density_of_the_contrasts(seed):
    random = np.random.default_rng(seed)
    k = random.integers(2, 12)
    se = random.uniform(0.01, 0.2, k)
    y = random.normal(0.1, random.choice([0.0, 0.05, 0.3]), k) + random.normal(0, se)
    assert reml_tau2(y, se) == pytest.approx(literal_reml(y, se**2), abs=2e-6)


def test_other_estimates_of_tau2_are_near(bcg):
    # DerSimonian & Laird 1986 and Paule & Mandel 1982, by their formulas; metafor documents DL 0.3088.
    y, se = bcg
    w = 1 / se**2
    q = (w * (y - (w * y).sum() / w.sum()) ** 2).sum()
    laird = (q - 12) / (w.sum() - (w**2).sum() / w.sum())
    assert laird == pytest.approx(0.3088, abs=5e-5)

    def excess(tau2):
        weight = 1 / (se**2 + tau2)
        return (weight * (y - (weight * y).sum() / weight.sum()) ** 2).sum() - 12

    mandel = brentq(excess, 0, 10)
    assert reml_tau2(y, se) == pytest.approx(laird, rel=0.05)
    assert reml_tau2(y, se) == pytest.approx(mandel, rel=0.05)


def test_statsmodels_agrees_where_its_tau2_is_ours():
    # statsmodels.combine_effects with the iterated (Paule-Mandel) tau²; equal variances make it REML's.
    from statsmodels.stats.meta_analysis import combine_effects

    y = np.array([0.10, 0.25, -0.05, 0.40, 0.15])
    v = np.full(5, 0.01)
    reference = combine_effects(y, v, method_re="iterated", use_t=True)
    found = pool(y, np.sqrt(v))
    assert found.tau2 == pytest.approx(reference.tau2, abs=1e-6)
    assert found.random.estimate == pytest.approx(reference.mean_effect_re, abs=1e-6)
    assert found.random.se == pytest.approx(reference.sd_eff_w_re_hksj, abs=1e-6)
    assert found.fixed.estimate == pytest.approx(reference.mean_effect_fe)
    assert found.fixed.se == pytest.approx(reference.sd_eff_w_fe)
    assert found.q == pytest.approx(reference.q)
    assert found.i2 == pytest.approx(reference.i2)


def test_tau2_is_never_below_0_where_statsmodels_lets_it():
    # Trap: combine_effects(method_re="chi2") does not clip tau², which moves the pooled mean.
    from statsmodels.stats.meta_analysis import combine_effects

    y, se = np.array([0.03, 0.031, 0.029, 0.035]), np.array([0.02, 0.03, 0.05, 0.01])
    reference = combine_effects(y, se**2, method_re="chi2")
    assert reference.tau2 < 0
    found = pool(y, se)
    assert found.tau2 == 0.0
    assert found.random.estimate == pytest.approx(found.fixed.estimate)
    assert np.isfinite(found.random.se)


def test_effects_that_happen_to_agree_do_not_narrow_the_interval():
    # Trap: plain Hartung-Knapp on homogeneous data gave an SE of .0015 beside a fixed effect's .0104.
    y, se = 0.05 + np.array([0.002, -0.001, 0.001, -0.002, 0.0]), np.full(5, 0.0104 * np.sqrt(5))
    found = pool(y, se)
    assert found.hk_factor < 0.02
    assert np.sqrt(found.hk_factor) * found.fixed.se < 0.0015  # what the plain formula would say
    assert found.random.se == pytest.approx(found.fixed.se)
    assert found.random.high - found.random.low > found.fixed.high - found.fixed.low


def test_two_datasets_that_differ_say_next_to_nothing():
    found = pool([0.0, 0.13], [0.01, 0.01])
    assert found.random.low < -0.5
    assert found.random.high > 0.6
    assert found.prediction is None
    assert (found.i2_low, found.i2_high) == (None, None)


def test_one_dataset_has_no_random_effects():
    found = pool([0.1], [0.02])
    assert (found.random, found.prediction, found.q_p) == (None, None, None)
    assert found.fixed.estimate == 0.1
    assert (found.q, found.q_df, found.tau2, found.i2) == (0.0, 0, 0.0, 0.0)


def test_the_prediction_interval_is_the_formula_of_higgins_and_others(bcg):
    found = pool(*bcg)
    half = stats.t.ppf(0.975, 11) * np.sqrt(found.tau2 + found.random.se**2)
    assert found.prediction.low == pytest.approx(found.random.estimate - half)
    assert found.prediction.high == pytest.approx(found.random.estimate + half)


def test_the_prediction_interval_covers_a_further_dataset_about_as_often_as_is_known():
    # Partlett & Riley 2017: below nominal with few studies, because τ² is estimated.
    random = np.random.default_rng(8)
    hits, runs, k = 0, 1500, 10
    for _ in range(runs):
        se = random.uniform(0.03, 0.06, k)
        y = 0.05 + random.normal(0, 0.08, k) + random.normal(0, se)
        found = pool(y, se).prediction
        hits += found.low <= 0.05 + random.normal(0, 0.08) <= found.high
    assert 0.91 < hits / runs < 0.96


@pytest.mark.long
@pytest.mark.parametrize("tau", [0.0, 0.05])
@pytest.mark.parametrize("k", [3, 5, 10])
def test_the_random_effects_interval_keeps_its_level(tau, k):
    random = np.random.default_rng([k, int(100 * tau)])
    hits, runs = 0, 1000
    for _ in range(runs):
        se = random.uniform(0.02, 0.06, k)
        y = 0.05 + random.normal(0, tau, k) + random.normal(0, se)
        found = pool(y, se).random
        hits += found.low <= 0.05 <= found.high
    assert hits / runs >= 0.93


def test_i2_and_its_interval_are_those_of_higgins_and_thompson(bcg):
    # The test-based interval of ln H, written out (Higgins & Thompson 2002, section 3).
    q, k = 152.2330, 13
    se = 0.5 * (np.log(q) - np.log(k - 1)) / (np.sqrt(2 * q) - np.sqrt(2 * k - 3))
    h = np.sqrt(q / (k - 1)) * np.exp(np.array([-1, 1]) * 1.959964 * se)
    found = pool(*bcg)
    assert found.i2 == pytest.approx(1 - 12 / 152.2330, abs=1e-6)
    assert (found.i2_low, found.i2_high) == pytest.approx(tuple(1 - 1 / h**2), abs=1e-5)
    # I² of 92.1 %, 88.3 to 94.7: what programs that use this formula print for these data.
    assert (round(found.i2_low, 3), round(found.i2_high, 3)) == (0.883, 0.947)


def test_little_spread_has_an_i2_of_0_with_room_above():
    low, high = i2_interval(2.0, 6)
    assert low == 0.0
    assert 0.5 < high < 1.0


@pytest.mark.parametrize(
    ("y", "se"), [([], []), ([0.1], [0.0]), ([0.1], [-1.0]), ([np.nan], [0.1]), ([0.1], [0.1, 0.2])]
)
def test_what_has_no_weight_is_refused(y, se):
    with pytest.raises(ValueError, match=r"standard error|finite"):
        pool(y, se)


def test_the_standard_error_of_a_t_interval_is_its_own_and_of_tango_never_0():
    t = Interval(0.1, 0.1 - 2.262157 * 0.02, 0.1 + 2.262157 * 0.02, 0.95, "t", 0.02, 9.0)
    assert standard_error(t) == pytest.approx(0.02, abs=1e-7)
    same = tango(0, 0, 100)
    assert same.se == 0.0
    assert standard_error(same) == pytest.approx(1.959964 / (100 + 1.959964**2), abs=1e-6)


def test_the_order_and_unit_of_the_datasets_do_not_matter(bcg):
    y, se = bcg
    one, back, scaled = pool(y, se), pool(y[::-1], se[::-1]), pool(y * 1e-3, se * 1e-3)
    assert back.tau2 == pytest.approx(one.tau2, rel=1e-7)
    assert scaled.tau2 == pytest.approx(one.tau2 * 1e-6, rel=1e-7)
    assert FEW_DATASETS == 5
